"""The steps of a run on this machine: on record, taken up again, one process at a time."""

from __future__ import annotations

import pytest

from agent.errors import BudgetSpent, ModelUnavailable, TransientError, VersionUnknown
from agent.llm.spendings import CountedModels
from agent.models.chat import Asked, ChatRequest, Worst
from agent.models.model_use import SpendingLimits
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run
from agent.store.step_file import FILE_NAME, Begun, StepFile, find_latest
from tests.fakes import FakeModel, make_reply


def begun(run_id: str = "r", repository: str = "/shop", ticket: str = "/t.md") -> Begun:
    run = Run(run_id=run_id, repository=repository, ticket=ticket, started=0)
    return Begun(run=run, model="openai:one", version="1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / FILE_NAME


@pytest.fixture
def three(path):
    """A file with three steps, closed as a process that ends closes it."""
    with StepFile(path, begun()) as kept:
        for name in ("triage", "checkout", "deliver"):
            kept(name, lambda name=name: f"of {name}")
    return path


def never() -> str:
    raise AssertionError("it has a record")


def test_what_has_a_record_is_not_done_again(three):
    with StepFile(three) as kept:
        assert kept.begun == begun()
        assert kept("triage", never) == "of triage"
        # Words are handed over anew, since the run may end in another way.
        assert kept.steps == ("triage", "checkout")
        assert kept("deliver", lambda: "other") == "other"


def test_half_a_line_is_none(three):
    with three.open("ab") as file:
        file.write(b'{"step": "plan", "rec')
    with StepFile(three) as kept:
        assert kept.steps == ("triage", "checkout")
        kept("plan", lambda: "p")
    with StepFile(three) as kept:
        assert kept.steps == ("triage", "checkout", "plan")


@pytest.mark.parametrize(
    ("reason", "stopped_at", "left", "budget_multiplier"),
    [
        (Reason.UNAVAILABLE, "checkout", ("triage",), 1),
        (Reason.BUDGET_SPENT, "plan 1 reply", ("triage", "checkout"), 2),
        (Reason.TIME_SPENT, None, (), 2),
    ],
)
def test_after_an_end_it_goes_on_where_it_ended(three, reason, stopped_at, left, budget_multiplier):
    outcome = Outcome.for_stopped_run("r", reason, "x").model_copy(
        update={"stopped_at": stopped_at}
    )
    with StepFile(three) as kept:
        kept.end(outcome)
    with StepFile(three) as kept:
        assert (kept.steps, kept.budget_multiplier) == (left, budget_multiplier)


def test_requests_without_a_reply_count_when_a_run_goes_on(three):
    request = ChatRequest(role="editor", system="You edit.", messages=(Asked(text="Go."),))
    limits = SpendingLimits("r", 0, of_run=1.0, of_day=None)

    def lost(_):
        raise ModelUnavailable("cut", usd=0.3)

    def killed(_):
        raise KeyboardInterrupt

    for answer, problem in ((lost, ModelUnavailable), (killed, KeyboardInterrupt)):
        model = FakeModel(answer, worst=Worst(tokens=10, usd=0.4))
        with StepFile(three) as kept, pytest.raises(problem):
            CountedModels(model, kept, limits).reply(request)
    model = FakeModel(lambda _: make_reply(), worst=Worst(tokens=10, usd=0.4))
    with StepFile(three) as kept:
        assert kept.steps == ("triage", "checkout")
        with pytest.raises(BudgetSpent):
            CountedModels(model, kept, limits).reply(request)
        assert not model.requests
        CountedModels(model, kept, limits._replace(of_run=2.0)).reply(request)
    with StepFile(three) as kept, pytest.raises(BudgetSpent):
        kept.reserve(0.4, limits, 0.0)


def test_one_process_carries_a_run(three):
    with StepFile(three), pytest.raises(TransientError):
        StepFile(three)


def test_one_that_never_came_to_a_step_is_passed_over_and_leaves_nothing(tmp_path):
    folder = tmp_path / "20260101-1"
    folder.mkdir()
    with StepFile(folder / FILE_NAME, begun()) as kept:
        assert kept.bare
    with StepFile(folder / FILE_NAME) as kept:
        assert kept.bare
        assert find_latest(tmp_path) is None
        kept("triage", lambda: "of triage")
        assert not kept.bare
        assert find_latest(tmp_path) == folder / FILE_NAME
    other = tmp_path / "20260101-2"
    other.mkdir()
    with StepFile(other / FILE_NAME, begun()) as kept:
        kept.break_off(KeyboardInterrupt())
    assert not other.exists()


def test_another_version_begins_anew(three):
    with StepFile(three) as kept:
        kept.require_version("1")
        with pytest.raises(VersionUnknown):
            kept.require_version("2")
