"""In a large suite the tests that a change reaches run first, and answer where they fail."""

from collections.abc import Callable

import pytest

from agent.checks import two_runs
from agent.models.checks import Status
from tests.integration.check_samples import Stage

FILES = {
    "sums.py": "def add(a, b):\n    return a + b\n",
    "tests/test_sums.py": "import sums\n\n\ndef test_add():\n    assert sums.add(1, 1) == 2\n",
    "tests/test_late.py": (
        "import importlib\n\n\ndef test_other():\n"
        "    assert importlib.import_module('su' + 'ms').add(2, 2) < 5\n"
    ),
    **{f"tests/test_{n}.py": "def test_it():\n    pass\n" for n in range(3)},
}


@pytest.fixture
def near_stage(stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(two_runs, "_LEAST_SECONDS", 0.0)
    return stage(FILES, test_runner="pytest")


def test_a_submit_that_breaks_a_test_near_it_is_answered_by_these(near_stage: Stage) -> None:
    found = near_stage.compared(sums_DOT_py="def add(a, b):\n    return a - b\n")["tests"]
    assert found.verdict is Status.FAILED
    assert [item.item_id for item in found.new_failures] == ["tests/test_sums.py::test_add"]
    assert (found.head_count, found.head_unrun, found.gone) == (1, 4, ())


def test_what_only_another_test_notices_is_found_by_the_rest(near_stage: Stage) -> None:
    wrong = "def add(a, b):\n    return 2 if a == 1 else 9\n"
    found = near_stage.compared(sums_DOT_py=wrong)["tests"]
    assert [item.item_id for item in found.new_failures] == ["tests/test_late.py::test_other"]
    assert (found.head_count, found.head_unrun) == (5, 0)


def test_each_test_runs_once_where_nothing_fails(near_stage: Stage) -> None:
    right = "def add(a, b):\n    return sum((a, b))\n"
    new = "import sums\n\n\ndef test_more():\n    assert sums.add(0, 3) == 3\n"
    found = near_stage.compared(sums_DOT_py=right, tests__test_more_DOT_py=new)
    tests, whole = found["tests"], found["whole suite"]
    assert (tests.verdict, tests.head_count, tests.gone) == (Status.PASSED, 6, ())
    assert tests.added == ("tests/test_more.py::test_more",)
    assert whole.verdict is Status.PASSED
