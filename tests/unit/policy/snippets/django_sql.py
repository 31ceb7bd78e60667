"""SQL by hand that `django-raw-sql` shows, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_DB = "from django.db import connection\n\n"
_NET = {
    "app/__init__.py": "",
    "app/db.py": "from django.db import connection as conn\n",
    "app/models.py": "class Order:\n    objects = None\n",
}

CASES = {
    "django-raw-sql": Cases(
        fails={
            "raw": Snippet(
                "from app.models import Order\n\nOrder.objects.raw('select 1')\n", _NET, line=3
            ),
            "a cursor that is kept": Snippet(
                _DB + "def f():\n    c = connection.cursor()\n    c.executemany('x', [])\n", line=5
            ),
        },
        passes={
            "the ORM": Snippet("def f(Model):\n    return Model.objects.filter(a=1)\n"),
            "another raw": Snippet("def f(camera):\n    return camera.raw('a')\n"),
        },
    ),
}
