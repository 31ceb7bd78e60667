"""What shows that a change does something: its tests without it, and itself without its parts."""

import math
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.checks import proof
from agent.checks.check import Selection
from agent.checks.proof import OWN_ON_BASE, ProofTrials
from agent.checks.running import Job
from agent.checks.test_pairs import classify_tests
from agent.checks.test_verdicts import NEAR
from agent.models.change import Plan
from agent.models.checks import TESTS, AnyRun, RepeatedTest, Status, TestRun
from agent.models.record import replace
from agent.models.review import Proof
from tests.unit.checks.samples import make_split, suite_of
from tests.unit.policy.cases import change, list_hunks

FILE = "tests/test_prices.py"
OLD, NEW = f"{FILE}::test_old", f"{FILE}::test_new"
BASE = {"shop.py": "def f():\n    return 1\n\n\ndef g():\n    return 2\n\n\nA = 1\n", FILE: ""}
AFTER: dict[str, str | bytes | None] = {
    "shop.py": BASE["shop.py"].replace("1\n\n\ndef", "3\n\n\ndef").replace("return 2", "return 4"),
    FILE: "from shop import f\n\n\ndef test_new():\n    assert f() == 3\n",
}
HEAD = suite_of(OLD, NEW, "far.py::b", seconds=1.0)


class Bench:
    """Runs nothing: for each set of lines that is taken back these tests fail."""

    human_changes = None

    def __init__(self, made: Any, tree: Any, noticing: dict[tuple[int, ...], str], plan: Plan):
        self.hunks = {path: tuple(hunks) for path, hunks in list_hunks(made).items()}
        environment = SimpleNamespace(versions={})
        self.base = SimpleNamespace(environment=environment, names_tests=True, until=math.inf)
        self.repeated: dict[str, RepeatedTest] = {}
        self.asked: list[tuple[tuple[int, ...], Selection | None]] = []
        self.tree, self.noticing, self.plan = tree, noticing, plan

    def run_all(self, jobs: list[Job]) -> dict[str, AnyRun]:
        ran: dict[str, AnyRun] = {}
        for job in jobs:
            check: Any = job.check
            units, _ = cast(Any, job.lay_out).args
            lines = tuple(unit.part.line for unit in units)
            self.asked.append((lines, check.only))
            red = self.noticing.get(lines, "") if check.only else self.noticing.get((), "")
            ran[check.name] = suite_of(OLD, *([f"{red}=failed"] if red else ()))
        return ran


def try_parts(
    noticing: dict[tuple[int, ...], str] | None = None,
    after: dict[str, str | bytes | None] = AFTER,
    own: tuple[str, ...] = (FILE,),
    category: str = "feature",
    **facts: object,
) -> tuple[ProofTrials, Any]:
    made, tree = change(after, dict(BASE))
    product = tuple(path for path in after if path not in own)
    split = make_split(change=made, product=product, own_tests=own)
    plan = Plan.model_validate(
        {"recipe": "", "title": "t", "parameters": "", "steps": (), "category": category} | facts
    )
    bench: Any = Bench(made, tree, noticing or {}, plan)
    return ProofTrials(split, bench, Selection(files=(FILE,))), bench


def prove(trials: ProofTrials, bench: Any, tests: TestRun = HEAD, near: TestRun = HEAD) -> Proof:
    """Try all parts near the change and say what is proved; base has one test."""
    ran = bench.run_all(
        [job for job in trials.list_jobs({NEAR: near}, ()) if job.check.name != OWN_ON_BASE]
    )
    ran[OWN_ON_BASE] = suite_of(OLD, f"{NEW}=failed")
    pairs = classify_tests(suite_of(OLD), tests, None, make_split())
    return trials.finish({**ran, TESTS: tests, NEAR: near}, pairs.values())


def describe(found: Proof) -> list[list[int]]:
    sides = (found.needed, found.unneeded_parts, found.untried, found.notes)
    return [sorted(part.line for part in side) for side in sides]


def test_what_fails_without_the_change_and_passes_with_it_shows_it() -> None:
    trials, bench = try_parts({(2,): NEW, (6,): NEW})
    found = prove(trials, bench)
    assert [(row.name, row.is_proof) for row in found.rows] == [(NEW, True), (OLD, False)]
    assert (found.missing, describe(found)) == ("", [[2, 6], [], [], []])


def test_a_test_that_is_red_near_the_change_proves_nothing() -> None:
    trials, bench = try_parts({(2,): OLD, (6,): OLD})
    near = suite_of(f"{OLD}=failed", NEW, seconds=1.0)
    assert describe(prove(trials, bench, near=near)) == [[], [2, 6], [], []]


