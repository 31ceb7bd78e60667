"""Queries that `django-manager` refuses, and near misses."""

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
_IMPORT = "from shop.models import Order\n\n"
_QUERY = f"{_IMPORT}Order.objects.all()\n"


def _asked(after: str, line: int | None = None, config: dict[str, object] = _ACTIVE) -> Snippet:
    return Snippet(after, base=dict(_SHOP), line=line, config=config)


CASES = {
    "django-manager": Cases(
        fails={
            "objects": _asked(_QUERY, 3),
            "a copy of a line that stays where it was": Snippet(
                {"app/views.py": _QUERY, "shop/old.py": f"x = 1\n{_QUERY}"},
                base={**_SHOP, "shop/old.py": _QUERY},
                line=3,
                config=_ACTIVE,
            ),
        },
        passes={
            "a line that moves": Snippet(
                {"app/views.py": _QUERY, "shop/old.py": None},
                base={**_SHOP, "shop/old.py": _QUERY},
                config=_ACTIVE,
            ),
            "the manager": _asked(_IMPORT + "Order.active.all()\n"),
            "a namesake of another app": _asked(
                "from wine.models import Order\n\nOrder.objects.all()\n", config=_DOTTED
            ),
        },
    )
}
