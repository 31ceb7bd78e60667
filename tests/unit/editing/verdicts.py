"""Changes of a small repository, and what judges could say of them."""

from agent.editing.rounds import Draft, Round
from agent.models.change import Change, ChangedFile, ClearedChange, Finding, Plan, Severity
from agent.models.checks import CheckItem, CheckReport, Status, TestComparison
from agent.models.outcome import Verdict
from agent.models.review import Judgement, Proof
from agent.models.run import Reason

PLAN = Plan(
    recipe="", title="Count all", parameters="", steps=("Sum all",), files=("shop/prices.py",),
    category="bug",
)  # fmt: skip


def draft(prepared, text="x = 0\n"):
    commit = prepared.checkout.commit
    test = ChangedFile(path="tests/test_a.py", before=None, after=b"")
    file = ChangedFile(path="shop/new.py", before=None, after=text.encode())
    change = Change(base_commit=commit, files=(file, test))
    return Draft(plan=PLAN, change=change)


def judged(number, one, *ids, reason=Reason.NEW_FAILURES, missing=""):
    items = tuple(CheckItem(item_id=name, outcome="failed", text="assert 1 == 2") for name in ids)
    state = Status.FAILED if ids else Status.PASSED
    check = TestComparison(
        name="tests", base=Status.PASSED, head=state, verdict=state,
        new_failures=items,
    )  # fmt: skip
    after = CheckReport(side="head", commit="c", results=())
    passed = not ids and reason is Reason.NEW_FAILURES
    lacking = Finding(rule="proof", severity=Severity.REVIEW, message=missing, fix="Test it.")
    verdict = Verdict(
        publish=passed, reason=Reason.READY if passed else reason, sentence="As it is.",
        findings=(lacking,) if missing else (),
    )  # fmt: skip
    cleared = ClearedChange(change=one.change, findings=())
    made = Judgement(ran=after, compared=(check,), proof=Proof(missing=missing))
    return Round(number, one, (), cleared, made, verdict)