@pytest.mark.parametrize(("is_new", "count"), [(True, 1), (False, 0)])
def test_a_file_that_cannot_be_imported_without_the_change_says_nothing_of_old_tests(
    is_new: bool, count: int
) -> None:
    trials, _ = try_parts()
    text = "a\nModuleNotFoundError: No module named 'httpx'"
    lost = suite_of(f"{FILE} (collection)=error")
    lost = replace(lost, items=(replace(lost.items[0], text=text),))
    rows = [*trials._make_rows(lost, HEAD, {NEW} if is_new else {})]
    assert [(row.name, row.error) for row in rows] == [
        (NEW, "ModuleNotFoundError: No module named 'httpx'")
    ][:count]


def test_what_nothing_near_needs_is_asked_of_all_tests_at_once_and_then_of_those_that_fail() -> (
    None
):
    trials, bench = try_parts({(2,): NEW})
    assert describe(prove(trials, bench)) == [[2], [6], [], []]
    assert bench.asked[-1] == ((6,), None)
    trials, bench = try_parts({(): "far.py::a"})
    assert describe(prove(trials, bench)) == [[], [2, 6], [], []]
    assert bench.asked[2:] == [
        ((2, 6), None), ((2,), Selection(ids=("far.py::a",))), ((6,), Selection(ids=("far.py::a",))),
    ]  # fmt: skip


def test_without_the_time_for_all_tests_that_is_said_of_a_part() -> None:
    trials, bench = try_parts({(2,): NEW})
    bench.base.until = time.monotonic() + 50
    found = prove(trials, bench, replace(HEAD, seconds=100.0))
    assert (describe(found), found.unneeded_parts[0].is_near_only) == ([[2], [6], [], []], True)


def test_a_test_that_fails_anyway_or_by_chance_has_noticed_nothing() -> None:
    trials, bench = try_parts({(2,): NEW, (6,): OLD})
    bench.repeated[NEW] = RepeatedTest(item_id=NEW)
    assert describe(prove(trials, bench))[0] == [6]


@pytest.mark.parametrize(
    ("facts", "noticed"),
    [
        ({"limit": "time", "status": Status.FAILED}, True),
        ({"limit": "memory", "status": Status.FAILED}, None),
        ({"status": Status.UNVERIFIED, "exit_code": 0}, None),
        ({"status": Status.FAILED, "exit_code": 2, "reason": "no test was run"}, True),
        ({}, False),
    ],
)
def test_a_suite_that_cannot_run_or_end_has_noticed_it(
    facts: dict[str, object], noticed: bool | None
) -> None:
    assert proof._is_noticed(suite_of(OLD, **facts), ()) is noticed


def test_a_recipe_and_lines_of_people_have_no_parts() -> None:
    assert try_parts(recipe="add-django-field")[0].units == ()
    trials, bench = try_parts()
    bench.human_changes = trials.split.change
    assert trials.units == ()


def test_a_ticket_for_tests_has_mistakes_in_what_the_new_tests_call() -> None:
    only_tests = {FILE: AFTER[FILE]}
    trials, bench = try_parts({(2,): NEW}, only_tests, category="tests")
    object.__setattr__(trials.split, "imports", SimpleNamespace(importers_of=lambda _: {FILE}))
    found = prove(trials, bench)
    assert {part.kind for part in found.needed} == {"mistake"}
    assert (found.missing, len(bench.asked)) == ("", 2)
    trials, bench = try_parts({}, only_tests, category="tests")
    assert prove(trials, bench).missing == "no mistake could be made in what the new tests call"


@pytest.mark.parametrize(
    ("after", "own", "missing", "exemption"),
    [
        ({"README.md": "b"}, (), "", "no code was changed"),
        ({FILE: "b = 1\n"}, (FILE,), "", "only tests were changed"),
        ({"shop.html": "b"}, (), "", ""),
        ({"shop.py": BASE["shop.py"].replace("A = 1", "A = 1  # b")}, (), "", ""),
        ({"shop.py": BASE["shop.py"].replace("A = 1", "A = 2")}, (), "adds no test", ""),
        ({"shop/migrations/0002_a.py": "a = 1\n"}, (), "adds no test", ""),
    ],
)
def test_a_proof_is_asked_for_where_there_is_something_to_show(
    after: dict[str, str | bytes | None], own: tuple[str, ...], missing: str, exemption: str
) -> None:
    trials, _ = try_parts(None, after, own)
    found = trials.finish({TESTS: HEAD}, ())
    assert (missing in found.missing, bool(found.missing)) == (True, bool(missing))
    assert found.exemption == exemption


def test_added_lines_that_did_not_run_are_listed_in_ranges() -> None:
    added = "".join(f"B{number} = 1\n" for number in range(8))
    trials, _ = try_parts(None, {"shop.py": BASE["shop.py"] + added})
    near = replace(HEAD, unexecuted={"shop.py": (1, 2, 10, 11, 12, 15)})
    assert [*trials._list_unexecuted(near)] == ["shop.py:10-12", "shop.py:15"]
