"""Several attempts at one ticket: another begins from the base where one does not pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent import workflow
from agent.editing import attempts, reviewing
from agent.editing import run_context as running
from agent.editing.run_context import Limits
from agent.errors import (
    BudgetSpent,
    EditFailed,
    ForPeople,
    Interrupted,
    RepositoryUnfit,
    SandboxLost,
    TicketUnclear,
    TooLarge,
)
from agent.models.change import Severity
from agent.models.checks import CheckReport, CheckResult, Status
from agent.models.environment import Environment
from agent.stages import baseline, edit, environment
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import plan, submit, write
from tests.unit.stages.test_repair import begun, draft, judged, script


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


def planned(prepared, home, *replies, model=None):
    """Begin a job whose plan is agreed."""
    run_context = desks.run_context(prepared, home, model or script(make_reply(plan()), *replies))
    return attempts.begin_attempt(run_context), run_context


def idle():
    return [make_reply(submit(f"{number}")) for number in range(2)]


def test_a_plan_comes_first_and_what_is_called_behind_it_is_done_then(prepared, home):
    model = script(make_reply(write("a.txt"), plan(files=[".github/x.yml"])),
                   make_reply(plan(), write()), make_reply(submit("Done.")))  # fmt: skip
    first, run_context = planned(prepared, home, model=model)
    assert first.plan.title == "Count all"
    too_early, refused = model.requests[1].messages[-1].results
    assert (too_early.failed, ".github/x.yml" in refused.content) == (True, True)
    found = edit.next_candidate(first, [], run_context)
    agreed, behind = model.requests[2].messages[-1].results
    assert (agreed.failed, behind.failed) == (False, False)
    assert (found.change.paths, found.words) == (("shop/new.py",), "Done.")
    assert begun(run_context) == ["plan", "edit 1"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            ("ask", {"questions": [{"question": "Which\nprices?", "suggestion": "All."}]}),
            TicketUnclear,
            "Which prices? Suggested: All.",
        ),
        (("decline", {"why": "Keys.", "fits": "None."}), ForPeople, "would make it fit: “None.”"),
        (
            ("decline", {"why": "No.", "fits": "No.", "refused_by": "AI_POLICY.md"}),
            ForPeople,
            "(`AI_POLICY.md`). Its owner can allow them: `contributions: allow` in",
        ),
        (("decline", {"why": "Much.", "fits": "Less.", "tickets": ["A", "B"]}), TooLarge, "- B"),
    ],
)
def test_a_model_may_ask_or_decline_in_its_first_reply(prepared, home, call, error, words):
    run_context = desks.run_context(prepared, home, script(make_reply(call)))
    with pytest.raises(error) as ended:
        attempts.begin_attempt(run_context)
    assert words in str(ended.value)


def test_a_further_one_begins_from_the_base_and_knows_what_failed(prepared, home):
    first, run_context = planned(
        prepared, home, make_reply(write("shop/other.py")), make_reply(submit("Another."))
    )
    several = [f"t.py::test_x{number}" for number in range(27)]
    failed = run_context.record_round(judged(1, draft(prepared, "x = 'the first'\n"), *several))
    found = edit.next_candidate(first, [failed], run_context)
    assert found.change.paths == ("shop/other.py",)
    assert begun(run_context) == ["plan", "edit 2"]
    told = run_context.models.requests[1].messages[0].text
    assert "t.py::test_x" in told
    assert "Sum all" in told, "the plan stays"
    assert "the first" not in told


def test_there_are_no_more_than_the_repository_wants_and_none_after_a_pass(prepared, home):
    first, run_context = planned(prepared, home)
    tried = [judged(1, draft(prepared), "t.py::test_x"), judged(2, draft(prepared, "x = 2\n"), "t")]
    assert edit.next_candidate(first, tried, run_context) is None
    assert (
        edit.next_candidate(
            first, [run_context.record_round(judged(3, draft(prepared)))], run_context
        )
        is None
    )
    assert begun(run_context) == ["plan"]


def test_one_that_changes_nothing_is_followed_by_the_next(prepared, home):
    first, run_context = planned(
        prepared, home, *idle(), make_reply(write("shop/other.py")), make_reply(submit("A way."))
    )
    assert edit.next_candidate(first, [], run_context).words == "A way."
    assert begun(run_context) == ["plan", "edit 1", "edit 2"]
    # It counts as one of them.
    failed = judged(2, draft(prepared), "t.py::test_x")
    assert edit.next_candidate(first, [failed], run_context) is None


def test_at_the_cap_the_best_of_what_was_made_counts(prepared, home, monkeypatch):
    (first, run_context), (other, beside) = planned(prepared, home), planned(prepared, home)
    monkeypatch.setattr(running, "compute_limits", lambda *given: Limits(tokens=5))
    failed = run_context.record_round(judged(1, draft(prepared), "t.py::test_x"))
    assert edit.next_candidate(first, [failed], run_context) is None
    assert any("was made" in one for one in run_context.summarize_model_work("").undone)
    with pytest.raises(BudgetSpent):
        edit.next_candidate(other, [], beside)


def test_what_is_edited_when_money_ends_is_judged_as_it_is(prepared, home, monkeypatch):
    first, run_context = planned(prepared, home, make_reply(write()), make_reply(submit()))
    monkeypatch.setattr(running, "compute_limits", lambda *given: Limits(tokens=25))
    found = edit.next_candidate(first, [], run_context)
    assert found.change.paths == ("shop/new.py",)
    (unfinished,) = found.change.left_out
    assert (unfinished.severity, unfinished.rule) == (Severity.REVIEW, "unfinished")
    # Once it is judged, nothing new is there.
    failed = run_context.record_round(judged(1, found, "t.py::test_x"))
    assert edit.next_candidate(first, [failed], run_context) is None


def test_an_interrupt_keeps_what_a_model_has_edited(prepared, home):
    run_context = desks.run_context(prepared, home, script())
    run_context.latest = draft(prepared).change
    with pytest.raises(Interrupted) as stopped, run_context.attach_best_change():
        raise KeyboardInterrupt
    assert stopped.value.change == run_context.latest


@pytest.mark.parametrize(
    ("number", "ids", "roles", "chosen", "requests"),
    [
        (2, ("t", "t"), ("editor", "reviewer"), 1, 1),
        (7, ("t", "t"), ("editor", "reviewer"), 0, 1),
        (2, ("t", "t"), ("editor",), 0, 0),
        (2, ("t", "t,u"), ("editor", "reviewer"), 0, 0),
    ],
)
def test_the_reviewer_breaks_a_tie_once(prepared, home, number, ids, roles, chosen, requests):
    model = FakeModel(lambda request: make_reply(("choose", {"number": number})), roles=roles)
    records = desks.Records()
    run_context = desks.run_context(prepared, home, model, records=records)
    tried = [
        judged(at, draft(prepared, f"x = {at}\n"), *failing.split(","))
        for at, failing in enumerate(ids, 1)
    ]
    assert reviewing.choose_attempt(tried, run_context) is tried[chosen]
    assert len(model.requests) == requests
    # A run that goes on after a kill asks for nothing twice.
    resumed = desks.run_context(prepared, home, script(), records=desks.Records(records.kept))
    assert reviewing.choose_attempt(tried, resumed) is tried[chosen]


def test_the_first_reply_comes_before_environment_and_baseline(prepared, home, monkeypatch):
    def build(run, base, contract, svc) -> Environment:
        return prepared.environment

    def measure(prepared, svc) -> CheckReport:
        return desks.BEFORE

    monkeypatch.setattr(environment, "build_environment", build)
    monkeypatch.setattr(baseline, "measure_base", measure)
    declined = desks.run_context(
        prepared, home, script(make_reply(("decline", {"why": "A.", "fits": "B."})))
    )
    declined.measure = workflow._measure_base
    with pytest.raises(ForPeople), declined.attach_best_change():
        workflow._by_model(declined)
    assert "environment" not in declined.step._watcher.names
    model = script(make_reply(plan()), make_reply(("decline", {"why": "A.", "fits": "B."})))
    run_context = desks.run_context(prepared, home, model)
    run_context.measure = workflow._measure_base
    with pytest.raises(ForPeople):
        workflow._by_model(run_context)
    names = run_context.step._watcher.names
    assert names.index("plan 1 reply") < names.index("approval") < names.index("environment")
    (agreed,) = model.requests[1].messages[-1].results
    assert "python==3.11.7" in agreed.content, "the state of the base"


def test_nothing_but_the_plan_is_paid_for_where_base_proves_nothing(prepared, home):
    nothing = CheckResult(name="tests", status=Status.UNVERIFIED, reason="no report came back.")
    before = desks.BEFORE.model_copy(update={"results": (nothing,)})
    run_context = desks.run_context(
        prepared, home, script(make_reply(plan(files=[".github/x.yml"])), make_reply(plan()))
    )
    run_context.measure = lambda *given: (prepared, before)
    with pytest.raises(RepositoryUnfit) as refused:
        workflow._by_model(run_context)
    assert run_context.usage.tokens == 20
    for named in ("check tests", "no report came back", ".github/mergewright.yml"):
        assert named in refused.value.message
    on_pull = desks.run_context(prepared, home, script())
    on_pull.baseline = before
    with pytest.raises(RepositoryUnfit):
        attempts.continue_draft(draft(prepared), (), "", on_pull).next_draft()


def test_each_attempt_leaves_its_sandbox_before_the_next_begins(prepared, home, monkeypatch):
    replies = [
        make_reply(write("shop/one.py")), make_reply(submit("1")), make_reply(write("shop/two.py")),
        make_reply(submit("2")), make_reply(write("shop/three.py")), make_reply(submit("3")),
    ]  # fmt: skip
    monkeypatch.setattr(edit, "MOST_ATTEMPTS", 3)
    first, run_context = planned(prepared, home, *replies)
    tried = []
    for number in range(1, 4):
        found = edit.next_candidate(first, tried, run_context)
        one = judged(number, draft(prepared), "t.py::test_x")
        tried.append(run_context.record_round(replace(one, draft=found)))
    open_now = [one for one in run_context.svc.sessions.opened if one._tree.exists()]
    assert len(open_now) == 1


def test_a_sandbox_that_cannot_be_closed_leaves_none_open_and_hides_nothing(prepared, home):
    run_context = desks.run_context(prepared, home, script())
    closed = []

    def fail():
        raise SandboxLost("gone")

    run_context.cleanups += [lambda: closed.append(1), fail, lambda: closed.append(2)]
    with pytest.raises(EditFailed), run_context.attach_best_change():
        raise EditFailed("the cause")
    assert sorted(closed) == [1, 2]


def test_what_was_edited_and_never_submitted_is_judged_all_the_same(prepared, home):
    first, run_context = planned(prepared, home, make_reply(write()), *[make_reply()] * 3)
    assert edit.next_candidate(first, [], run_context).change.paths == ("shop/new.py",)


def test_a_model_that_makes_no_plan_ends_the_run(prepared, home):
    run_context = desks.run_context(prepared, home, FakeModel(lambda request: make_reply(write())))
    with pytest.raises(EditFailed):
        attempts.begin_attempt(run_context)
