"""A new run knows the attempt before it that people have closed, and what they said in it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from agent.errors import AccessLost
from agent.models.code_host import Pulls
from agent.models.pulls import PullSnapshot, Thread, ThreadComment
from agent.models.run import Run
from agent.stages import triage
from tests.fakes import FakeCodeHost
from tests.unit.stages import code_host_runs

MARIA, BOB, EVE = ("maria", 5), ("bob", 6), ("eve", 7)


class Closed:
    """A pull request that people have closed; `eve` may not write."""

    def __init__(self, *threads: Thread, state: str = "closed") -> None:
        self.pull = PullSnapshot.model_validate(
            {"number": 7, "url": "https://forge.example/7", "state": state, "draft": False,
             "title": "t", "body": "b", "branch": "x", "head": "a" * 40, "base_branch": "main",
             "threads": threads}
        )  # fmt: skip
        self.asked: list[str] = []

    def read_pull(self, run: Run, number: int) -> PullSnapshot | None:
        assert number == 7
        return self.pull

    def may_write(self, run: Run, login: str, account_id: int) -> bool:
        self.asked.append(login)
        return login != "eve" and not login.startswith("stranger")


def comment(body, by=MARIA, at="2026-11-21T10:00:00Z", **more):
    given = {"comment_id": 1, "author": by[0], "author_id": by[1], "body": body, "at": at, **more}
    return ThreadComment.model_validate(given)


def thread(*comments, **more):
    place = "inline" if "path" in more else "issue"
    return Thread(thread_id="t", place=place, comments=comments, **more)


def known(tmp_path, pulls, number=7):
    made, told = code_host_runs.services(tmp_path, FakeCodeHost(code_host_runs.TICKET))
    svc = replace(
        code_host_runs.with_execution(made, memory=code_host_runs.Remembered(earlier=number)),
        pulls=cast("Pulls", pulls),
    )
    return triage.add_earlier_attempt(code_host_runs.TICKET, code_host_runs.run(), svc), told


def test_the_ticket_of_the_next_run_has_what_people_with_write_permission_said(tmp_path):
    pulls = Closed(
        thread(comment("Not here.<!-- hidden -->", at="2026-11-21T12:00:00Z"), path="a.py", line=3),
        thread(comment("Why not `b`?", by=BOB, at="2026-11-21T11:00:00Z")),
        thread(comment("I am a stranger.", by=EVE)),
        thread(comment("Coverage fell.", is_bot=True), comment("/mergewright stop")),
    )
    ticket, _ = known(tmp_path, pulls)
    assert ticket.body.startswith(code_host_runs.TICKET.body)
    began, *said = ticket.body.removeprefix(code_host_runs.TICKET.body).strip().split("\n\n")
    assert "#7" in began
    assert said == [
        "bob, 2026-11-21T11:00:00Z:\nWhy not `b`?",
        "maria, 2026-11-21T12:00:00Z:\nNot here.",
    ]
    assert ticket.digest == code_host_runs.TICKET.digest
    assert known(tmp_path, Closed(state="open"))[0] == code_host_runs.TICKET


def test_strangers_who_write_after_it_push_no_words_out(tmp_path):
    crowd = (
        comment("me too", by=(f"stranger{one}", 100 + one), at=f"2026-11-22T10:{one:02}:00Z")
        for one in range(15)
    )
    ticket, _ = known(tmp_path, Closed(thread(comment("Not here."), *crowd)))
    assert ticket.body.endswith("Not here.")


def test_a_closed_pull_request_that_cannot_be_read_ends_no_run(tmp_path):
    class Refused(Closed):
        def read_pull(self, run, number):
            raise AccessLost("no")

    ticket, told = known(tmp_path, Refused())
    assert ticket == code_host_runs.TICKET
    assert any("#7" in line for line in told)
