"""Changes are proved in real sandboxes: parts of them are taken back."""

from collections.abc import Callable

import pytest

from agent.models.record import replace
from tests.integration.check_samples import PLAN, Stage, Workshop, make_stage

SUMS = "def add(a, b):\n    return a\n\n\ndef less(a, b):\n    return a\n"
ADDED = SUMS.replace("return a\n", "return a + b\n", 1)
TEST = "import sums\n\n\ndef test_add():\n    assert sums.add(1, 0) == 1\n"
FEE = "def fee(p):\n    if p == 13:\n        return -1\n    while p > 2:\n        p -= 1\n    return p * 2\n"
FEE_TEST = "import fee\n\n\ndef test_fee():\n    assert fee.fee(3) == 4\n"
FAR_TEST = (
    "import importlib\n\n\ndef test_far():\n    assert importlib.import_module('far').RATE == 1\n"
)
#: Fails, and would take too long in the run without the part that no test needs.
RED_TEST = (
    "import importlib, os, time\n\n\ndef test_red():\n"
    "    if importlib.import_module('sums').less(3, 1) == 3 and os.path.exists('fee.py'):\n        time.sleep(99)\n    assert 0\n"
)
WRITE_TESTS = replace(PLAN, category="tests")


@pytest.fixture(scope="module")
def shop(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    files = {
        "sums.py": SUMS,
        "test_sums.py": TEST,
        "far.py": "RATE = 1\n",
        "tests/test_far.py": FAR_TEST,
        "tests/test_red.py": RED_TEST,
    }
    repository = tmp_path_factory.mktemp("shop") / "repository"
    return make_stage(workshop, repository, files, test_runner="pytest")


def test_parts_that_no_test_needs_and_lines_that_none_runs_are_named(shop: Stage) -> None:
    judged = shop.judge(
        sums_DOT_py=ADDED[: ADDED.rindex("a")] + "a - b\n",
        test_sums_DOT_py=TEST.replace("1, 0) == 1", "1, 2) == 3"),
        fee_DOT_py=FEE,
        test_fee_DOT_py=FEE_TEST,
        far_DOT_py="RATE = 2\n",
        tests__test_far_DOT_py=FAR_TEST.replace("1", "2"),
    )
    assert not judged.is_partial, judged.compared
    proof = judged.proof
    # Only a test far away needs the first, which the whole suite is asked for.
    assert [part.name for part in proof.needed] == [
        "far.py:1 (RATE = 2)", "fee.py:1 (fee)", "sums.py:2 (return a + b)",
    ]  # fmt: skip
    assert [part.name for part in proof.unneeded_parts] == ["sums.py:6 (return a - b)"]
    assert proof.unexecuted == ("fee.py:3", "sums.py:6")
    rows = {row.name: (row.without, row.with_change) for row in proof.rows}
    assert rows == {
        "test_fee.py::test_fee": ("error", "passed"), "test_sums.py::test_add": ("failed", "passed"),
        "tests/test_far.py::test_far": ("failed", "passed"),
    }  # fmt: skip


@pytest.mark.deep
def test_old_tests_notice_nothing_for_new_ones(stage: Callable[..., Stage]) -> None:
    made = stage({"sums.py": ADDED, "test_sums.py": TEST}, test_runner="pytest")
    hollow = f"{TEST}\n\ndef test_new():\n    sums.add(1, 2)\n"
    proof = made.judge(plan=WRITE_TESTS, test_sums_DOT_py=hollow).proof
    assert (proof.needed, bool(proof.missing)) == ((), True)
