"""Which outcomes of new and changed tests show that a change does something."""

from __future__ import annotations

import pytest

from agent.editing import proving
from agent.models.checks import CheckItem, CheckResult, Status, SuiteFacts

FILE = "shop/tests/test_prices.py"
SUITE = SuiteFacts(files=(FILE, "tests/test_other.py"))


def result(**outcomes):
    """Give a run of tests of the file, by their names."""
    items = tuple(
        CheckItem(item_id=f"{FILE}::{name}", outcome=outcome, text="KeyError: 1\n + where x")
        for name, outcome in outcomes.items()
    )
    return CheckResult(name="tests", status=Status.FAILED, items=items, suite=SUITE)


def rows(on_base, head, added=()):
    ids = {f"{FILE}::{name}" for name in added}
    return {
        row.name.removeprefix(f"{FILE}::"): row
        for row in proving._make_rows((FILE,), ids, on_base, head)
    }


def test_what_fails_without_the_change_and_passes_with_it_shows_it():
    found = rows(
        result(test_new="failed", test_old="passed", test_red="failed"),
        result(test_new="passed", test_old="passed", test_red="failed"),
    )
    assert {name: row.is_proof for name, row in found.items()} == {
        "test_new": True, "test_old": False, "test_red": False,
    }  # fmt: skip
    assert found["test_new"].error == "KeyError: 1"


@pytest.mark.parametrize("module", [FILE, "tests.test_prices"])
def test_a_file_that_cannot_be_imported_without_the_change_fails_there(module):
    why = "ModuleNotFoundError: No module named 'httpx'"
    lost = CheckItem(item_id=f"{module} (collection)", outcome="error", text=f"a\n{why}")
    on_base = CheckResult(name="tests", status=Status.FAILED, items=(lost,))
    head = result(test_new="passed", test_old="passed")
    found = rows(on_base, head, added=("test_new",))
    assert {name: row.is_proof for name, row in found.items()} == {"test_new": True}
    assert found["test_new"].error == why
