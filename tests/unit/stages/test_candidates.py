"""Several attempts at one ticket: each from the tests alone, as many as the repository wants."""

from __future__ import annotations

import pytest

from agent import workflow
from agent.editing import budget, rounds
from agent.editing.budget import Limits
from agent.errors import BudgetSpent, EditFailed, TimeSpent
from agent.stages import edit, repair
from agent.testing import FakeModel, said
from tests.unit.editing import desks
from tests.unit.editing.desks import create, finish
from tests.unit.stages.test_repair import PLAN, begun, draft, judged


@pytest.fixture
def prepared(tmp_path, home):
    made = desks.repository(tmp_path, home)
    limits = made.contract.config.limits.model_copy(update={"candidates": 2})
    config = made.contract.config.model_copy(update={"limits": limits})
    contract = made.contract.model_copy(update={"config": config})
    return made.model_copy(update={"contract": contract})


def job(prepared, home, *replies):
    left = iter(replies)
    return desks.job(prepared, home, FakeModel(lambda request: next(left)))


def candidate(prepared, job, *tried):
    tests = draft(prepared).tests
    return edit.next_candidate(PLAN, tests, [job.over(one) for one in tried], job)


def idle():
    return [said(finish(f"{number}")) for number in range(3)]


def test_a_further_one_is_made_from_the_tests_alone(prepared, home):
    at = job(prepared, home, said(create("shop/other.py")), said(finish("Another way.")))
    first = judged(1, draft(prepared, "x = 'the first one'\n"))
    found = candidate(prepared, at, first)
    assert found.change.paths == ("shop/other.py", "tests/test_a.py")
    assert begun(at) == ["edit 2"]
    told = at.models.requests[0].messages[0].text
    assert "attempt 2 of 2" in told
    assert "the first one" not in told


def test_there_are_no_more_than_the_repository_wants(prepared, home):
    at = job(prepared, home)
    tried = [judged(1, draft(prepared), "t.py::test_x"), judged(2, draft(prepared, "x = 2\n"))]
    assert candidate(prepared, at, *tried) is None
    assert begun(at) == []


def test_one_that_changes_nothing_is_followed_by_the_next(prepared, home):
    at = job(prepared, home, *idle(), said(create("shop/other.py")), said(finish("A way.")))
    assert candidate(prepared, at).words == "A way."
    assert begun(at) == ["edit 1", "edit 2"]
    assert "attempt 2 of 2" in at.models.requests[3].messages[0].text
    # It counts as one of them.
    assert candidate(prepared, at, judged(2, draft(prepared), "t.py::test_x")) is None
    assert begun(at) == ["edit 1", "edit 2"]


def test_they_end_the_run_only_if_none_changes_anything(prepared, home):
    at = job(prepared, home, *idle(), *idle())
    with pytest.raises(EditFailed, match="changed nothing"):
        candidate(prepared, at)
    assert begun(at) == ["edit 1", "edit 2"]
    at = job(prepared, home, *idle())
    assert candidate(prepared, at, judged(1, draft(prepared), "t.py::test_x")) is None
    assert at.number == 3


def test_what_passed_is_not_given_up_at_the_cap(prepared, home, monkeypatch):
    monkeypatch.setattr(budget, "limits", lambda config, settings: Limits(calls=0))
    at = job(prepared, home)
    assert candidate(prepared, at, judged(1, draft(prepared))) is None
    (undone,) = at.work("").undone
    assert "limits.candidates" in undone
    with pytest.raises(BudgetSpent):
        candidate(prepared, job(prepared, home), judged(1, draft(prepared), "t.py::test_x"))


def test_where_the_minutes_end_while_it_is_checked_what_passed_stays(prepared, home):
    second = draft(prepared, "x = 2\n")
    at = job(prepared, home)
    at.step.seconds["baseline"] = 3601.0
    with pytest.raises(TimeSpent):
        workflow._judged(second, at)
    at = job(prepared, home)
    at.step.seconds["baseline"] = 3601.0
    first = at.over(judged(1, draft(prepared)))
    late = workflow._judged(second, at)
    assert (late.number, late.passed) == (2, False)
    assert repair.next_draft([late], at) is None
    assert rounds.best([late, first]) is first
    assert len(at.work("").rounds) == 2
    (undone,) = at.work("").undone
    assert "limits.minutes" in undone
