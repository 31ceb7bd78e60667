"""The decision table: what is published, what is withheld, and the sentence for maintainers."""

from __future__ import annotations

import pytest

from agent.domain import (
    Change,
    ChangedFile,
    CheckItem,
    ClearedChange,
    Comparison,
    Contract,
    Finding,
    Proof,
    ProofRow,
    Reason,
    Repeated,
    Rerun,
    Severity,
    Status,
    Verdict,
)
from agent.stages import decide
from repo_config.detect import Project
from repo_config.schema import RepoConfig

PASSED, FAILED, UNVERIFIED = Status.PASSED, Status.FAILED, Status.UNVERIFIED


def suite(**facts: object) -> Comparison:
    values: dict[str, object] = {
        "name": "tests",
        "base": PASSED,
        "head": PASSED,
        "verdict": PASSED,
        "counts_tests": True,
        "base_count": 12,
        "head_count": 13,
        "added": ("t::new",),
    }
    return Comparison.model_validate(values | facts)


def tool(name: str, **facts: object) -> Comparison:
    values: dict[str, object] = {"name": name, "base": PASSED, "head": PASSED, "verdict": PASSED}
    return Comparison.model_validate(values | facts)


def failing(*ids: str, outcome: str = "failed") -> tuple[CheckItem, ...]:
    return tuple(CheckItem(item_id=item_id, outcome=outcome) for item_id in ids)


def weigh(
    *compared: Comparison,
    findings: tuple[Finding, ...] = (),
    runner: str = "auto",
    files: tuple[ChangedFile, ...] = (),
) -> Verdict:
    cleared = ClearedChange(change=Change(base_commit="0" * 40, files=files), findings=findings)
    project = Project(
        framework="none",
        python_version=None,
        django=None,
        test_runner=None,
        test_script=None,
        type_tools=(),
        lint_tools=(),
    )
    config = RepoConfig.model_validate({"checks": {"tests": {"runner": runner}}})
    return decide.weigh(compared, cleared, Contract(config=config, project=project, source=None))


def finding(severity: Severity) -> Finding:
    return Finding(rule="paths", severity=severity, path="a", line=None, message="is.", fix="Do.")


def flips(item_id: str, base: str, head: str) -> Repeated:
    """A test that was run again: p passed, f failed."""
    names = {"p": "passed", "f": "failed"}
    sides = [tuple(Rerun(outcome=names[one]) for one in side) for side in (base, head)]
    return Repeated(item_id=item_id, base=sides[0], head=sides[1], place="tests/test_a.py:3")


def test_green_on_both_sides_is_published_with_the_counts():
    verdict = weigh(tool("makemigrations"), suite())
    assert verdict.publish
    assert verdict.reason is Reason.READY
    assert verdict.sentence == (
        "Nothing fails that did not fail before, in 2 checks."
        " Tests: 12 on base, 13 with the change, 1 new."
    )


def test_a_flaky_test_is_named_and_does_not_withhold():
    verdict = weigh(suite(head=FAILED, head_failures=3, flaky=(flips("t::a", "pf", "p"),)))
    assert (verdict.publish, verdict.reason) == (True, Reason.READY)
    assert "Tests: 2 failures as on base." in verdict.sentence
    assert "Tests: a flaky test failed, on base at times as well: t::a." in verdict.sentence
    [found] = verdict.findings
    assert (found.path, found.line, found.severity) == ("tests/test_a.py", 3, Severity.INFO)


def test_a_test_that_only_the_change_makes_fail_at_times_withholds():
    verdict = weigh(
        suite(
            verdict=UNVERIFIED,
            unsure=(flips("t::a", "ppp", "pfp"),),
            flaky=(flips("t::b", "pf", "p"),),
        )
    )
    assert (verdict.publish, verdict.reason) == (False, Reason.UNVERIFIED)
    assert verdict.sentence == (
        "Tests, run again, do not agree, so nothing is proved: t::a failed in 2 of 4 runs with the"
        " change and in 0 of 4 runs on base."
    )
    assert [found.rule for found in verdict.findings] == ["flaky-tests"] * 2


def test_what_fails_each_time_withholds_whatever_else_is_flaky():
    verdict = weigh(
        suite(verdict=FAILED, new_failures=failing("t::new"), flaky=(flips("t::a", "pf", "p"),))
    )
    assert verdict.reason is Reason.NEW_FAILURES


def test_what_failed_before_does_not_withhold_and_is_said():
    verdict = weigh(
        suite(base=FAILED, head=FAILED, base_failures=2, head_failures=2),
        tool("mypy", base=FAILED, head=FAILED, base_failures=1, head_failures=1),
    )
    assert verdict.publish
    assert "Tests: 2 failures as on base." in verdict.sentence
    assert "Mypy: 1 finding as on base." in verdict.sentence


