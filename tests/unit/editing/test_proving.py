"""Which outcomes of acceptance tests prove something, and which do not."""

from __future__ import annotations

import pytest

from agent.domain import (
    AcceptanceTest,
    CheckItem,
    CheckResult,
    Plan,
    Status,
)
from agent.editing import proving

TEST = AcceptanceTest(name="shop/tests/test_prices.py::TestTotal::test_first", shows="it counts")
PLAN = Plan(
    recipe="", title="t", parameters="", steps=("s",), tests=(TEST,),
    files=("src/shop/prices.py", "shop/discounts/rules.py", "README.md"),
)  # fmt: skip


def result(*items, **facts):
    given = {"name": "tests", "status": Status.FAILED, **facts}
    return CheckResult(items=tuple(items), **given)


def item(item_id, outcome="failed", text=""):
    return CheckItem(item_id=item_id, outcome=outcome, text=text)


@pytest.mark.parametrize(
    "item_id",
    [
        "shop/tests/test_prices.py::TestTotal::test_first",
        "shop/tests/test_prices.py::TestTotal::test_first[None]",
        "tests.test_prices.TestTotal.test_first #2",
    ],
)
def test_a_test_is_found_by_the_ids_of_every_runner(item_id):
    assert proving._outcome(TEST, result(item(item_id)))[0] == "failed"


@pytest.mark.parametrize(
    "item_id",
    [
        "shop/tests/test_prices.py::TestTotal::test_first_again",
        "shop.tests.test_prices.OtherTotal.test_first",
        "other/test_prices.py::TestTotal::test_first",
    ],
)
def test_another_test_is_not_taken_for_it(item_id):
    assert proving._outcome(TEST, result(item(item_id)))[0] == "not collected"


def test_of_several_cases_the_worst_counts():
    cases = [item(f"{TEST.name}[{n}]", outcome) for n, outcome in enumerate(["passed", "failed"])]
    assert proving._outcome(TEST, result(*cases))[0] == "failed"
    cases = [item(f"{TEST.name}[{n}]", outcome) for n, outcome in enumerate(["skipped", "passed"])]
    assert proving._outcome(TEST, result(*cases))[0] == "skipped"


def test_a_run_that_proves_nothing_says_nothing_of_its_tests():
    found = result(item(TEST.name), status=Status.UNVERIFIED, reason="the report is forged")
    assert proving._outcome(TEST, found) == ("unproved", "the report is forged")
    assert proving._outcome(TEST, None)[0] == "not collected"


def test_a_module_that_cannot_be_imported_hides_its_tests():
    for place in ("shop/tests/test_prices.py", "tests/test_prices.py", "shop.tests.test_prices"):
        found = result(item(f"{place} (collection)", "error", "ImportError: x"))
        assert proving._outcome(TEST, found) == ("not importable", "ImportError: x")
    found = result(item("shop/tests/test_others.py (collection)", "error"))
    assert proving._outcome(TEST, found)[0] == "not collected"


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        ("failed", "AssertionError: assert 2 == 3"),
        ("not importable", "ImportError: cannot import name 'first' from 'shop.prices' (/w/p.py)"),
        ("not importable", "ModuleNotFoundError: No module named 'shop.discounts.rules'"),
    ],
)
def test_what_is_red_for_want_of_the_change(outcome, text):
    assert proving._not_red(outcome, text, PLAN) == ""


@pytest.mark.parametrize(
    ("outcome", "text", "words"),
    [
        ("passed", "", "passes without the change, so it shows nothing"),
        ("skipped", "no Redis", "was skipped without the change, and has to fail: no Redis"),
        ("not importable", "SyntaxError: invalid syntax", "cannot be collected: SyntaxError"),
        (
            "not importable",
            "No module named 'faker'\ncannot import name 'first' from 'shop.prices'",
            "cannot be collected",
        ),
    ],
)
def test_what_is_not_red_says_why(outcome, text, words):
    assert proving._not_red(outcome, text, PLAN).startswith(words)


@pytest.mark.parametrize(
    ("held", "outcome", "text", "words"),
    [
        ("passed", "failed", "", ""),
        ("passed", "not importable", "AssertionError: broken on purpose", ""),
        ("passed", "passed", "", "passes with what it holds broken on purpose"),
        ("failed", "failed", "", "has to pass before the change, and was failed"),
    ],
)
def test_what_holds_throughout_has_to_fail_with_its_target_broken(held, outcome, text, words):
    found = proving._not_held(held, outcome, text)
    assert found.startswith(words)
    assert bool(found) == bool(words)
