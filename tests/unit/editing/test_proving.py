"""Which outcomes of new and changed tests show that a change does something."""

from __future__ import annotations

import pytest

from agent.domain import CheckItem, CheckResult, ProofRow, Status
from agent.editing import proving

FILE = "shop/tests/test_prices.py"


def result(**outcomes):
    """Give a run of tests of the file, by their names."""
    items = tuple(
        CheckItem(item_id=f"{FILE}::{name}", outcome=outcome) for name, outcome in outcomes.items()
    )
    return CheckResult(name="tests", status=Status.FAILED, items=items)


def rows(on_base, head):
    return {
        row.name.removeprefix(f"{FILE}::"): row for row in proving._rows((FILE,), on_base, head)
    }


def test_what_fails_without_the_change_and_passes_with_it_shows_it():
    found = rows(
        result(test_new="failed", test_old="passed", test_red="failed"),
        result(test_new="passed", test_old="passed", test_red="failed"),
    )
    assert {name: row.shows for name, row in found.items()} == {
        "test_new": True, "test_old": False, "test_red": False,
    }  # fmt: skip


def test_a_file_that_cannot_be_imported_without_the_change_fails_there():
    lost = CheckItem(item_id=f"{FILE} (collection)", outcome="error")
    on_base = CheckResult(name="tests", status=Status.FAILED, items=(lost,))
    assert rows(on_base, result(test_new="passed"))["test_new"].shows


def test_tests_of_other_files_prove_nothing_of_it():
    other = CheckItem(item_id="tests/test_other.py::test_x", outcome="passed")
    head = CheckResult(name="tests", status=Status.PASSED, items=(other,))
    assert list(proving._rows((FILE,), head, head)) == []


@pytest.mark.parametrize(
    ("item_id", "inside"),
    [
        ("shop/tests/test_prices.py::TestTotal::test_first", True),
        ("tests/test_prices.py::test_first[None]", True),
        ("tests.test_prices.TestTotal.test_first #2", True),
        ("other/test_prices.py::TestTotal::test_first", False),
        ("shop.tests.test_others.TestTotal.test_first", False),
    ],
)
def test_a_test_is_found_by_the_ids_of_every_runner(item_id, inside):
    assert proving._is_in(item_id, FILE) is inside


def test_a_test_that_errs_without_the_change_shows_it_too():
    assert ProofRow(name="t", without="error", with_change="passed").shows
    assert not ProofRow(name="t", without="skipped", with_change="passed").shows
