"""Of a slow suite, tests that a change reaches run first in its one run, in real sandboxes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.checks import two_runs
from agent.models.run import Reason
from tests.attacks.test_cheated_tests import _DJANGO, _SITE
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
    monkeypatch.setattr(two_runs, "SLOW_SECONDS", 0.0)


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
def test_what_djangos_runner_reaches_first_ends_its_run(stage: Callable[..., Stage]) -> None:
    case = "from django.test import {kind}\nfrom shop import sums\n\n\nclass {name}({kind}):\n    def test_it(self):\n        self.assertEqual({said}, 2)\n"
    files = {
        **_SITE,
        "shop/test_other.py": "from django.test import SimpleTestCase\n\n\nclass A(SimpleTestCase):\n    def test_a(self):\n        pass\n",
        "shop/tests.py": case.format(kind="SimpleTestCase", name="SumsTest", said="sums.add(1, 1)"),
    }
    judged = Judged(stage(files, **_DJANGO), shop__sums_DOT_py=SUB)
    assert judged.verdict.reason is Reason.NEW_FAILURES
    assert [item.item_id for item in judged.tests.new_failures] == ["shop.tests.SumsTest.test_it"]
    assert "1 of 2 tests" in judged.tests.reason
