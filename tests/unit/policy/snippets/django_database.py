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
    base: str = "",
    path: str = "app/views.py",
) -> Snippet:
    return Snippet(
        {path: after},
        base=_BASE | ({path: base} if base else {}),
        line=line,
        config={"django": {"database": database}},
        project={"framework": "django"},
    )


_DISTINCT = _HEAD + "found = Order.objects.filter(paid=True).distinct('customer')\n"
_INDEX = _HEAD + "class A(models.Model):\n    class Meta:\n        indexes = [models.Index({})]\n"
_UNIQUE = (
    _HEAD + "class A(models.Model):\n    class Meta:\n"
    "        constraints = [models.UniqueConstraint({})]\n"
)

CASES = {
    "django-database": Cases(
        fails={
            "a field of PostgreSQL": _said(
                "from django.contrib.postgres.fields import ArrayField\n", 1
            ),
            "a module of it": _said("import django.contrib.postgres.search as s\n", 1, "mysql"),
            "through another module": _said("from app.fields import Several\n", 1),
            "in a migration": _said(
                "import django.contrib.postgres.fields\n", 1, path="app/migrations/0002_a.py"
            ),
            "an operation of it": _said(
                "from django.contrib.postgres.operations import AddIndexConcurrently\n", 1
            ),
            "of MySQL": _said("from django_mysql.models import QuerySet\n", 1, "postgres"),
            "distinct by a field": _said(_DISTINCT, 5),
            "a lookup into JSON": _said(
                _HEAD + "found = Order.objects.filter(data__contains={'a': 1})\n", 5
            ),
            "in a Q": _said(_HEAD + "q = Q(data__contained_by={'a': 1})\n", 5, "oracle"),
            "a lookup of PostgreSQL": _said(
                _HEAD + "found = Order.objects.filter(name__unaccent__icontains='a')\n", 5
            ),
            "a lock": _said(
                _HEAD + "found = Order.objects.select_for_update(no_key=True)\n", 5, "mysql"
            ),
            "conflicts": _said(
                _HEAD + "Order.objects.bulk_create([], ignore_conflicts=True)\n", 5, "oracle"
            ),
            "conflicts by names": _said(
                _HEAD + "Order.objects.bulk_create(\n    [], update_conflicts=True,"
                " unique_fields=['a'], update_fields=['b'])\n",
                5,
                "mysql",
            ),
            "one more": _said(
                _DISTINCT + "other = Order.objects.distinct('code')\n", 6, base=_DISTINCT
            ),
        },
        passes={
            "it is PostgreSQL": _said(_DISTINCT, database="postgres"),
            "any": _said(_DISTINCT, database="any"),
            "there already": _said(_DISTINCT + "x = 1\n", base=_DISTINCT),
            "distinct rows": _said(_HEAD + "found = Order.objects.values('a').distinct()\n"),
            "a form": _said("from django.contrib.postgres.forms import SimpleArrayField\n"),
            "an extension": _said(
                "from django.contrib.postgres.operations import TrigramExtension\n"
            ),
            "a text": _said(_HEAD + "found = Order.objects.filter(name__contains='a')\n"),
            "where it asks": _said(
                _HEAD + "if connection.vendor == 'postgresql':\n"
                "    found = Order.objects.distinct('a')\n"
            ),
            "where it has asked": _said(
                _HEAD + "def f():\n    if connection.vendor != 'postgresql':\n        return\n"
                "    from django.contrib.postgres.search import SearchVector\n"
            ),
            "where it may fail": _said(
                "try:\n    from django.contrib.postgres.fields import ArrayField\n"
                "except ImportError:\n    ArrayField = None\n"
            ),
            "in a test": _said(_DISTINCT, path="app/tests/test_orders.py"),
            "switched off": _said(
                _HEAD + "Order.objects.bulk_create([], ignore_conflicts=False)\n", None, "oracle"
            ),
            "conflicts where there are some": _said(
                _HEAD + "Order.objects.bulk_create([], ignore_conflicts=True)\n"
            ),
        },
    ),
    "django-database-likely": Cases(
        fails={
            "rows that SQLite does not lock": _said(
                _HEAD + "found = Order.objects.select_for_update()\n", 5
            ),
            "of something": _said(_HEAD + "def f(found):\n    return found.distinct('a')\n", 6),
            "a search": _said(_HEAD + "found = Order.objects.filter(text__search='a')\n", 5),
            "a partial index": _said(
                _INDEX.format("fields=['a'], name='a', condition=Q(b=1)"), 7, "mysql"
            ),
            "a covering index": _said(_INDEX.format("fields=['a'], name='a', include=['b']"), 7),
            "a partial constraint": _said(
                _UNIQUE.format("fields=['a'], name='a', condition=Q(b=1)"), 7, "oracle"
            ),
            "a deferred one": _said(
                _UNIQUE.format("fields=['a'], name='a', deferrable=models.Deferrable.DEFERRED"), 7
            ),
        },
        passes={
            "it is PostgreSQL": _said(
                _INDEX.format("fields=['a'], name='a', include=['b']"), None, "postgres"
            ),
            "any": _said(_HEAD + "found = Order.objects.select_for_update()\n", None, "any"),
            "MySQL locks rows": _said(
                _HEAD + "found = Order.objects.select_for_update()\n", None, "mysql"
            ),
            "SQLite has partial indexes": _said(
                _INDEX.format("fields=['a'], name='a', condition=Q(b=1)")
            ),
            "a plain index": _said(_INDEX.format("fields=['a'], name='a'")),
            "an index of another kind": _said(
                "from shelves import Index\n\nfound = Index(condition=1)\n"
            ),
            "distinct by an expression": _said(
                _HEAD + "def f(found, a):\n    return found.distinct(*a)\n"
            ),
            "where it asks": _said(
                _HEAD + "if connection.features.has_select_for_update:\n"
                "    found = Order.objects.select_for_update()\n"
            ),
        },
    ),
}
