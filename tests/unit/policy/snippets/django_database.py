"""What a project's database does not have, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_BASE: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/models.py": "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n",
    "app/fields.py": "from django.contrib.postgres.fields import ArrayField as Several\n",
}
_HEAD = (
    "from django.db import connection, models\nfrom django.db.models import Q\n"
    "from app.models import Order\n\n"
)


def _said(
    after: str,
    line: int | None = None,
    database: str = "sqlite",
) -> Snippet:
    return Snippet(
        after,
        base=_BASE,
        line=line,
        config={"django": {"database": database}},
        project={"framework": "django"},
    )


_DISTINCT = _HEAD + "found = Order.objects.filter(paid=True).distinct('customer')\n"

CASES = {
    "django-database": Cases(
        fails={
            "names of fields": _said(_DISTINCT, 5),
            "a module of PostgreSQL": _said(
                "from django.contrib.postgres.fields import ArrayField\n", 1, "mysql"
            ),
        },
        passes={
            "it is PostgreSQL": _said(_DISTINCT, database="postgres"),
            "where it has asked": _said(
                _HEAD + "def f():\n    if connection.vendor != 'postgresql':\n        return\n"
                "    from django.contrib.postgres.search import SearchVector\n"
            ),
        },
    ),
}
