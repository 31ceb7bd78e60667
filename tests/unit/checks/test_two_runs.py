"""What runs as base has it, what as the change has it, and what comes of both."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.checks import comparison
from agent.checks.check import Part, Selection, Site
from agent.checks.own_tests import (
    Scope,
    choose_scope,
    find_uncollected,
    merge_results,
    not_passed,
    source_of,
)
from agent.checks.reruns import SuiteRerunner
from agent.checks.runners import PytestSuite
from agent.checks.test_files import Imports, SuitePlaces
from agent.checks.two_runs import COPIES, OWN, Runs, TwoRuns
from agent.checks.whole_commit import WHOLE
from agent.models.checks import (
    BlockedTest,
    CheckItem,
    CheckReport,
    RepeatedTest,
    Status,
    SuiteFacts,
    TestComparison,
    TestRun,
)
from agent.models.record import replace
from agent.policy import test_changes
from tests.unit.checks.test_limits import PROJECT, site
from tests.unit.policy.cases import change
from tests.unit.trees import DictTree

FILES = {
    "shop.py": b"",
    "test_shop.py": b"import shop\n\n\ndef test_a(): pass\n\n\ndef test_b(): pass\n",
    "test_far.py": b"def test_c(): pass\n",
}
FACTS = SuiteFacts(files=("test_shop.py", "test_far.py"))
PASSED = Status.PASSED
IDS = ("test_shop.py::test_a", "test_shop.py::test_b", "test_far.py::test_c")
Some = Callable[[tuple[str, ...]], TestRun]


def ran(*ids: str, outcome: str = "passed", **more: object) -> TestRun:
    items = tuple(CheckItem(item_id=visit, outcome=outcome) for visit in ids)
    status = Status.FAILED if outcome == "failed" else Status.PASSED
    facts = {"name": "tests", "status": status, "items": items, "exit_code": 0, "suite": FACTS}
    return TestRun.model_validate(facts | more)


LATE = ran(IDS[0], unrun=IDS[1:])


class Sides(SuiteRerunner):
    """Runs nothing: an answer for the tests that are asked for."""

    answer: Some

    def run_some(self, site: Site, only: Selection, shown_as: str = "") -> TestRun:
        return type(self).answer(only.ids)

    def run_part(self, site: Site, part: Part, shown_as: str = "") -> TestRun:
        return type(self).answer(part.only.ids) if part.only else ran()

    def repeat(self, failures: object, new: object = ()) -> tuple[RepeatedTest, ...]:
        return ()


def fail(ids: tuple[str, ...]) -> TestRun:
    return ran(*ids, outcome="failed")


def prepare(
    answer: Some,
    tmp_path: Path,
    files: dict[str, str | None] | None = None,
    base: TestRun | None = None,
) -> TwoRuns:
    kind = type("Answering", (Sides,), {"answer": staticmethod(answer)})
    here = dataclasses.replace(site(10), tree=tmp_path, project=PROJECT)
    sides = kind(here, here, PytestSuite(), None, lambda _: None)
    made, tree = change(files if files is not None else {"shop.py": "a = 1\n"}, dict(FILES))
    return TwoRuns(made, base or ran(*IDS), sides, tree, lambda *_: here, PROJECT)


def list_runs(runs: TwoRuns) -> Runs:
    return *runs.list_first(), *runs.list_rest(), *runs.list_whole()


def finished(
    held: TestRun,
    answer: Some,
    tmp_path: Path,
    files: dict[str, str | None] | None = None,
    base: TestRun | None = None,
    copied: Some = fail,
) -> TestRun:
    runs = prepare(answer, tmp_path, files, base)
    first = {suite.name: suite.part for suite, _ in list_runs(runs)}
    ended = {"tests": held}
    if COPIES in first:
        ended[COPIES] = copied(first[COPIES].only.ids)
    return runs.finish(ended)


def test_tests_for_which_there_was_no_time_are_named(tmp_path: Path) -> None:
    found = finished(LATE, fail, tmp_path)
    assert (found.status, found.reason, found.unrun) == (Status.PASSED, "", IDS[1:])
    assert found.cut == "1 of 3 tests ran"
    compared = TestComparison(
        name="tests", base=PASSED, head=PASSED, verdict=PASSED, base_count=3, unrun=found.unrun
    )
    [told] = test_changes.find_problems(compared, ran(*IDS), found)
    assert (told.rule, IDS[2] in told.message) == ("test-not-run", True)


def test_what_is_shown_of_two_runs_is_both_of_them(tmp_path: Path) -> None:
    runs = prepare(fail, tmp_path, {"test_new.py": "def test_n(): pass\n"})
    ended = {"tests": ran(*IDS, output="3 passed"), OWN: ran(output="1 passed")}
    found = runs.finish(ended)
    assert found.output == "Tests of the base branch:\n3 passed\n\nNew and changed tests:\n1 passed"


@pytest.mark.parametrize("green", [IDS[:1], IDS[:2]])
def test_copies_that_do_not_fail_prove_nothing(green: tuple[str, ...], tmp_path: Path) -> None:
    def copied(ids: tuple[str, ...]) -> TestRun:
        return fail(tuple({*ids} - {*green}))

    asked: list[tuple[str, ...]] = []

    def answer(ids: tuple[str, ...]) -> TestRun:
        asked.append(ids)
        return fail(ids)  # as on base

    found = finished(ran(*IDS), answer, tmp_path, copied=copied)
    assert found.status is Status.UNVERIFIED
    assert found.reason.startswith(f"{len(green)} of 2 deliberately broken tests passed")
    assert asked == [green]


def test_copies_that_pass_on_base_as_well_leave_a_doubt(tmp_path: Path) -> None:
    found = finished(ran(*IDS), lambda ids: ran(*ids), tmp_path, copied=lambda ids: ran(*ids))
    assert found.status is Status.PASSED
    (doubt,) = found.doubts
    assert "pass on the base branch too" in doubt


@pytest.mark.parametrize("head", [ran(), ran(IDS[0], outcome="failed", limit="time")])
def test_copies_that_do_not_end_leave_a_doubt(head: TestRun, tmp_path: Path) -> None:
    found = finished(ran(*IDS), lambda _: ran(limit=head.limit), tmp_path, copied=lambda _: head)
    assert found.status is Status.PASSED
    assert len(found.doubts) == 1


def test_of_many_tests_twenty_are_copied_by_chance(tmp_path: Path) -> None:
    names = [f"test_{number}" for number in range(300)]
    text = "import shop\n\n\n" + "".join(f"def {name}(): pass\n" for name in names)
    far = "".join(f"def {name}(): pass\n" for name in names)
    files = {"test_shop.py": text.encode(), "test_far.py": far.encode()}
    base = ran(*(f"{path}::{name}" for path in files for name in names))
    drawn = []
    for _ in range(2):
        runs = prepare(fail, tmp_path, base=base)
        runs.tree = DictTree({**FILES, **files})
        drawn.append(runs._drawn)
    assert [len({*ids}) for ids in drawn] == [20, 20]
    assert drawn[0] != drawn[1]
    assert all(one.startswith("test_shop.py::") for one in (*drawn[0], *drawn[1]))


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [("passed", "passed", 0), ("failed", "failed", 0), ("passed", "failed", 1)],
)
def test_ids_of_chance_are_matched_by_their_family(
    before: str, after: str, new: int, tmp_path: Path
) -> None:
    base = ran(f"{IDS[0]}[a]", outcome=before)
    held = ran(f"{IDS[0]}[b]", outcome=after)
    found = finished(held, lambda _: ran(), tmp_path, base=base)
    sides = (
        CheckReport(side=side, commit="", results=(result,))
        for side, result in (("base", base), ("head", found))
    )
    [compared] = comparison.compare_reports(*sides)
    assert (compared.gone, compared.added, compared.rewritten) == ((), (), ())
    assert len(compared.new_failures) == new


def test_where_tests_alone_change_base_has_shown_the_rest(tmp_path: Path) -> None:
    files = {"test_shop.py": "import shop\n\n\ndef test_a(): pass\n"}
    runs = prepare(fail, tmp_path, files)
    assert [suite.name for suite, _ in list_runs(runs)] == [OWN, WHOLE]
    runs = prepare(fail, tmp_path, {**files, "shop.py": "a = 1\n"})
    assert {suite.name for suite, _ in list_runs(runs)} == {
        "tests",
        OWN,
        COPIES,
        WHOLE,
    }


@pytest.mark.parametrize(("name", "named"), [("new.py", 0), ("src/shop.py", 1), ("json.py", 0)])
def test_a_new_file_that_old_tests_import_leaves_a_doubt(
    name: str, named: int, tmp_path: Path
) -> None:
    found = finished(
        ran(*IDS),
        lambda ids: ran(*ids, outcome="failed"),
        tmp_path,
        {name: "a = 1", "shop.py": "a = 1"},
    )
    assert (len(found.doubts), all(name in doubt for doubt in found.doubts)) == (named, True)


def test_a_module_that_becomes_a_package_leaves_no_doubt(tmp_path: Path) -> None:
    files = {"shop.py": None, "shop/__init__.py": "a = 1", "shop/shop.py": "a = 1"}
    found = finished(ran(*IDS), lambda ids: ran(*ids, outcome="failed"), tmp_path, files)
    assert found.doubts == ()


def test_data_and_rules_of_tests_have_all_of_them_run() -> None:
    made, _ = change({"tests/a.json": "{}"}, {"tests/a.json": "[]"})
    assert choose_scope(
        made, frozenset(made.paths), (), FACTS, Imports({}), other_rules=False
    ).whole
    assert choose_scope(made, frozenset(), (), FACTS, Imports({}), other_rules=True).whole
    assert choose_scope(made, frozenset(), (), FACTS, Imports({}), other_rules=False).is_empty


def test_new_tests_that_were_not_run_are_named() -> None:
    text = "def test_a(): ...\n\n\ndef test_b(): ...\n\n\nclass Odd:\n    def test_c(self): ...\n"
    made, _ = change({"test_n.py": text}, {"test_n.py": "def test_b(): ..."})
    facts = SuiteFacts(files=("test_n.py", "other.py"))
    [said] = find_uncollected(made, ran("test_n.py::test_a[1]", suite=facts))
    assert said.startswith("test_n.py ")
    assert said.endswith(" test_c")
    [said] = find_uncollected(made, ran("other.py::It::test_c_0", suite=facts))
    assert said.endswith(" test_a")
    assert find_uncollected(made, ran("test_n.test_a_0", "other.It.test_c", suite=facts)) == ()


def test_tests_that_cannot_be_imported_are_told_of_once_with_their_cause() -> None:
    lost = CheckItem(
        item_id="test_shop.py (collection)",
        outcome="error",
        text="in line 1\nModuleNotFoundError: No module named 'responses'",
    )
    held = replace(ran(IDS[2]), items=(lost, *ran(IDS[2]).items))
    left = not_passed(ran(*IDS), held)
    assert {one.text for one in left} == {lost.text.rpartition("\n")[2]}
    tests = tuple(
        BlockedTest(item_id=one.item_id, outcome=one.outcome, text=one.text) for one in left
    )
    found = TestComparison(name="tests", base=PASSED, head=PASSED, verdict=PASSED, rewritten=tests)
    [told] = test_changes.find_problems(found, ran(*IDS), ran(*IDS))
    assert all(said in told.message for said in (*IDS[:2], "'responses'"))


def test_a_new_condition_of_an_existing_test_is_for_the_reviewer() -> None:
    known = {IDS[0]: "skipif: windows"}
    base = ran(*IDS, suite=SuiteFacts(conditions=known))
    compared = TestComparison(name="tests", base=PASSED, head=PASSED, verdict=PASSED)
    more = {IDS[1]: "skipif: windows", "test_n.py::test_b": "skipif: CI"}
    head = ran(*IDS, "test_n.py::test_b", suite=SuiteFacts(conditions=known | more))
    [told] = test_changes.find_problems(compared, base, head)
    assert (told.rule, IDS[1] in told.message) == ("test-removed", True)


def test_a_test_that_passes_only_as_changed_is_shown_in_both_versions() -> None:
    text = "import a\n\n\n@given(1)\ndef test_a(x):\n    b = 1\n    assert x == 1\n"
    sides = (text.encode(), text.replace("given(1)", "given(2)").replace("== 1", "== 2").encode())
    before, after = (source_of(side, "test_a") for side in sides)
    test = BlockedTest(item_id=IDS[0], outcome="failed", text="1 != 2", before=before, after=after)
    found = TestComparison(
        name="tests", base=PASSED, head=PASSED, verdict=PASSED, rewritten=(test,)
    )
    [told] = test_changes.find_problems(found, ran(*IDS), ran(*IDS))
    for line in ("-@given(1)\n+@given(2)\n", "-    assert x == 1\n+    assert x == 2"):
        assert line in told.source


def test_source_under_the_name_of_a_test_is_no_test(tmp_path: Path) -> None:
    files = {"client_use.py": "import test_client\n", "test_client.py": "a = 1\n"}
    here = dataclasses.replace(site(10), tree=tmp_path, project=PROJECT)
    sides = Sides(here, here, None, None, lambda _: None)  # type: ignore[arg-type]
    made, tree = change(files, dict(FILES))
    runs = TwoRuns(made, ran(*IDS), sides, tree, lambda *_: here, PROJECT)
    assert runs.disguised_files == {"test_client.py"}


def test_a_module_whose_tests_are_gone_is_looked_for_as_the_change_has_it() -> None:
    places = SuitePlaces(SuiteFacts(files=("shop/tests/__init__.py", "shop/tests/test_old.py")))
    lost = CheckItem(item_id="shop.tests.test_old (collection)", outcome="error")
    held, own = replace(ran(), items=(lost,)), ran()
    wanted = Scope(whole=False, files=("shop/tests/test_old.py",))
    assert merge_results(held, own, wanted, {}, places).items == ()
