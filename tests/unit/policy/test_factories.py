"""The way out of a row that a test makes itself names the factory that there is."""

from __future__ import annotations

import pytest

from agent.policy.contract import factories
from tests.unit.policy.snippets.factories import CASES

FAILS = CASES["test-factories"].fails


@pytest.mark.parametrize(
    ("name", "message", "fix"),
    [
        (
            "create",
            "makes a row of Order itself; tests here make their data by factory_boy.",
            "Use OrderFactory of tests/factories.py.",
        ),
        (
            "a table",
            "makes a row of Line itself; tests here make their data by factory_boy.",
            "Use its factory, or add one for Line beside the others.",
        ),
        (
            "a user",
            "makes a row of the user model itself; tests here make their data by factory_boy.",
            "Use its factory, or add one for the user model beside the others.",
        ),
        (
            "with bakery",
            "makes a row of Order itself; tests here make their data by model_bakery.",
            "Write baker.make(Order).",
        ),
    ],
)
def test_the_way_out_is_named(name, message, fix):
    [found] = factories.check(FAILS[name].proposal())
    assert (found.message, found.fix) == (message, fix)
