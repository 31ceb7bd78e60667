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
    base: str = "",
    path: str = "tests/test_orders.py",
    wanted: str = "factory_boy",
) -> Snippet:
    return Snippet(
        {path: _HEAD + after},
        base=_BASE | ({path: _HEAD + base} if base else {}),
        line=line,
        config={"tests": {"factories": wanted}},
    )


_CREATE = "def test_one(db):\n    Order.objects.create(code='a')\n"

CASES = {
    "test-factories": Cases(
        fails={
            "create": _said(_CREATE, 8),
            "of a module": _said("def test_one(db):\n    m.Order.objects.get_or_create()\n", 8),
            "by another manager": _said("def test_one(db):\n    Order.paid.bulk_create([])\n", 8),
            "saved": _said("def test_one(db):\n    order = Order(code='a')\n    order.save()\n", 9),
            "saved at once": _said("def test_one(db):\n    Order(code='a').save()\n", 8),
            "awaited": _said("async def test_one(db):\n    await Order.objects.acreate()\n", 8),
            "in a fixture": _said(
                "@pytest.fixture\ndef order(db):\n    return Order.objects.create()\n", 9
            ),
            "in set-up": _said(
                "class TestIt:\n    @classmethod\n    def setUpTestData(cls):\n"
                "        cls.order = Order.objects.create()\n",
                10,
            ),
            "a user": _said(
                "from django.contrib.auth import get_user_model\n\n\ndef test_one(db):\n"
                "    get_user_model().objects.create_user('a')\n",
                11,
            ),
            "a user of Django": _said(
                "from django.contrib.auth.models import User\n\n\ndef test_one(db):\n"
                "    User.objects.create_user('a')\n",
                11,
            ),
            "a table": _said("def test_one(session):\n    session.add(Line(code='a'))\n", 8),
            "several tables": _said(
                "def test_one(session):\n    hero = Hero()\n    session.add_all([hero])\n", 9
            ),
            "one more": _said(_CREATE + "    Order.objects.create()\n", 9, base=_CREATE),
            "with bakery": _said(_CREATE, 8, wanted="model_bakery"),
        },
        passes={
            "any": _said(_CREATE, wanted="any"),
            "there already": _said(_CREATE + "\n\nx = 1\n", base=_CREATE),
            "a factory": _said("def test_one(db):\n    OrderFactory.create(code='a')\n"),
            "in memory": _said("def test_one():\n    assert Order(code='a').code == 'a'\n"),
            "no model": _said(
                "def test_one():\n    Basket.objects.create()\n    Basket().save()\n"
            ),
            "application": _said(_CREATE, path="shop/views.py"),
            "in a factory": _said(
                "class LineFactory:\n    def make(self):\n        return Order.objects.create()\n"
            ),
            "factories": _said(_CREATE, path="tests/order_factories.py"),
            "a set": _said("def test_one():\n    found = set()\n    found.add(Order)\n"),
            "a request": _said("def test_one(client):\n    client.orders.create(code='a')\n"),
        },
    ),
}
