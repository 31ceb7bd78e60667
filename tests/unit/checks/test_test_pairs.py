"""What becomes of each test: all outcomes of both sides, and tests under another id."""

import pytest

from agent.checks.test_pairs import classify_tests, count_tests
from agent.models.checks import CheckItem, RewrittenTest, TestComparison, TestRun
from tests.unit.checks.samples import make_split, suite_of

#: By the outcome on base (a row) and on the exact commit (a column), of a test that is not touched.
STATES = """
base    passed failed error  skipped xfailed xpassed missing unrun
passed  fine   broken broken broken  broken  fine    broken  unrun
failed  fine   known  known  gone    gone    fine    gone    unrun
error   fine   known  known  gone    gone    fine    gone    unrun
skipped fine   broken broken fine    fine    fine    gone    unrun
xfailed fine   broken broken fine    fine    fine    gone    unrun
xpassed fine   broken broken fine    fine    fine    gone    unrun
missing fine   broken broken fine    fine    fine    -       unrun
unrun   fine   broken broken fine    fine    fine    gone    unrun
"""
#: What is other where the change touches the test.
SOFTENED = {("passed", "skipped"), ("passed", "xfailed"), ("passed", "missing")}
HEAD, *ROWS = [line.split() for line in STATES.strip().splitlines()]
CASES = [
    (row[0], now, state)
    for row in ROWS
    for now, state in zip(HEAD[1:], row[1:], strict=True)
    if state != "-"
]
ID, FILE = "t.py::a", "t.py"


def make_side(outcome: str) -> TestRun:
    """Make a run in which one test passes and the other ends so."""
    ids = () if outcome in ("missing", "unrun") else (f"{ID}={outcome}",)
    return suite_of("u.py::other", *ids, unrun=(ID,) if outcome == "unrun" else ())


@pytest.mark.parametrize(("was", "now", "state"), CASES)
def test_each_pair_of_outcomes_has_its_state(was: str, now: str, state: str) -> None:
    base, head = make_side(was), make_side(now)
    assert classify_tests(base, head, None, make_split())[ID].state == state
    versions = {"passed": make_side("passed"), "failed": make_side("failed"), "": suite_of()}
    for outcome, version in versions.items():
        wanted = "gone" if (was, now) in SOFTENED else state
        if was == "passed" and state == "fine" and outcome != "passed":
            wanted = "rewritten"
        assert classify_tests(base, head, version, make_split(FILE))[ID].state == wanted
    # Without the run of base's versions nothing is said of them: that it is missing, is.
    wanted = "gone" if (was, now) in SOFTENED else state
    assert classify_tests(base, head, None, make_split(FILE))[ID].state == wanted


def test_where_configuration_is_edited_every_test_is_touched() -> None:
    pairs = classify_tests(suite_of(ID), suite_of(ID), suite_of(), make_split(as_base=None))
    assert pairs[ID].state == "rewritten"


@pytest.mark.parametrize(("other", "state"), [("x", "fine"), ("y", "rewritten")])
def test_of_a_doctest_the_text_is_compared(other: str, state: str) -> None:
    def run(digest: str) -> TestRun:
        item = CheckItem(item_id="a.py::a.f", outcome="passed", file="a.py", digest=digest)
        return suite_of().model_copy(update={"items": (item,)})

    split = make_split(product=("a.py",))
    assert classify_tests(run("x"), run(other), None, split)["a.py::a.f"].state == state


def compare(
    before: TestRun, after: TestRun, versions: TestRun | None = None, *touched: str, **parts: object
) -> TestComparison:
    made = make_split(*touched, **parts)
    pairs = classify_tests(before, after, versions, made)
    return count_tests(before, after, pairs.values())


def new(found: TestComparison) -> list[str]:
    return [item.item_id for item in found.new_failures]


@pytest.mark.parametrize(
    ("before", "after", "gone", "added"),
    [
        (("x[a]",), ("x",), 0, 0),
        (("x[a]",), ("x[a-1]", "x[a-2]"), 0, 1),
        (("x",), ("x[a]", "x[b]"), 0, 1),
        (("x[a]", "x[b]"), ("x[c]",), 1, 0),
        (("x_1_a", "x_2_b"), ("x_1_c",), 2, 1),
    ],
)
def test_a_test_that_gains_or_loses_parameters_is_the_same(
    before: tuple[str, ...], after: tuple[str, ...], gone: int, added: int
) -> None:
    found = compare(*(suite_of(*(f"a.py::test_{run}" for run in side)) for side in (before, after)))
    assert (len(found.gone), len(found.added), new(found)) == (gone, added, [])


@pytest.mark.parametrize(
    ("before", "after", "failing"),
    [("passed", "passed", 0), ("failed", "failed", 0), ("passed", "failed", 1)],
)
def test_ids_of_chance_are_matched_by_their_family(before: str, after: str, failing: int) -> None:
    base, head = suite_of(f"{ID}[1]={before}", f"{ID}[2]"), suite_of(f"{ID}[3]={after}", f"{ID}[2]")
    assert len(new(compare(base, head))) == failing
    # Base's version is looked up by base's id, whatever that of the commit is.
    touched = compare(suite_of(f"{ID}[1]"), suite_of(f"{ID}[3]"), suite_of(f"{ID}[1]"), FILE)
    assert touched.rewritten == ()
    # A test of another number is another test.
    assert compare(suite_of("t.py::step_1"), suite_of("t.py::step_2"), None, "t.py").gone


def test_a_module_that_cannot_be_imported_on_base_has_failed_there() -> None:
    before = suite_of("t.py (collection)=error", "v.py (collection)=error")
    found = compare(before, suite_of("t.py::a=failed", "t.py::b", "u.py::c=failed"))
    assert (new(found), found.gone) == (["u.py::c"], ("v.py (collection)",))


def test_a_module_that_can_no_longer_be_imported_is_named_once() -> None:
    before = suite_of("t.py::a", "t.py::b", "u.py::c")
    found = compare(before, suite_of("u.py::c", "t.py (collection)=error"))
    assert (new(found), found.gone) == (["t.py (collection)"], ())
    assert (found.head_count, found.head_uncollected) == (1, 1)


def test_versions_that_did_not_come_up_are_named_as_gone() -> None:
    found = compare(suite_of(ID, "t.py::b"), suite_of(ID, "t.py::b"), suite_of("t.py::b"), FILE)
    assert found.rewritten == (RewrittenTest(item_id=ID, outcome="gone"),)


@pytest.mark.parametrize(
    ("facts", "late"),
    [
        ({"limit": "time", "reason": "tests ended after 9 minutes"}, (ID,)),
        ({"unrun": (ID,), "reason": "exit code 2, though none fails"}, (ID,)),
        ({"limit": "memory", "reason": "tests ended at the limit"}, ()),
        ({"unrun": (ID,), "reason": "no outcome", "status": "unverified"}, ()),
    ],
)
def test_a_run_that_was_cut_has_lost_no_test_and_only_time_makes_it_late(
    facts: dict[str, object], late: tuple[str, ...]
) -> None:
    found = compare(suite_of(ID, "t.py::b"), suite_of("t.py::b", **{"status": "failed"} | facts))
    assert (found.gone, found.unrun, new(found)) == ((), late, [])
