"""Queries in loops, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_SHOP: dict[str, str | bytes] = {
    "shop/__init__.py": "",
    "shop/models.py": (
        "from django.db import models\n\n\nclass Order(models.Model):\n"
        "    customer = models.ForeignKey('Customer', models.CASCADE)\n"
        "    tags = models.ManyToManyField('Tag')\n    code = models.TextField()\n\n\n"
        "class Item(models.Model):\n    order = models.ForeignKey(Order, models.CASCADE)\n"
        "    objects = ItemManager()\n"
    ),
    "shop/api.py": "from shop.models import Order as Purchase\n",
}
_IMPORT = "from shop.models import Item, Order\n\n"


def _loop(text: str, line: int | None = None, base: dict[str, str | bytes] = _SHOP) -> Snippet:
    return Snippet(_IMPORT + text, base=dict(base), line=line)


_ALL = "def f():\n    for order in Order.objects.all():\n        print(order.customer.name)\n"

CASES = {
    "django-query-in-loop": Cases(
        fails={
            "get": _loop(
                "def f(keys):\n    for key in keys:\n        Order.objects.get(pk=key)\n", 5
            ),
            "in a list": _loop(
                "def f(keys):\n    return [Order.objects.filter(pk=k).first() for k in keys]\n", 4
            ),
            "in a condition": _loop(
                "def f(keys):\n    return {k for k in keys if Order.objects.filter(pk=k).exists()}\n",
                4,
            ),
            "in an inner loop": _loop(
                "def f(keys):\n    return [1 for k in keys for i in range(Order.objects.count())]\n",
                4,
            ),
            "a relation": _loop(_ALL, 5),
            "a relation of a queryset with a name": _loop(
                "def f():\n    orders = Order.objects.filter(code='a')\n"
                "    return [order.customer.name for order in orders]\n",
                5,
            ),
            "many to many, through another module": _loop(
                "from shop.api import Purchase\n\ndef f():\n"
                "    return {p.code: list(p.tags.all()) for p in Purchase.objects.order_by('code')}\n",
                6,
            ),
        },
        passes={
            "before the loop": _loop(
                "def f():\n    for o in [Order.objects.first()]:\n        print(o)\n"
            ),
            "what is looped over": _loop("def f():\n    return [o for o in Order.objects.all()]\n"),
            "selected": _loop(_ALL.replace("all()", "select_related('customer')")),
            "prefetched": _loop(_ALL.replace("all()", "filter(a=1).prefetch_related('customer')")),
            "a column": _loop(_ALL.replace("customer.name", "code")),
            "the key of a relation": _loop(_ALL.replace("customer.name", "customer_id")),
            "set": _loop(_ALL.replace("print(order.customer.name)", "order.customer = None")),
            "a manager of its own": _loop(
                "def f():\n    for item in Item.objects.all():\n        print(item.order.code)\n"
            ),
            "values": _loop(_ALL.replace("all()", "values('customer')")),
            "a function that is made": _loop(
                "def f(keys):\n    return [lambda: Order.objects.count() for k in keys]\n"
            ),
            "tries": _loop("def f():\n    for i in range(3):\n        Order.objects.first()\n"),
            "a list that is written out": _loop(
                "def f():\n    for code in ('a', 'b'):\n        Order.objects.get(code=code)\n"
            ),
            "a dictionary": _loop("def f(d, keys):\n    return [d.get(k) for k in keys]\n"),
            "in a migration": Snippet(
                {"shop/migrations/0002_a.py": _IMPORT + _ALL}, base=dict(_SHOP)
            ),
            "there already": Snippet(
                {"shop/a.py": _IMPORT + _ALL + "x = 1\n"},
                base={**_SHOP, "shop/a.py": _IMPORT + _ALL},
            ),
        },
    ),
}
