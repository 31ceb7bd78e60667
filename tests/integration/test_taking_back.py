"""Hunks of a change are taken back one at a time, in real sandboxes."""

from __future__ import annotations

from collections.abc import Callable

from agent.editing import proving
from agent.models.review import SourcePart, TakenBack
from agent.stages import baseline, checks
from tests.integration.check_samples import Stage

SUMS = "def add(a, b):\n    return a\n\n\ndef less(a, b):\n    return a\n"
ADDED = SUMS.replace("return a\n", "return a + b\n", 1)
TEST = "import sums\n\n\ndef test_add():\n    assert sums.add(1, 0) == 1\n"


def take_back(made: Stage, mistaken: tuple[str, ...] = (), **edits: str) -> TakenBack:
    base = baseline.measure_base(made.prepared, made.services)
    cleared = made.cleared(**edits)
    head = checks.run_checks(cleared, base, made.prepared, made.services)
    trials = proving.Trials(cleared.change, head, made.prepared, made.services)
    with trials.pool:
        return proving.take_back(trials, mistaken)


def test_a_hunk_that_no_test_notices_is_named(stage: Callable[..., Stage]) -> None:
    made = stage({"sums.py": SUMS, "test_sums.py": TEST}, test_runner="pytest")
    found = take_back(
        made,
        sums_DOT_py=ADDED[: ADDED.rindex("a")] + "a - b\n",
        test_sums_DOT_py=TEST.replace("1, 0) == 1", "1, 2) == 3"),
    )
    noticed, unnoticed = (SourcePart(path="sums.py", line=line) for line in (2, 6))
    assert found == TakenBack(noticed=(noticed,), unnoticed=(unnoticed,))


def test_tests_alone_have_to_notice_mistakes(stage: Callable[..., Stage]) -> None:
    made = stage({"sums.py": ADDED, "test_sums.py": "def test_a(): ...\n"}, test_runner="pytest")
    new = ("test_sums.py::test_add",)
    assert take_back(made, (), test_sums_DOT_py=TEST) == TakenBack()
    # Nothing added: what adds could as well take away.
    found = take_back(made, new, test_sums_DOT_py=TEST)
    assert [one.line for one in (*found.noticed, *found.unnoticed)] == [2, 2]
    assert found.noticed != found.unnoticed
    seeing = TEST.replace("1, 0) == 1", "1, 2) == 3")
    assert [one.line for one in take_back(made, new, test_sums_DOT_py=seeing).noticed] == [2, 2]


def test_old_tests_notice_nothing_for_new_ones(stage: Callable[..., Stage]) -> None:
    made = stage({"sums.py": ADDED, "test_sums.py": TEST}, test_runner="pytest")
    hollow = f"{TEST}\n\ndef test_new():\n    sums.add(1, 2)\n"
    found = take_back(made, ("test_sums.py::test_new",), test_sums_DOT_py=hollow)
    assert not found.noticed
    assert found.unnoticed
