"""SQL by hand that `django-raw-sql` shows, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_DB = "from django.db import connection\n\n"
_NET = {
    "app/__init__.py": "",
    "app/db.py": "from django.db import connection as conn\n",
    "app/models.py": "class Order:\n    objects = None\n",
}
_HAS = _DB + "with connection.cursor() as cursor:\n    cursor.execute('select 1')\n"

CASES = {
    "django-raw-sql": Cases(
        fails={
            "raw": Snippet(
                "from app.models import Order\n\nOrder.objects.raw('select 1')\n", _NET, line=3
            ),
            "raw of a queryset": Snippet(
                "def f(Model):\n    return Model.objects.using('b').raw('select 1')\n", line=2
            ),
            "a cursor": Snippet(_HAS, line=4),
            "a cursor that is kept": Snippet(
                _DB + "def f():\n    c = connection.cursor()\n    c.executemany('x', [])\n", line=5
            ),
            "of a connection by name": Snippet(
                "from django.db import connections\n\n"
                "with connections['b'].cursor() as c:\n    c.execute('select 1')\n",
                line=4,
            ),
            "of every connection": Snippet(
                "from django.db import connections\n\nfor one in connections.all():\n"
                "    one.cursor().execute('select 1')\n",
                line=4,
            ),
            "through another module": Snippet(
                "from app.db import conn\n\nconn.cursor().callproc('f')\n", _NET, line=3
            ),
            "extra": Snippet("def f(M):\n    return M.objects.extra(where=['a = 1'])\n", line=2),
            "an expression": Snippet(
                "from django.db.models.expressions import RawSQL as R\n\nx = R('now()', ())\n",
                line=3,
            ),
            "once more": Snippet(_HAS + "    cursor.execute('select 2')\n", _HAS, line=5),
        },
        passes={
            "the ORM": Snippet("def f(Model):\n    return Model.objects.filter(a=1)\n"),
            "there already": Snippet(_HAS + "x = 1\n", _HAS),
            "in a migration": Snippet({"app/migrations/0002_fill.py": _HAS}),
            "in a test": Snippet({"tests/test_sql.py": _HAS}),
            "a response": Snippet("def f(response):\n    return response.raw.read()\n"),
            "another raw": Snippet("def f(camera):\n    return camera.raw('a')\n"),
            "another cursor": Snippet(
                "import sqlite3\n\nsqlite3.connect('a').cursor().execute('select 1')\n"
            ),
            "extra of a logger": Snippet("def f(log):\n    log.extra(params={})\n"),
            "for types only": Snippet(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                "    from django.db.models.expressions import RawSQL\n    x = RawSQL('', ())\n"
            ),
        },
    ),
}
