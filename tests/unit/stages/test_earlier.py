"""A new run knows the attempt before it that people have closed, and what they said in it."""

from dataclasses import replace

from agent.errors import AccessLost
from agent.models.outcome import EarlierPull
from agent.models.run import RunState
from agent.stages import triage
from tests.fakes import FakeCodeHost
from tests.unit.stages import code_host_runs
from tests.unit.stages.test_follow_up_threads import Pulls, comment, thread

EARLIER = EarlierPull(number=7, state=RunState.CLOSED, commit=None)


def closed(*threads):
    """A pull request that people have closed."""
    return Pulls(*threads, state="closed")


def known(tmp_path, pulls):
    made, told = code_host_runs.services(tmp_path, FakeCodeHost(code_host_runs.TICKET))
    desk = replace(
        replace(made, memory=code_host_runs.Remembered(earlier=(EARLIER,))), code_host=pulls
    )
    return triage.add_earlier_attempt(code_host_runs.TICKET, code_host_runs.run(), desk), told


def test_the_ticket_of_the_next_run_has_what_people_with_write_permission_said(tmp_path):
    pulls = closed(
        thread(comment(2, "maria", "Not here.<!-- hidden -->")),
        thread(comment(1, "max", "Why not `b`?")),
        thread(comment(3, "eve", "I am a stranger.")),
        thread(
            comment(4, "maria", "Coverage fell.", is_bot=True),
            comment(5, "maria", "/mergewright stop"),
        ),
    )
    ticket, _ = known(tmp_path, pulls)
    assert ticket.body.startswith(code_host_runs.TICKET.body)
    began, *said = ticket.body.removeprefix(code_host_runs.TICKET.body).strip().split("\n\n")
    assert "#7" in began
    assert said == [
        "max, 2026-11-20T10:00:01Z:\nWhy not `b`?",
        "maria, 2026-11-20T10:00:02Z:\nNot here.",
    ]
    assert ticket.digest == code_host_runs.TICKET.digest
    assert known(tmp_path, Pulls())[0] == code_host_runs.TICKET


def test_strangers_who_write_after_it_push_no_words_out(tmp_path):
    crowd = (comment(one, f"stranger{one}", "me too") for one in range(2, 17))
    ticket, _ = known(tmp_path, closed(thread(comment(1, "maria", "Not here."), *crowd)))
    assert ticket.body.endswith("Not here.")


def test_a_closed_pull_request_that_cannot_be_read_ends_no_run(tmp_path):
    class Refused(Pulls):
        def read_pull(self, run, number):
            raise AccessLost("no")

    ticket, told = known(tmp_path, Refused())
    assert ticket == code_host_runs.TICKET
    assert any("#7" in line for line in told)
