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
            "of the registry": _asked(
                "from django.apps import apps\n\napps.get_model('shop', 'Order').objects.all()\n", 3
            ),
        },
        passes={
            "the manager": _asked(_IMPORT + "Order.active.all()\n"),
            "a namesake of another app": _asked(
                "from wine.models import Order\n\nOrder.objects.all()\n", config=_DOTTED
            ),
        },
    ),
    "django-implicit-manager": Cases(
        fails={
            "inherited after another": _asked(_GOT, 4, base=_OTHER_FIRST),
            "a generic view": _asked(_GENERIC + "class All(ListView):\n    model = Order\n", 5),
        },
        passes={
            "the one that Django makes": _asked(
                _GOT, base=_PLAIN, config={"django": {"managers": {"Order": "objects"}}}
            ),
            "Meta names it": _asked("def f(c):\n    return c.orders.all()\n", base=_NAMED),
        },
    ),
}
