"""Copies of tests that have to fail: they do, unless somebody made failing impossible."""

import asyncio
import unittest
from typing import Any

import pytest

from agent.checks import red_copies

MODULE = b'''
from __future__ import annotations

import unittest

import pytest


def test_plain(): """Pass."""


async def test_async():
    return 1


@pytest.mark.parametrize("n", [1])
def test_many(n):
    if n:
        return
    raise KeyError


def test_generator():
    yield


class Case(unittest.TestCase):
    def test_method(self):
        self.assertEqual(1, 1)


class TestPlain:
    def test_method(self):
        assert True
'''
WANTED = [
    ("t.py", name)
    for name in (
        "test_plain", "test_async", "test_many", "test_generator", "Case.test_method",
        "TestPlain.test_method", "test_not_there",
    )
]  # fmt: skip


def _copied() -> dict[str, Any]:
    copies = red_copies.write_copies({"t.py": MODULE}, WANTED)
    assert copies.names == {*WANTED[:3], *WANTED[4:6]}
    found: dict[str, Any] = {}
    exec(compile(copies.files["t.py"], "t.py", "exec"), found)
    return found


def test_each_copy_is_red() -> None:
    found = _copied()
    for run in (
        found["test_plain"],
        lambda: asyncio.run(found["test_async"]()),
        lambda: found["test_many"](1),
        lambda: found["Case"]("test_method").test_method(),
        lambda: found["TestPlain"]().test_method(),
    ):
        with pytest.raises(AssertionError):
            run()


def test_a_copy_is_green_where_an_assertion_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _copied()
    monkeypatch.setattr(unittest.TestCase, "assertEqual", lambda *values: None)
    found["Case"]("test_method").test_method()
    found = _copied()
    monkeypatch.setattr(pytest, "raises", lambda *values: None)
    found["test_plain"]()
