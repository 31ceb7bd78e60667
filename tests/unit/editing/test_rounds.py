"""What stands against a change is cut to the essential, counted, and compared between rounds."""

import dataclasses

from agent.editing import rounds
from agent.editing.rounds import Draft, Round
from agent.models.change import Change, ChangedFile, ClearedChange, Finding, Plan, Severity
from agent.models.checks import (
    CheckItem,
    CheckReport,
    LintComparison,
    LintRun,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.review import Judgement
from agent.models.run import Reason

OUTPUT = """\
============================= test session starts ==============================
tests/test_a.py F
=================================== FAILURES ===================================
_______________________________ TestA.test_first _______________________________

self = <test_a.TestA object>

    def test_first(self):
        values = [1, 2]
>       assert total(values) == 3
E       assert 2 == 3
E        +  where 2 = total([1, 2])

tests/test_a.py:7: AssertionError
/env/lib/python3.11/site-packages/django/db/models.py:70: in get
    raise self.DoesNotExist
=========================== short test summary info ============================
"""
PLAN = Plan(recipe="", title="t", parameters="", steps=("s",))
READY = Verdict(publish=True, reason=Reason.READY, sentence="Nothing fails.")
RED = Verdict(publish=False, reason=Reason.NEW_FAILURES, sentence="Tests: 1 test fails.")


def finding(rule="http-client", severity=Severity.BLOCK):
    return Finding(
        rule=rule, severity=severity, path="a.py", line=3, message="imports requests.",
        fix="Use httpx.",
    )  # fmt: skip


def failed(*ids, command=(), **facts):
    items = tuple(
        CheckItem(
            item_id=name, outcome="failed", text="AssertionError: assert 2 == 3", place="a:7",
            source="assert total(values) == 3",
        )
        for name in ids
    )  # fmt: skip
    check = TestComparison(
        name="tests", base=Status.PASSED, head=Status.FAILED, verdict=Status.FAILED,
        new_failures=items, **facts,
    )  # fmt: skip
    more = (CheckItem(item_id="tests/test_b.py::test_b", outcome="passed"),)
    result = TestRun(
        name="tests", status=Status.FAILED, output=OUTPUT, items=items + more, command=command
    )
    report = CheckReport(side="head", commit="c", results=(result,))
    return check, report


def judged(number, *ids, refused=(), findings=0):
    file = ChangedFile(path="a.py", before=b"", after=str(number).encode())
    change = Change(base_commit="c" * 40, files=(file,))
    draft = Draft(plan=PLAN, change=change)
    if refused:
        return Round(number, draft, refused=refused)
    check, after = failed(*ids)
    remarks = tuple(finding(severity=Severity.REVIEW) for _ in range(findings))
    cleared = ClearedChange(change=change, findings=remarks)
    made = Judgement(ran=after, compared=(check,))
    return Round(number, draft, (), cleared, made, RED if ids else READY)


def met(check, after):
    draft = Draft(plan=PLAN, change=Change(base_commit="c" * 40, files=()))
    return Round(1, draft, judged=Judgement(ran=after, compared=(check,)), verdict=RED)


def test_tests_that_fail_of_one_cause_are_told_together_with_the_line_and_the_command():
    command = ("python", "-m", "pytest", "-n", "2")
    found = met(*failed("t.py::test_first[a b]", "t.py::test_b", "t.py::test_c", command=command))
    assert found.objection == (
        "Tests: 1 test fails.\n\n[withheld until it is fixed] tests: t.py::test_first[a b] at a:7\n"
        "    assert total(values) == 3\nAssertionError: assert 2 == 3\n"
        "Also: t.py::test_b, t.py::test_c\nRun: python -m pytest -n 2"
    )
    assert found.failure_count == 3


def test_findings_of_one_cause_are_told_together():
    several = tuple(
        replace(finding("proof", Severity.REVIEW), line=n, message=f"Reverting {n} breaks no test.")
        for n in range(1, 15)
    )
    passed = dataclasses.replace(judged(1), verdict=replace(READY, findings=several))
    assert passed.summary == "passed, with 14 findings: Reverting 1 breaks no test."
    _, told = passed.objection.split("\n\n")
    assert "a.py:1 Reverting 1 breaks no test. (proof)" in told
    assert told.endswith("Also: " + ", ".join(f"a.py:{n}" for n in range(2, 10)) + " and 5 more")


def test_what_withholds_comes_first_then_what_makes_a_draft_then_notes():
    line = b"import os\nimport sys\nimport requests\n"
    change = Change(base_commit="c" * 40, files=(ChangedFile(path="a.py", before=b"", after=line),))
    note, draft = finding("moved", severity=Severity.INFO), finding("proof", Severity.REVIEW)
    check, after = failed("t::a")
    check = replace(check, findings=(note, draft, finding()))
    found = dataclasses.replace(met(check, after), draft=Draft(plan=PLAN, change=change)).objection
    assert [part.partition("]")[0] for part in found.split("\n\n")[1:]] == [
        "[withheld until it is fixed", "[withheld until it is fixed",
        "[draft for a person, unless an edit resolves it", "[note",
    ]  # fmt: skip
    assert found.count("a.py:3 imports requests. (proof) Use httpx.\n    import requests") == 1


def test_what_is_too_long_for_one_answer_is_counted():
    many = (finding(f"rule-{number:0>1000}") for number in range(40))
    found = judged(1, refused=tuple(many)).objection
    assert len(found) < 30_000
    assert found.endswith(" more")


def test_the_best_passed_then_was_checked_then_has_the_fewest_failures():
    refused, two = judged(1, refused=(finding(),)), judged(2, "a", "b")
    one, passed = judged(3, "a"), judged(4)
    assert rounds.choose_best([refused, two, one, passed]) is passed
    assert rounds.choose_best([refused, two, one]) is one
    assert rounds.choose_best([refused, two]) is two
    assert rounds.choose_best([judged(5, findings=2), passed]) is passed
    assert rounds.choose_best([passed, judged(6)]) is passed
    lacking = replace(READY, findings=(finding("proof", severity=Severity.REVIEW),))
    assert rounds.choose_best([dataclasses.replace(passed, verdict=lacking), passed]) is passed


def test_what_no_edit_answers_is_not_told_to_a_model():
    passed = judged(1)
    of_minutes = replace(finding("minutes", Severity.REVIEW), asks_author=False)

    def told(*findings):
        return dataclasses.replace(passed, verdict=replace(READY, findings=findings)).objection

    assert told(of_minutes, finding("moved", Severity.INFO)) == ""
    assert "(proof)" in told(of_minutes, finding("proof", Severity.REVIEW))
    assert "(minutes)" not in told(of_minutes, finding("proof", Severity.REVIEW))


def test_a_check_that_fails_as_a_whole_is_told_by_its_last_lines():
    check = LintComparison(
        name="mypy", base=Status.PASSED, head=Status.UNVERIFIED, verdict=Status.UNVERIFIED,
        reason="it ended at the memory limit",
    )  # fmt: skip
    result = LintRun(name="mypy", status=Status.UNVERIFIED, output="a\nKilled\n")
    after = CheckReport(side="head", commit="c", results=(result,))
    found = met(check, after)
    assert found.objection.endswith("mypy: it ended at the memory limit\na\nKilled")
