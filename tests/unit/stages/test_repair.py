"""What is tried next with a model's change: mended, begun anew once, or left as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent import proposing
from agent.domain import (
    AcceptanceTest,
    Change,
    ChangedFile,
    CheckItem,
    CheckReport,
    CheckResult,
    ClearedChange,
    Comparison,
    Plan,
    Proof,
    Reason,
    Remark,
    ReviewNotes,
    Status,
    Verdict,
)
from agent.editing import budget
from agent.editing.budget import Limits
from agent.editing.rounds import Draft, Round
from agent.errors import BudgetSpent
from agent.stages import edit, repair
from agent.testing import FakeModel, said
from tests.unit.editing import desks
from tests.unit.editing.desks import create, finish

PLAN = Plan(
    recipe="", title="Count all", parameters="", steps=("Sum all",), files=("shop/prices.py",),
    tests=(AcceptanceTest(name="tests/test_a.py::test_all", shows="all count"),),
)  # fmt: skip
BLOCKING = ReviewNotes(
    ran=True, sentence="x", remarks=(Remark(text="Close it.", path="shop/new.py", blocking=True),)
)


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


def draft(prepared, text="x = 0\n", **facts):
    commit = prepared.checkout.commit
    test = ChangedFile(path="tests/test_a.py", before=None, after=b"")
    file = ChangedFile(path="shop/new.py", before=None, after=text.encode())
    tests = Change(base_commit=commit, files=(test,))
    change = Change(base_commit=commit, files=(file, test))
    return Draft(plan=PLAN, tests=tests, change=change, **facts)


def judged(number, one, *ids, reason=Reason.NEW_FAILURES):
    items = tuple(CheckItem(item_id=name, outcome="failed", text="assert 1 == 2") for name in ids)
    state = Status.FAILED if ids else Status.PASSED
    check = Comparison(
        name="tests", base=Status.PASSED, head=state, verdict=state, counts_tests=True,
        new_failures=items,
    )  # fmt: skip
    after = CheckReport(side="head", commit="c", change_digest=None, results=())
    passed = not ids and reason is Reason.NEW_FAILURES
    verdict = Verdict(
        publish=passed, reason=Reason.READY if passed else reason, sentence="As it is."
    )
    cleared = ClearedChange(change=one.change, findings=())
    return Round(number, one, (), cleared, after, (check,), Proof(), verdict)


def script(*replies):
    left = iter(replies)
    return FakeModel(lambda request: next(left))


def begun(job):
    """Name the conversations, in their order."""
    names = [name.removesuffix(" opening") for name in job.step._watcher.names]
    return [name for name in names if name.count(" ") == 1]


def test_what_passes_what_no_edit_could_mend_and_what_was_mended_enough_is_left_alone(
    prepared, home
):
    job = desks.job(prepared, home, script())
    withheld = judged(1, draft(prepared), reason=Reason.NO_TESTS)
    first = judged(1, draft(prepared, "x = 1\n"), "t.py::test_x")
    tried = [
        judged(2, draft(prepared, text, attempt=2), "t.py::test_x")
        for text in ("x = 2\n", "x = 3\n")
    ]
    for rounds in (
        [judged(1, draft(prepared))],
        [withheld],
        [judged(1, draft(prepared, repairs=4), "t.py::test_x")],
        [first, *tried],
    ):
        assert repair.next_draft(rounds, job) is None


def test_what_is_red_is_mended_by_whoever_is_shown_what_fails(prepared, home):
    model = script(said(create("shop/more.py")), said(finish("Better.")))
    job = desks.job(prepared, home, model)
    found = repair.next_draft([job.over(judged(1, draft(prepared), "t.py::test_x"))], job)
    assert found.change.paths == ("shop/more.py", "shop/new.py", "tests/test_a.py")
    assert (found.words, found.repairs, found.attempt) == ("Better.", 1, 1)
    assert begun(job) == ["repair 2"]
    told = model.requests[0].messages[0].text
    assert "tests: t.py::test_x\nassert 1 == 2" in told
    assert "+x = 0" in told


def test_what_base_fails_in_the_same_way_is_not_paid_for(prepared, home):
    crashed = CheckResult(name="mypy", status=Status.FAILED, reason="it ended with exit code 2")
    report = CheckReport(side="head", commit="c", change_digest=None, results=(crashed,))
    job = desks.job(prepared, home, script())
    job.before = report.model_copy(update={"side": "base"})
    red = judged(1, draft(prepared), "t.py::test_x", reason=Reason.UNVERIFIED)
    red = job.over(replace(red, after=report))
    assert repair.next_draft([red], job) is None
    assert edit.next_candidate(PLAN, red.draft.tests, [red], job) is None
    assert begun(job) == []
    decided = proposing.decided(red, ReviewNotes(ran=False, sentence="x"), job)
    assert "mypy" in decided.verdict.sentence


def test_a_repair_that_brings_nothing_is_followed_by_one_new_attempt(prepared, home):
    model = script(
        *(said(finish(f"{number}")) for number in range(3)),
        said(create("shop/other.py")),
        said(finish("Another way.")),
    )
    job = desks.job(prepared, home, model)
    found = repair.next_draft([job.over(judged(1, draft(prepared), "t.py::test_x"))], job)
    assert begun(job) == ["repair 2", "edit 2"]
    assert found.change.paths == ("shop/other.py", "tests/test_a.py")
    assert (found.words, found.repairs, found.attempt) == ("Another way.", 0, 2)
    told = model.requests[3].messages[0].text
    assert "t.py::test_x" in told
    assert "+x = 0" not in told


def test_a_new_attempt_writes_tests_anew_that_may_be_wrong(prepared, home, monkeypatch):
    written = []
    tests = draft(prepared).tests
    monkeypatch.setattr(
        repair.tests_first,
        "write",
        lambda plan, job, *, failed: written.append(failed) or tests,
    )
    model = script(said(create("shop/other.py")), said(finish()))
    told = []
    job = desks.job(prepared, home, model, say=told.append)
    first = job.over(judged(1, draft(prepared, "x = 1\n"), "tests/test_a.py::test_all"))
    again = job.over(judged(2, draft(prepared, "x = 2\n"), "tests/test_a.py::test_all"))
    found = repair.next_draft([first, again], job)
    assert found.attempt == 2
    assert len(written) == 1
    assert "edit 3" in told[0]
    assert begun(job) == ["edit 3"]


def test_at_the_cap_a_candidate_that_passed_is_not_lost_for_one_that_does_not(
    prepared, home, monkeypatch
):
    monkeypatch.setattr(budget, "limits", lambda config, settings: Limits(calls=0))
    job = desks.job(prepared, home, script())
    red = judged(2, draft(prepared, "x = 2\n"), "t.py::test_x")
    with pytest.raises(BudgetSpent):
        repair.next_draft([job.over(red)], job)
    job = desks.job(prepared, home, script())
    job.over(judged(1, draft(prepared)))
    assert repair.next_draft([job.over(red)], job) is None


def test_nor_for_a_model_that_refuses(prepared, home):
    refused = said().model_copy(update={"finish": "refused"})
    job = desks.job(prepared, home, script(refused, refused))
    red = judged(2, draft(prepared, "x = 2\n"), "t.py::test_x")
    passed = job.over(judged(1, draft(prepared)))
    assert repair.next_draft([job.over(red)], job) is None
    assert repair.answer(passed, BLOCKING, job) is None


def test_blocking_remarks_go_back(prepared, home):
    model = script(said(create("shop/more.py")), said(finish()))
    job = desks.job(prepared, home, model)
    found = repair.answer(job.over(judged(1, draft(prepared))), BLOCKING, job)
    assert "shop/more.py" in found.change.paths
    assert "shop/new.py: Close it." in model.requests[0].messages[0].text


def test_other_remarks_do_not(prepared, home):
    job = desks.job(prepared, home, script())
    notes = ReviewNotes(ran=True, sentence="x", remarks=(Remark(text="Nice."),))
    assert repair.answer(judged(1, draft(prepared)), notes, job) is None
    assert repair.answer(judged(1, draft(prepared), "t.py::test_x"), BLOCKING, job) is None


def test_where_the_minutes_are_used_what_passed_stays(prepared, home):
    job = desks.job(prepared, home, script())
    assert job.terms.roles  # read before the first request
    job.step.seconds["baseline"] = 3601.0
    passed = job.over(judged(1, draft(prepared)))
    assert repair.answer(passed, BLOCKING, job) is None
    red = job.over(judged(2, draft(prepared, "x = 2\n"), "t.py::test_x"))
    job.give_up()
    assert repair.next_draft([red], job) is None
    undone = job.work("").undone
    assert len(undone) == 2
    assert all("limits.minutes" in one for one in undone)
