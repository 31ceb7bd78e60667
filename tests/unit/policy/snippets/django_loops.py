"""Queries in loops, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_IMPORT = "from shop.models import Item, Order\n\n"


def _loop(text: str, line: int | None = None) -> Snippet:
    return Snippet(_IMPORT + text, line=line)


CASES = {
    "django-query-in-loop": Cases(
        fails={
            "in a condition": _loop(
                "def f(keys):\n    return {k for k in keys if Order.objects.filter(pk=k).exists()}\n",
                4,
            ),
        },
        passes={
            "tries": _loop("def f():\n    for i in range(3):\n        Order.objects.first()\n"),
        },
    ),
}
