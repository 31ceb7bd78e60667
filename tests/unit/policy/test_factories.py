"""The way out of a row that a test makes itself names the factory that there is."""

from __future__ import annotations

from dataclasses import replace

from agent.policy.contract import factories
from tests.unit.policy.snippets.factories import CASES

CREATE = CASES["test-factories"].fails["create"]


def test_the_way_out_is_named():
    [found] = factories.check(CREATE.proposal())
    assert "OrderFactory of tests/factories.py" in found.fix
    [found] = factories.check(
        replace(CREATE, config={"tests": {"factories": "model_bakery"}}).proposal()
    )
    assert "baker.make(Order)" in found.fix
