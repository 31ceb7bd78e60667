"""A function is broken on purpose, and nothing else of its module."""

from __future__ import annotations

import pytest

from agent.editing.broken import SAID, NoSuchFunction, without_body

MODULE = '''\
"""Prices, in €."""


def total(prices):
    """Add them up."""
    return sum(prices)  # €


def one(): return 1


class Order:
    @property
    def total(self):
        return 2

    async def pay(self):
        if True:
            return "paid €"
'''


def broken(name, module=MODULE):
    after = without_body(module.encode(), name).decode()
    names: dict = {}
    exec(compile(after, "prices.py", "exec"), names)
    return after, names


@pytest.mark.parametrize("name", ["total", "one"])
def test_a_function_raises(name):
    _, names = broken(name)
    with pytest.raises(AssertionError, match=SAID):
        names[name](*([[1]] if name == "total" else []))


def test_a_property_raises():
    _, names = broken("Order.total")
    with pytest.raises(AssertionError, match=SAID):
        names["Order"]().total  # noqa: B018
    assert names["total"]([1, 2]) == 3


def test_all_else_stays_to_the_letter():
    after, _ = broken("Order.pay")
    start, end = MODULE.index("if True:"), len(MODULE) - 1
    assert after == f'{MODULE[:start]}raise AssertionError("{SAID}"){MODULE[end:]}'


@pytest.mark.parametrize("name", ["nothing", "Order", "Order.nothing"])
def test_what_is_no_function_is_said(name):
    with pytest.raises(NoSuchFunction, match="it has no function"):
        without_body(MODULE.encode(), name)
