"""A second model's look."""

import dataclasses

import pytest

from agent.editing import reviewing
from agent.editing.rounds import Round
from agent.models.change import Finding, Severity
from agent.models.record import replace
from agent.models.review import Proof, Remark, ReviewNotes
from agent.stages import decide
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks
from tests.unit.editing.verdicts import draft, judged

ROLES = ("editor", "reviewer")


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home)


def submit(*remarks, approve=True, model="other:two"):
    return make_reply(
        ("submit_review", {"approve": approve, "remarks": list(remarks)}), model=model
    )


def reviewed(prepared, home, *replies, roles=ROLES):
    left = iter(replies)
    model = FakeModel(lambda request: next(left), roles=roles)
    run_context = desks.run_context(prepared, home, model)
    run_context.account.count_reply("editor", make_reply())
    best = run_context.history.record_round(judged(1, draft(prepared)))
    return reviewing.review_change(best, run_context), model


def passing(prepared):
    """Give a round that passed, with tests that ran."""
    found = judged(1, draft(prepared))
    ran = [replace(one, base_count=3, head_count=3) for one in found.compared]
    return dataclasses.replace(found, judged=replace(found.judged, compared=tuple(ran)))


def test_a_review_is_asked_for_with_ticket_plan_and_diff(prepared, home):
    remark = {"text": "Close it.", "path": "shop/new.py", "line": 1, "blocking": True}
    notes, model = reviewed(prepared, home, submit(remark, {"text": "Fine."}, approve=False))
    assert (notes.ran, notes.model) == (True, "other:two")
    assert notes.remarks == (
        Remark(text="Close it.", path="shop/new.py", line=1, blocking=True),
        Remark(text="Fine."),
    )
    (request,) = model.requests
    assert request.role == "reviewer"
    told = request.messages[0].text
    assert told.index("The ticket (data)") < told.index("The plan (data)") < told.index("The diff")
    assert "+x = 0" in told
    assert [tool.name for tool in request.tools] == ["bash", "submit_review"]


def test_a_blocking_remark_that_nothing_answers_makes_a_draft_with_its_place(prepared, home):
    long = "Close it.\n" + "x" * 700
    remarks = [
        {"text": long, "path": "shop/new.py", "line": 1, "blocking": True},
        {"text": "Elsewhere.", "path": "../other.py", "line": 99, "blocking": True},
        {"text": "Fine."},
    ]
    notes, _ = reviewed(prepared, home, submit(*remarks, approve=False))
    best = passing(prepared)
    weighed = decide.with_review(best, notes, prepared.contract)
    verdict = weighed.verdict
    assert (verdict.publish, bool(verdict.review)) == (True, True)
    assert verdict.review == ("shop/new.py:1", "second-review")
    assert "shop/new.py:1, second-review" in verdict.sentence
    first, second = verdict.findings
    assert (first.severity, first.path, first.line) == (Severity.REVIEW, "shop/new.py", 1)
    assert "other:two" in first.message
    assert first.message.endswith(f'\n"Close it. {"x" * 590}…"')
    assert (second.path, second.line) == ("", None)


def test_a_review_that_approves_was_never_to_be_or_is_of_a_red_change_changes_no_decision(
    prepared, home
):
    best = judged(1, draft(prepared))
    failing = judged(1, draft(prepared), "tests/test_a.py::test_b")
    approving, _ = reviewed(prepared, home, submit({"text": "Fine."}))
    absent = ReviewNotes(ran=False, sentence="Not run: no model is set.")
    against = ReviewNotes(ran=True, sentence="No.", model="other:two")
    for weighed, notes in ((best, approving), (best, absent), (failing, against)):
        assert decide.with_review(weighed, notes, prepared.contract) is weighed


@pytest.mark.parametrize(
    "notes",
    [
        ReviewNotes(ran=True, sentence="It does not approve the change.", model="other:two"),
        ReviewNotes(ran=False, sentence="Not run to its end: late.", unfinished=True),
    ],
)
def test_a_review_without_approval_or_end_makes_a_draft(prepared, notes):
    verdict = decide.with_review(passing(prepared), notes, prepared.contract).verdict
    assert verdict.publish
    assert verdict.review
    assert notes.sentence in verdict.sentence


def _open(path, rule, *, is_reading, line=None):
    return Finding(
        rule=rule, severity=Severity.REVIEW, path=path, line=line, message=f"{rule} says.", fix="Look.",
        is_reading=is_reading,
    )  # fmt: skip


