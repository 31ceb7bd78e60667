"""Operations that nobody asked for, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet
from tests.unit.policy.migration_files import FIRST, SHOP, migration

_MODELS = (
    "from django.db import models\n\nSTATES = [('a', 'A')]\n\n\n"
    "class Order(models.Model):\n    state = models.CharField(choices=STATES)\n"
    "    code = models.CharField(max_length=20)\n\n\n"
    "class Customer(models.Model):\n    phone = models.TextField()\n"
)
_NOTED = _MODELS.replace(
    "\n\n\nclass Customer", "\n    note = models.TextField()\n\n\nclass Customer"
)
_BASE = {**SHOP, "shop/models.py": _MODELS}
_TICKET = "Add a text `note` to Order."
_NOTE = "migrations.AddField('order', 'note', models.TextField(default=''))"
_PHONE = "migrations.RemoveField('customer', 'phone')"


def _asked(
    *operations: str,
    line: int | None = None,
    ticket: str | None = _TICKET,
    models: str = _NOTED,
    change: dict[str, str | bytes | None] | None = None,
) -> Snippet:
    made = migration(*operations, after="0002_note")
    return Snippet(
        {"shop/models.py": models, "shop/migrations/0003_new.py": made, **(change or {})},
        base=dict(_BASE),
        line=line,
        ticket=ticket,
    )


CASES = {
    "migration-unasked": Cases(
        fails={
            "a column that goes": _asked(_NOTE, _PHONE, line=FIRST + 1),
            "a new table": _asked("migrations.CreateModel('Basket', [])", _NOTE, line=FIRST),
        },
        passes={
            "what the ticket names": _asked(_NOTE),
        },
    ),
    "migration-unexplained": Cases(
        fails={
            "a ticket on migrations": _asked(
                _PHONE, line=FIRST, ticket="Add the missing migrations.", models=_MODELS
            ),
        },
        passes={
            "what the ticket names": _asked(_NOTE, ticket="Add the migration for `note`."),
        },
    ),
}
