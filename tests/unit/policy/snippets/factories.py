"""Rows that tests make themselves, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_BASE: dict[str, str | bytes] = {
    "shop/__init__.py": "",
    "shop/models.py": (
        "from django.db import models\n\n\nclass Base(models.Model):\n    class Meta:\n"
        "        abstract = True\n\n\nclass Order(Base):\n    code = models.TextField()\n\n\n"
        "class Basket:\n    pass\n"
    ),
    "shop/tables.py": (
        "from sqlalchemy.orm import DeclarativeBase\nfrom sqlmodel import SQLModel\n\n\n"
        "class Base(DeclarativeBase):\n    pass\n\n\nclass Line(Base):\n    pass\n\n\n"
        "class Hero(SQLModel, table=True):\n    pass\n"
    ),
    "tests/factories.py": (
        "import factory\nfrom shop.models import Order\n\n\n"
        "class OrderFactory(factory.django.DjangoModelFactory):\n    class Meta:\n"
        "        model = Order\n"
    ),
}
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
        base=_BASE,
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
            "no model": _said(
                "def test_one():\n    Basket.objects.create()\n    Basket().save()\n"
            ),
        },
    ),
}
