"""Rows that tests make themselves, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_HEAD = (
    "import pytest\nfrom shop.models import Basket, Order\nfrom shop import models as m\n"
    "from shop.tables import Hero, Line\nfrom tests.factories import OrderFactory\n\n"
)


def _said(
    after: str,
    line: int | None = None,
    wanted: str = "factory_boy",
) -> Snippet:
    return Snippet(
        {"tests/test_orders.py": _HEAD + after},
        line=line,
        config={"tests": {"factories": wanted}},
    )


_CREATE = "def test_one(db):\n    Order.objects.create(code='a')\n"

CASES = {
    "test-factories": Cases(
        fails={
            "create": _said(_CREATE, 8),
            "a table": _said("def test_one(session):\n    session.add(Line(code='a'))\n", 8),
        },
        passes={
            "any": _said(_CREATE, wanted="any"),
            "by a factory": _said(
                "def test_one():\n    OrderFactory.create()\n    basket.save()\n"
            ),
        },
    ),
}