def test_remarks_for_the_reviewer_are_counted():
    verdict = weigh(suite(), findings=(finding(Severity.REVIEW), finding(Severity.INFO)))
    assert verdict.publish
    assert verdict.decision == "open as draft"
    assert verdict.review == ("a",)
    assert verdict.sentence.endswith("A draft, since a person has to look at this first: a.")


def test_a_new_failing_test_withholds_and_is_named():
    verdict = weigh(suite(head=FAILED, verdict=FAILED, new_failures=failing("t.py::test_a")))
    assert not verdict.publish
    assert verdict.reason is Reason.NEW_FAILURES
    assert verdict.sentence == (
        "Tests: 1 test fails with the change and not without it: t.py::test_a."
    )


def test_of_many_new_failures_the_first_are_named_and_all_are_counted():
    ids = [f"t.py::test_{number}" for number in range(1, 8)]
    verdict = weigh(
        suite(verdict=FAILED, new_failures=failing(*ids)),
        tool("mypy", verdict=FAILED, new_failures=failing("x", outcome="finding")),
    )
    assert verdict.sentence == (
        "Tests: 7 tests fail with the change and not without it: t.py::test_1, t.py::test_2,"
        " t.py::test_3 and 4 more. Also red: mypy."
    )


def test_a_test_that_no_longer_runs_is_named_with_what_became_of_it():
    item = CheckItem(item_id="t::a", outcome="skipped", text="passes on base and is skipped")
    verdict = weigh(suite(verdict=FAILED, new_failures=(item,)))
    assert "t::a (skipped)" in verdict.sentence


def test_a_new_finding_of_a_tool_is_told_by_its_words_and_place():
    item = CheckItem(
        item_id="a.py: E: no",
        outcome="finding",
        text="Name x is not defined.\nmore",
        place="a.py:3",
    )
    verdict = weigh(suite(), tool("mypy", verdict=FAILED, new_failures=(item,)))
    assert verdict.reason is Reason.NEW_FAILURES
    assert verdict.sentence == "Mypy: 1 new finding: Name x is not defined at a.py:3."


def test_gone_tests_withhold():
    verdict = weigh(suite(verdict=FAILED, gone=("t::a", "t::b")))
    assert verdict.reason is Reason.NEW_FAILURES
    assert verdict.sentence == (
        "Tests: 2 tests of the base commit are gone with the change: t::a, t::b."
    )


def test_tests_that_are_only_unmatched_do_not_withhold():
    assert weigh(suite(unmatched=("t::a[0x7f]",))).publish


def test_a_check_that_fails_as_a_whole_or_is_gone_withholds_with_its_reason():
    verdict = weigh(
        suite(), tool("django check", verdict=FAILED, reason="the settings do not load.")
    )
    assert verdict.reason is Reason.NEW_FAILURES
    assert verdict.sentence == "Django check: the settings do not load."
    gone = tool("mypy", head=Status.ABSENT, verdict=FAILED, reason="it is no longer there")
    assert not weigh(suite(), gone).publish


@pytest.mark.parametrize(
    "facts",
    [
        {"verdict": UNVERIFIED, "reason": "the report and the exit code do not agree"},
        {"verdict": UNVERIFIED, "base": UNVERIFIED, "reason": "the report and the exit code x"},
        {"head": UNVERIFIED, "reason": "the report and the exit code do not agree"},
        {"base": UNVERIFIED, "reason": "the report and the exit code do not agree"},
        {"verdict": Status.ABSENT, "reason": "the report and the exit code do not agree"},
    ],
)
def test_what_is_not_proved_withholds(facts):
    verdict = weigh(suite(), tool("makemigrations", **facts))
    assert not verdict.publish
    assert verdict.reason is Reason.UNVERIFIED
    assert "Makemigrations proves nothing: the report and the exit code" in verdict.sentence


def test_an_unproved_result_without_a_reason_still_has_a_sentence():
    verdict = weigh(suite(verdict=UNVERIFIED))
    assert verdict.sentence == "Tests proves nothing: its result could not be proved."


def test_no_test_suite_withholds():
    verdict = weigh(tool("mypy"))
    assert verdict.reason is Reason.NO_TESTS
    assert "checks.tests.runner" in verdict.sentence
    assert weigh().reason is Reason.NO_TESTS


def test_a_suite_that_ran_no_test_withholds():
    verdict = weigh(suite(base_count=0, head_count=0, added=()))
    assert verdict.reason is Reason.NO_TESTS
    assert "ran no test" in verdict.sentence


def test_a_suite_that_ran_none_under_the_base_s_rules_withholds():
    under = suite(name="tests, base rules", head_count=0)
    assert weigh(under, suite()).reason is Reason.NO_TESTS


def test_tests_that_are_switched_off_do_not_withhold_and_it_is_said():
    verdict = weigh(tool("mypy"), runner="off")
    assert verdict.publish
    assert "Tests are switched off in the configuration." in verdict.sentence
    assert weigh(runner="off").sentence.startswith("No check runs in this repository.")


