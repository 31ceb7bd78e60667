"""Queries that `django-manager` refuses, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_ACTIVE = {"django": {"managers": {"Order": "active"}}}
_DOTTED = {"django": {"managers": {"shop.models.Order": "active"}}}
_MODELS = (
    "from django.db import models\n\n\nclass Customer(models.Model):\n    pass\n\n\n"
    "class Order(models.Model):\n"
    "    customer = models.ForeignKey(Customer, models.CASCADE, related_name='orders')\n"
    "    payer = models.ForeignKey(Customer, models.CASCADE)\n"
    "    objects = models.Manager()\n    active = ActiveManager()\n"
)
_SHOP = {
    "shop/__init__.py": "",
    "shop/models.py": _MODELS,
    "shop/api.py": "from shop.models import Order as Purchase\n",
    "wine/__init__.py": "",
    "wine/models.py": "class Order:\n    objects = None\n",
}
_DEFAULT = {**_SHOP, "shop/models.py": _MODELS.replace("    objects = models.Manager()\n", "")}
_NAMED = {
    **_SHOP,
    "shop/models.py": _MODELS + "\n    class Meta:\n        default_manager_name = 'active'\n",
}
#: The managers of a class that Order inherits from.
_INHERITED = {
    **_SHOP,
    "shop/kinds.py": "from django.db import models\n\n\nclass Kind(models.Model):\n"
    "    active = ActiveManager()\n    objects = models.Manager()\n",
    "shop/models.py": "from .kinds import Kind\n\n\nclass Order(Kind):\n    pass\n",
}
_OTHER_FIRST = {
    **_INHERITED,
    "shop/models.py": _INHERITED["shop/models.py"].replace("pass", "all = models.Manager()"),
}
_PLAIN = {**_SHOP, "shop/models.py": "class Order(models.Model):\n    number = models.F()\n"}
_GOT = (
    "from django.shortcuts import get_object_or_404\nfrom shop.models import Order\n\n"
    "get_object_or_404(Order, pk=1)\n"
)
_IMPORT = "from shop.models import Order\n\n"
_GENERIC = "from django.views.generic import ListView\n" + _IMPORT


def _asked(
    after: str | dict[str, str | bytes | None],
    line: int | None = None,
    base: dict[str, str] = _SHOP,
    config: dict[str, object] = _ACTIVE,
) -> Snippet:
    return Snippet(after, base=dict(base), line=line, config=config)


CASES = {
    "django-manager": Cases(
        fails={
            "objects": _asked(_IMPORT + "Order.objects.all()\n", 3),
            "under another name": _asked(
                "from shop.models import Order as O\n\ndef f():\n    return O.objects.get(pk=1)\n",
                4,
            ),
            "through another module": _asked(
                "from shop.api import Purchase\n\nPurchase.objects.all()\n", 3
            ),
            "of the module": _asked("import shop.models as m\n\nm.Order.objects.all()\n", 3),
            "assigned": _asked(_IMPORT + "rows = Order\nrows._default_manager.all()\n", 4),
            "of the registry": _asked(
                "from django.apps import apps\n\napps.get_model('shop', 'Order').objects.all()\n", 3
            ),
            "with its module": _asked(_IMPORT + "Order.objects.all()\n", 3, config=_DOTTED),
            "once more": _asked(
                _IMPORT + "Order.objects.all()\nOrder.objects.count()\n",
                4,
                base={**_SHOP, "app/views.py": _IMPORT + "Order.objects.all()\n"},
            ),
            "in a nested function": _asked(
                "def f():\n    from shop.models import Order\n    def g():\n"
                "        return [o for o in Order.objects.all()]\n    return g\n",
                4,
            ),
        },
        passes={
            "the manager": _asked(_IMPORT + "Order.active.all()\n"),
            "another model": _asked("from shop.models import Customer\n\nCustomer.objects.all()\n"),
            "a namesake of another app": _asked(
                "from wine.models import Order\n\nOrder.objects.all()\n", config=_DOTTED
            ),
            "nothing configured": Snippet(_IMPORT + "Order.objects.all()\n", base=dict(_SHOP)),
            "in a migration": _asked(
                {"shop/migrations/0002_fill.py": _IMPORT + "Order.objects.all()\n"}
            ),
            "in a test": _asked({"shop/tests/test_a.py": _IMPORT + "Order.objects.all()\n"}),
            "there already": _asked(
                _IMPORT + "x = 1\nOrder.objects.all()\n",
                base={**_SHOP, "app/views.py": _IMPORT + "Order.objects.all()\n"},
            ),
            "for types only": _asked(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.models import Order\n"
                "    rows = Order.objects\n"
            ),
            "another attribute": _asked(_IMPORT + "Order.objects_per_page = 5\n"),
        },
    ),
    "django-implicit-manager": Cases(
        fails={
            "get_object_or_404": _asked(
                "from django.shortcuts import get_object_or_404\n"
                + _IMPORT
                + "get_object_or_404(Order, pk=1)\n",
                4,
            ),
            "inherited after another": _asked(_GOT, 4, base=_OTHER_FIRST),
            "get_list_or_404, by its module": _asked(
                "from django import shortcuts\n" + _IMPORT + "shortcuts.get_list_or_404(Order)\n", 4
            ),
            "a generic view": _asked(_GENERIC + "class All(ListView):\n    model = Order\n", 5),
            "the related name": _asked("def f(customer):\n    return customer.orders.all()\n", 2),
            "the usual related name": _asked(
                "def f(customer):\n    return customer.order_set.filter(paid=True)\n", 2
            ),
        },
        passes={
            "handed the manager": _asked(
                "from django.shortcuts import get_object_or_404\n"
                + _IMPORT
                + "get_object_or_404(Order.active, pk=1)\n"
            ),
            "it is the default": _asked(
                "from django.shortcuts import get_object_or_404\n"
                + _IMPORT
                + "get_object_or_404(Order, pk=1)\n",
                base=_DEFAULT,
            ),
            "inherited": _asked(_GOT, base=_INHERITED),
            "the one that Django makes": _asked(
                _GOT, base=_PLAIN, config={"django": {"managers": {"Order": "objects"}}}
            ),
            "Meta names it": _asked("def f(c):\n    return c.orders.all()\n", base=_NAMED),
            "a view that says which rows": _asked(
                _GENERIC + "class All(ListView):\n    model = Order\n"
                "    def get_queryset(self):\n        return Order.active.all()\n"
            ),
            "the model of a form": _asked(
                _IMPORT + "class Form:\n    class Meta:\n        model = Order\n"
            ),
            "no query": _asked("def f(report):\n    return report.orders\n"),
            "another list": _asked("def f(report):\n    return report.order_set_names.all()\n"),
        },
    ),
}
