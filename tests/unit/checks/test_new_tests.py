"""Tests that a change adds, against those that ran."""

from __future__ import annotations

import textwrap

import pytest

from agent.checks import new_tests
from agent.domain import (
    Change,
    ChangedFile,
    CheckItem,
    ClearedChange,
    Comparison,
    Finding,
    Status,
)

FUNCTION = "def test_new():\n    pass\n"
METHOD = """
    from django.test import TestCase

    class NicknameTests(TestCase):
        def test_new(self):
            pass
"""


def changed(path: str, after: str, before: str | None = None) -> ChangedFile:
    old = None if before is None else textwrap.dedent(before).encode()
    return ChangedFile(path=path, before=old, after=textwrap.dedent(after).encode())


def uncollected(file: ChangedFile, *added: str, **facts: object) -> tuple[Finding, ...]:
    values = {
        "name": "tests", "base": Status.PASSED, "head": Status.PASSED, "verdict": Status.PASSED,
        "counts_tests": True, "base_count": 3, "head_count": 4, "added": added,
    }  # fmt: skip
    compared = (Comparison.model_validate(values | facts),)
    change = Change(base_commit="0" * 40, files=(file,))
    return new_tests.uncollected(ClearedChange(change=change, findings=()), compared)


@pytest.mark.parametrize(
    ("path", "code", "test_id"),
    [
        ("tests/test_a.py", FUNCTION, "tests/test_a.py::test_new[1-x.y::z]"),
        ("src/shop/tests/test_a.py", METHOD, "shop.tests.test_a.NicknameTests.test_new"),
        ("tests/test_base.py", METHOD, "tests/test_real.py::RealTests::test_new"),
    ],
)
def test_a_new_test_is_recognised_by_the_ids_of_any_runner(path, code, test_id):
    assert uncollected(changed(path, code), test_id) == ()


def test_a_new_test_that_fails_or_has_no_stable_id_was_collected():
    failing = (CheckItem(item_id="tests/test_a.py::test_new", outcome="failed"),)
    assert uncollected(changed("tests/test_a.py", FUNCTION), new_failures=failing) == ()
    unmatched = ("tests/test_a.py::test_new[0x7f]",)
    assert uncollected(changed("tests/test_a.py", FUNCTION), unmatched=unmatched) == ()


@pytest.mark.parametrize(
    ("path", "code", "test_id"),
    [
        ("tests/test_a.py", FUNCTION, "tests/test_b.py::test_new"),
        ("tests/test_a.py", FUNCTION, "tests/test_a.py::test_new_too"),
        ("shop/tests/test_a.py", FUNCTION, "ship/tests/test_a.py::test_new"),
    ],
)
def test_a_new_test_that_no_id_stands_for_is_a_finding(path, code, test_id):
    [found] = uncollected(changed(path, code), test_id)
    assert found.message == f"the new test in {path} was not collected: test_new"


def test_only_what_the_change_adds_is_looked_for():
    before = METHOD + "    def helper(self): pass\n"
    after = METHOD + "        def test_more(self): pass\n"
    [found] = uncollected(changed("tests.py", after, before))
    assert found.message.endswith("not collected: test_more")
    assert uncollected(changed("tests.py", METHOD, METHOD)) == ()


@pytest.mark.parametrize(
    "file",
    [
        changed("shop/models.py", FUNCTION),
        changed("tests/test_a.py", "def test_new(:\n"),
        ChangedFile(path="tests/test_a.py", before=FUNCTION.encode(), after=None),
    ],
)
def test_what_holds_no_new_test_is_no_finding(file):
    assert uncollected(file) == ()


def test_nothing_is_said_where_no_tests_were_run():
    file = changed("tests/test_a.py", FUNCTION)
    assert uncollected(file, head_count=0) == ()
    assert uncollected(file, counts_tests=False) == ()
