"""What runs as base has it, what as the change has it, and what comes of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.checks import comparison, test_files
from agent.checks.check import Part, Selection, Site
from agent.checks.own_tests import choose_scope, find_uncollected, not_passed
from agent.checks.reruns import SuiteRerunner
from agent.checks.two_runs import TwoRuns
from agent.models.change import Severity
from agent.models.checks import (
    BlockedTest,
    CheckItem,
    CheckReport,
    CheckResult,
    Comparison,
    Status,
    SuiteFacts,
)
from agent.policy import test_changes
from tests.unit.checks.test_limits import PROJECT, site
from tests.unit.policy.cases import change

FILES = {
    "shop.py": b"",
    "test_shop.py": b"import shop\n\n\ndef test_a(): pass\n\n\ndef test_b(): pass\n",
    "test_far.py": b"def test_c(): pass\n",
}
FACTS = SuiteFacts(files=("test_shop.py", "test_far.py"))
PASSED = Status.PASSED
IDS = ("test_shop.py::test_a", "test_shop.py::test_b", "test_far.py::test_c")
Some = Callable[[tuple[str, ...]], CheckResult]


def ran(*ids: str, outcome: str = "passed", **more: object) -> CheckResult:
    items = tuple(CheckItem(item_id=one, outcome=outcome) for one in ids)
    status = Status.FAILED if outcome == "failed" else Status.PASSED
    facts = {"name": "tests", "status": status, "items": items, "exit_code": 0, "suite": FACTS}
    return CheckResult.model_validate(facts | more)


ENDED = ran(limit="time", status=Status.FAILED, reason="ended", exit_code=None)
LATE = ran(IDS[0], unrun=IDS[1:])


class Sides(SuiteRerunner):
    """Runs nothing: an answer for the tests that are asked for."""

    answer: Some

    def run_some(self, site: Site, only: Selection, shown_as: str = "") -> CheckResult:
        return type(self).answer(only.ids)

    def run_part(self, site: Site, part: Part, shown_as: str = "") -> CheckResult:
        return ran(output="0 passed")  # what is asked for by its id is not there any more


def finished(
    held: CheckResult,
    answer: Some,
    tmp_path: Path,
    files: dict[str, str | None] | None = None,
    base: CheckResult | None = None,
) -> CheckResult:
    kind = type("Answering", (Sides,), {"answer": staticmethod(answer)})
    here = replace(site(10), tree=tmp_path, project=PROJECT)
    sides = kind(here, here, None, None, lambda _: None)
    made, tree = change({"shop.py": "a = 1\n", **(files or {})}, dict(FILES))
    runs = TwoRuns(made, base or ran(*IDS), sides, tree, lambda *_: here, PROJECT)
    return runs.finish(held, 0)


def test_where_time_is_up_what_the_change_reaches_still_runs_and_the_rest_is_named(
    tmp_path: Path,
) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(ids: tuple[str, ...]) -> CheckResult:
        asked.append(ids)
        return ran(*ids, outcome="passed" if len(asked) < 2 else "failed")

    found = finished(LATE, answer, tmp_path)
    assert (found.status, found.reason, found.unrun) == (Status.PASSED, "", (IDS[2],))
    compared = Comparison(
        name="tests", base=PASSED, head=PASSED, verdict=PASSED, base_count=3, unrun=found.unrun
    )
    [told] = test_changes.find_problems(compared, ran(*IDS), found)
    assert (told.rule, IDS[2] in told.message) == ("test-not-run", True)
    # The last are copies, which have to fail.
    assert asked == [IDS[1:2], IDS[:2]]


def test_what_is_shown_of_two_runs_is_both_of_them(tmp_path: Path) -> None:
    files: dict[str, str | None] = {"test_new.py": "def test_n(): pass\n"}
    failed = lambda ids: ran(*ids, outcome="failed")  # noqa: E731  copies have to
    found = finished(ran(*IDS, output="3 passed"), failed, tmp_path, files)
    assert found.output == (
        "Tests of base:\n3 passed\n\nNew and changed tests, as the change has them:\n0 passed"
    )


def test_what_the_change_reaches_and_never_ends_stays_red(tmp_path: Path) -> None:
    found = finished(LATE, lambda _: ENDED, tmp_path)
    assert (found.status, found.reason) == (Status.FAILED, "ended")


@pytest.mark.parametrize("green", [IDS[:1], IDS[:2]])
def test_copies_that_do_not_fail_prove_nothing(green: tuple[str, ...], tmp_path: Path) -> None:
    rounds: list[int] = []

    def answer(ids: tuple[str, ...]) -> CheckResult:
        rounds.append(1)
        # On base all of them fail.
        return ran(*(set(ids) - set(green) if len(rounds) == 1 else ids), outcome="failed")

    found = finished(ran(*IDS), answer, tmp_path)
    assert found.status is Status.UNVERIFIED
    assert found.reason.startswith(f"{len(green)} of 2 copies")


def test_copies_that_pass_on_base_as_well_are_no_matter_of_the_change(tmp_path: Path) -> None:
    found = finished(ran(*IDS), lambda ids: ran(*ids), tmp_path)
    assert (found.status, found.doubts) == (Status.PASSED, ())


@pytest.mark.parametrize("head", [ran(), ran(IDS[0], outcome="failed", limit="time")])
def test_copies_that_do_not_end_leave_a_doubt(head: CheckResult, tmp_path: Path) -> None:
    rounds: list[int] = []

    def answer(ids: tuple[str, ...]) -> CheckResult:
        rounds.append(1)
        return head if len(rounds) == 1 else ran(limit=head.limit)

    found = finished(ran(*IDS), answer, tmp_path)
    assert found.status is Status.PASSED
    assert len(found.doubts) == 1


@pytest.mark.parametrize(
    ("before", "after", "again", "gone", "new"),
    [
        ("passed", "passed", "c", 0, 0),
        ("failed", "failed", "c", 0, 0),
        ("passed", "failed", "c", 1, 1),
        # Base finds it again: it is stable, and gone with the change.
        ("passed", "passed", "a", 1, 0),
    ],
)
def test_ids_that_base_does_not_find_again_are_matched_by_how_they_end(
    before: str, after: str, again: str, gone: int, new: int, tmp_path: Path
) -> None:
    def answer(ids: tuple[str, ...]) -> CheckResult:
        return ran(*(ids or [f"{IDS[0]}[{again}]"]), outcome="failed" if ids else "passed")

    base = ran(f"{IDS[0]}[a]", outcome=before)
    held = ran(f"{IDS[0]}[b]", outcome=after)
    sides = (
        CheckReport(side="base", commit="", change_digest=None, results=(base,)),
        CheckReport(
            side="head",
            commit="",
            change_digest=None,
            results=(finished(held, answer, tmp_path, base=base),),
        ),
    )
    [found] = comparison.compare_reports(*sides)
    assert (len(found.gone), len(found.new_failures)) == (gone, new)
    assert len(found.added) == gone


def test_helpers_of_tests_that_nobody_can_know_leave_a_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_files, "_MOST_BYTES", 10)
    assert (
        "shop.py" in finished(ran(*IDS), lambda _: ran(*IDS, outcome="failed"), tmp_path).doubts[0]
    )


@pytest.mark.parametrize(("name", "named"), [("new.py", 0), ("src/shop.py", 1), ("json.py", 0)])
def test_a_new_file_that_old_tests_import_leaves_a_doubt(
    name: str, named: int, tmp_path: Path
) -> None:
    found = finished(ran(*IDS), lambda ids: ran(*ids, outcome="failed"), tmp_path, {name: "a = 1"})
    assert (len(found.doubts), all(name in doubt for doubt in found.doubts)) == (named, True)


def test_a_module_that_becomes_a_package_leaves_no_doubt(tmp_path: Path) -> None:
    files = {"shop.py": None, "shop/__init__.py": "a = 1", "shop/shop.py": "a = 1"}
    found = finished(ran(*IDS), lambda ids: ran(*ids, outcome="failed"), tmp_path, files)
    assert found.doubts == ()


def test_data_and_rules_of_tests_have_all_of_them_run() -> None:
    made, _ = change({"tests/a.json": "{}"}, {"tests/a.json": "[]"})
    assert choose_scope(made, frozenset(made.paths), (), FACTS, None, other_rules=False).whole
    assert choose_scope(made, frozenset(), (), FACTS, None, other_rules=True).whole
    assert choose_scope(made, frozenset(), (), FACTS, None, other_rules=False).is_empty


def test_new_tests_that_were_not_run_are_named() -> None:
    text = "def test_a(): ...\n\n\ndef test_b(): ...\n\n\nclass Odd:\n    def test_c(self): ...\n"
    made, _ = change({"test_n.py": text, "conftest.py": text}, {"test_n.py": "def test_b(): ..."})
    facts = SuiteFacts(files=("test_n.py", "other.py"))
    [said] = find_uncollected(made, ran("test_n.py::test_a[1]", suite=facts))
    assert said.startswith("test_n.py ")
    assert said.endswith(" test_c")
    [said] = find_uncollected(made, ran("other.py::test_a", "other.py::It::test_c_0", suite=facts))
    assert said.endswith(" test_a")
    assert find_uncollected(made, ran("test_n.test_a_0", "other.It.test_c", suite=facts)) == ()


def test_tests_that_cannot_be_imported_are_told_of_once_with_their_cause() -> None:
    lost = CheckItem(
        item_id="test_shop.py (collection)",
        outcome="error",
        text="in line 1\nModuleNotFoundError: No module named 'responses'",
    )
    held = ran(IDS[2]).model_copy(update={"items": (lost, *ran(IDS[2]).items)})
    left = not_passed(ran(*IDS), held)
    assert {one.text for one in left} == {lost.text.rpartition("\n")[2]}
    tests = tuple(
        BlockedTest(item_id=one.item_id, outcome=one.outcome, text=one.text) for one in left
    )
    found = Comparison(name="tests", base=PASSED, head=PASSED, verdict=PASSED, rewritten=tests)
    [told] = test_changes.find_problems(found, ran(*IDS), ran(*IDS))
    assert all(said in told.message for said in (*IDS[:2], "'responses'"))


def test_source_under_the_name_of_a_test_is_for_the_reviewer(tmp_path: Path) -> None:
    files = {"client_use.py": "import test_client\n", "test_client.py": "a = 1\n"}
    here = replace(site(10), tree=tmp_path, project=PROJECT)
    sides = Sides(here, here, None, None, lambda _: None)  # type: ignore[arg-type]
    made, tree = change(files, dict(FILES))
    runs = TwoRuns(made, ran(*IDS), sides, tree, lambda *_: here, PROJECT)
    assert runs.disguised_files == {"test_client.py"}
    compared = Comparison(name="tests", base=PASSED, head=PASSED, verdict=PASSED)
    [told] = test_changes.find_problems(compared, ran(), ran(disguised=("test_client.py",)))
    assert (told.rule, told.path) == ("test-module-in-use", "test_client.py")
    assert told.severity is Severity.REVIEW
