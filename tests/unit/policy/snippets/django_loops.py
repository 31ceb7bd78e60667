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


def _loop(text: str, line: int | None = None) -> Snippet:
    return Snippet(_IMPORT + text, base=_SHOP, line=line)


CASES = {
    "django-query-in-loop": Cases(
        fails={
            "in a condition": _loop(
                "def f(keys):\n    return {k for k in keys if Order.objects.filter(pk=k).exists()}\n",
                4,
            ),
            "many to many, through another module": _loop(
                "from shop.api import Purchase\n\ndef f():\n"
                "    return {p.code: list(p.tags.all()) for p in Purchase.objects.order_by('code')}\n",
                6,
            ),
        },
        passes={
            "tries": _loop("def f():\n    for i in range(3):\n        Order.objects.first()\n"),
        },
    ),
}