def with_open_findings(prepared, *parts):
    """Give a passed round with a rewritten test, a gate file, and parts that no test notices."""
    best = passing(prepared)
    rewritten = _open("", "test-rewritten", is_reading=True)
    guard = _open("conftest.py", "gate-files", is_reading=False)
    cleared = replace(best.cleared, findings=(guard,))
    compared = (replace(best.compared[0], findings=(rewritten,)), *best.compared[1:])
    judged = replace(best.judged, compared=compared, proof=Proof(unneeded_parts=parts))
    verdict = decide.decide_verdict(judged, cleared, prepared.contract)
    return dataclasses.replace(best, cleared=cleared, judged=judged, verdict=verdict)


def test_a_reviewer_settles_what_is_a_matter_of_reading_and_nothing_that_guards_the_gate(
    prepared, home
):
    best = with_open_findings(prepared)
    verdicts = [
        {"number": 1, "settled": True, "why": "The ticket orders it."},
        {"number": 2, "settled": True, "why": "Mine."},
    ]
    reply = make_reply(
        ("submit_review", {"approve": True, "findings": verdicts}), model="other:two"
    )
    model = FakeModel(lambda request: reply, roles=ROLES)
    run_context = desks.run_context(prepared, home, model)
    run_context.account.count_reply("editor", make_reply())
    notes = reviewing.review_change(run_context.history.record_round(best), run_context)
    told = model.requests[0].messages[0].text
    accepted = "[draft for a person, unless an edit resolves it or the reviewer accepts it]"
    assert f"1. {accepted} test-rewritten says. (test-rewritten) Look." in told
    edited = "[draft for a person, unless an edit resolves it]"
    assert f"-. {edited} conftest.py gate-files says. (gate-files) Look." in told
    weighed = decide.with_review(best, notes, prepared.contract)
    assert weighed.verdict.review == ("conftest.py",)
    (settled,) = weighed.compared[0].findings
    assert settled.severity is Severity.INFO
    assert settled.message == 'test-rewritten says.\nReviewed by other:two: "The ticket orders it."'
    against = replace(notes, approves=False)
    assert "test-rewritten" in decide.with_review(best, against, prepared.contract).verdict.review


def test_without_a_reviewer_there_is_the_word_that_none_looked(prepared, home):
    notes, model = reviewed(prepared, home, roles=("editor",))
    assert (notes.ran, notes.unfinished) == (False, False)
    assert notes.sentence
    assert model.requests == []


@pytest.mark.parametrize(
    "replies",
    [
        [replace(make_reply(model="other:two"), finish="refused")],
        [make_reply(text="Hm.") for _ in range(3)],
    ],
    ids=["refuses", "hands nothing in"],
)
def test_a_reviewer_that_does_not_review_ends_no_run(prepared, home, replies):
    notes, _ = reviewed(prepared, home, *replies)
    assert (notes.ran, notes.unfinished, notes.remarks) == (False, True, ())


def candidates(prepared, *failing):
    return [
        judged(number, draft(prepared, f"x = {number}\n"), *ids)
        for number, ids in enumerate(failing, 1)
    ]


def test_a_change_that_answers_a_review_is_taken_if_it_passes(prepared, home):
    first, second = candidates(prepared, (), ())
    remarks = Remark(text="Close it.", blocking=True), Remark(text="A shorter name?", path="a.py")
    notes = ReviewNotes(ran=True, sentence="s", remarks=remarks, model="other:two")
    model = FakeModel(lambda request: submit({"text": "Good."}), roles=ROLES)
    run_context = desks.run_context(prepared, home, model)
    run_context.account.count_reply("editor", make_reply())
    best, told = reviewing.complete_review(first, second, notes, run_context)
    assert best is second
    assert told.remarks == (Remark(text="Good."),), "what is not repeated is no longer open"
    assert "- a.py A shorter name?" in model.requests[0].messages[0].text


def test_one_that_is_no_better_than_an_approved_change_is_not(prepared, home):
    first, second = candidates(prepared, (), ())
    notes = ReviewNotes(ran=True, sentence="Said.", remarks=(Remark(text="x"),), approves=True)
    model = FakeModel(lambda request: submit(approve=False), roles=ROLES)
    run_context = desks.run_context(prepared, home, model)
    run_context.account.count_reply("editor", make_reply())
    best, told = reviewing.complete_review(first, second, notes, run_context)
    assert (best is first, told.approves, told.remarks) == (True, True, notes.remarks)


@pytest.mark.parametrize("unfinished", [False, True])
def test_one_that_does_not_pass_is_not(prepared, home, unfinished):
    first, second = candidates(prepared, (), ("t::a",))
    if unfinished:
        second = Round(2, second.draft, unfinished=True)
    notes = ReviewNotes(ran=True, sentence="Said.", remarks=(Remark(text="x", blocking=True),))
    model = FakeModel(lambda request: submit(), roles=ROLES)
    best, told = reviewing.complete_review(
        first, second, notes, desks.run_context(prepared, home, model)
    )
    assert best is first
    assert told.remarks == notes.remarks
    assert told.sentence.startswith("Said. ")
    assert model.requests == []
