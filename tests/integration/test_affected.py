"""Tests that a change reaches run first where the suite is slow, in real sandboxes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.checks import early_tests
from agent.models.run import Reason
from tests.integration.check_samples import Stage
from tests.integration.test_flaky import Judged

ADD = "def add(a, b):\n    return a + b\n"
SUB = "def add(a, b):\n    return a - b\n"
OTHERS = {f"test_{name}.py": f"def test_{name}():\n    pass\n" for name in "bcdefghij"}
PYTEST = {
    "sums.py": ADD,
    "test_add.py": "import sums\n\ndef test_add():\n    assert sums.add(1, 1) == 2\n",
    **OTHERS,
}


@pytest.fixture(autouse=True)
def every_suite_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_tests, "SLOW_SECONDS", 0.0)


@pytest.mark.deep
def test_a_change_that_breaks_what_it_reaches_is_red_without_the_rest(
    stage: Callable[..., Stage],
) -> None:
    judged = Judged(stage(PYTEST, test_runner="pytest"), sums_DOT_py=SUB)
    assert judged.verdict.reason is Reason.NEW_FAILURES
    assert [item.item_id for item in judged.tests.new_failures] == ["test_add.py::test_add"]
    assert judged.tests.head_count == 1
    assert (judged.tests.gone, judged.tests.added) == ((), ())
    assert "1 of 10 tests" in judged.tests.reason


@pytest.mark.deep
def test_a_failure_that_the_imports_do_not_show_is_still_found(stage: Callable[..., Stage]) -> None:
    hidden = "import importlib\n\ndef test_z():\n    assert importlib.import_module('su' + 'ms').add(1, 1) == 2\n"
    files = {
        **PYTEST,
        "test_add.py": "import sums\n\ndef test_add():\n    pass\n",
        "test_z.py": hidden,
    }
    judged = Judged(stage(files, test_runner="pytest"), sums_DOT_py=SUB)
    assert [item.item_id for item in judged.tests.new_failures] == ["test_z.py::test_z"]
    assert judged.tests.head_count == 11