def test_switched_off_tests_do_not_excuse_other_failures():
    verdict = weigh(
        tool("mypy", verdict=FAILED, new_failures=failing("x", outcome="finding")), runner="off"
    )
    assert verdict.reason is Reason.NEW_FAILURES


def test_the_worst_reason_comes_first():
    red = tool("mypy", verdict=FAILED, new_failures=failing("x", outcome="finding"))
    unproved = tool("lint", verdict=UNVERIFIED, reason="a")
    assert weigh(unproved, red).reason is Reason.NEW_FAILURES
    assert weigh(unproved).reason is Reason.UNVERIFIED


NEW_TEST = ChangedFile(path="tests/test_new.py", before=None, after=b"def test_new():\n    pass\n")


def test_a_new_test_that_was_not_collected_withholds_as_a_finding_that_blocks():
    verdict = weigh(suite(added=("tests/test_other.py::test_new",)), files=(NEW_TEST,))
    assert not verdict.publish
    assert verdict.reason is Reason.UNVERIFIED
    assert verdict.sentence == (
        "Tests prove nothing about the change: the new test in tests/test_new.py was not "
        "collected: test_new."
    )
    [found] = verdict.findings
    assert (found.severity, found.path, found.line) == (Severity.BLOCK, "tests/test_new.py", 1)


def test_a_new_test_that_was_collected_withholds_nothing():
    verdict = weigh(suite(added=("tests/test_new.py::test_new",)), files=(NEW_TEST,))
    assert verdict.publish
    assert verdict.findings == ()


def test_new_tests_are_not_looked_for_where_none_are_run_or_the_run_proves_nothing():
    assert weigh(tool("mypy"), runner="off", files=(NEW_TEST,)).publish
    unproved = weigh(suite(verdict=UNVERIFIED, added=()), files=(NEW_TEST,))
    assert "proves nothing" in unproved.sentence
    assert unproved.findings == ()


def test_only_the_last_two_rows_publish_and_one_of_them_as_a_draft():
    assert [row.publish for row in decide.TABLE[-3:]] == [False, True, True]
    assert not any(row.publish for row in decide.TABLE[:-2])
    assert [row.draft for row in decide.TABLE[-2:]] == [True, False]
    assert len({row.fact for row in decide.TABLE}) == len(decide.TABLE)
    assert all(row.fact for row in decide.TABLE)


@pytest.mark.parametrize("verdict", list(Status))
@pytest.mark.parametrize("head", list(Status))
@pytest.mark.parametrize("base", list(Status))
def test_only_proved_combinations_are_published(base, head, verdict):
    found = weigh(suite(), tool("mypy", base=base, head=head, verdict=verdict))
    proved = verdict is PASSED and UNVERIFIED not in (base, head)
    assert found.publish is proved


def test_a_suite_that_is_skipped_as_a_whole_is_no_suite():
    verdict = weigh(suite(base_count=4, head_count=4, base_skipped=4, head_skipped=4, added=()))
    assert verdict.reason is Reason.NO_TESTS


def test_what_a_blocking_rule_makes_of_a_tools_finding_withholds():
    found = finding(Severity.BLOCK).model_copy(update={"path": "a.py", "line": 3})
    verdict = weigh(suite(), tool("names", findings=(found,)))
    assert (verdict.publish, verdict.reason) == (False, Reason.POLICY)
    assert verdict.sentence == "A rule of the repository stands against it: a.py:3 is (paths)."


def proved(*problems: str) -> Proof:
    rows = tuple(
        ProofRow(name=f"t::{n}", without="failed", with_change="passed", problem=problem)
        for n, problem in enumerate(problems)
    )
    return Proof(rows=rows)


def of_a_model(proof: Proof, *compared: Comparison) -> Verdict:
    cleared = ClearedChange(change=Change(base_commit="0" * 40, files=()), findings=())
    project = Project(
        framework="none", python_version=None, django=None, test_runner="pytest",
        test_script=None, lint_tools=(),
    )  # fmt: skip
    contract = Contract(config=RepoConfig(), project=project, source=None)
    return decide.weigh(compared or (suite(),), cleared, contract, proof)


def test_a_models_change_is_published_where_its_tests_prove_it() -> None:
    assert of_a_model(proved("", "")).reason is Reason.READY
    assert of_a_model(Proof(unneeded="words alone")).reason is Reason.READY


def test_a_models_change_is_withheld_where_they_do_not() -> None:
    verdict = of_a_model(proved("", "passes without the change, so it shows nothing"))
    assert (verdict.publish, verdict.reason) == (False, Reason.UNVERIFIED)
    assert verdict.sentence == (
        "The acceptance tests do not show the change: t::1 passes without the change, so it shows"
        " nothing."
    )


def test_what_fails_newly_comes_before_what_is_not_proved() -> None:
    red = suite(head=FAILED, verdict=FAILED, new_failures=failing("t::a"))
    assert of_a_model(proved("was skipped"), red).reason is Reason.NEW_FAILURES
