"""What new migrations do to tables and data, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet
from tests.unit.policy.migration_files import FIRST, SHOP, migration

_POSTGRES: dict[str, object] = {"services": ("postgres:15",)}
_DEF = "def fill(apps, schema_editor):\n"
_TODAY = "from shop.models import Order\n\n" + _DEF


def _does(
    *operations: str,
    line: int | None = FIRST,
    before: str = "",
    config: dict[str, object] | None = None,
) -> Snippet:
    made = migration(*operations, after="0002_note", before=before)
    return Snippet(
        {"shop/migrations/0003_new.py": made},
        base=SHOP,
        line=line,
        config=config or {},
    )


def _passes(*operations: str, **rest: object) -> Snippet:
    return _does(*operations, line=None, **rest)  # type: ignore[arg-type] # handed through


def _postgres(*operations: str, line: int | None = FIRST) -> Snippet:
    return _does(*operations, line=line, config=_POSTGRES)


def _runs(before: str, line: int | None) -> Snippet:
    return _does("migrations.RunPython(fill, migrations.RunPython.noop)", before=before, line=line)


def _alters(field: str, to: str) -> str:
    return f"migrations.AlterField('order', '{field}', models.{to})"


_INDEX = "migrations.AddIndex('order', models.Index(fields=['size'], name='size'))"

CASES = {
    "migration-destructive": Cases(
        fails={
            "another type": _does(_alters("size", "CharField(max_length=20)")),
        },
        passes={
            "what the same migration made": _passes(
                "migrations.CreateModel('Old', fields=[])", "migrations.DeleteModel('Old')"
            ),
            "in the state alone": _passes(
                "migrations.SeparateDatabaseAndState(state_operations="
                "[migrations.DeleteModel('Order')])"
            ),
        },
    ),
    "migration-locks": Cases(
        fails={
            "an index": _postgres(_INDEX),
            "another type": _postgres(_alters("size", "BigIntegerField()")),
        },
        passes={
            "not known to be PostgreSQL": _passes(_INDEX),
        },
    ),
    "migration-model-import": Cases(
        fails={
            "of the app": _runs(_TODAY + "    Order.objects.update(size=1)\n\n\n", 7),
        },
        passes={
            "of the registry": _runs(
                _DEF + "    Order = apps.get_model('shop', 'Order')\n    Order.objects.all()\n\n\n",
                None,
            ),
        },
    ),
    "migration-by-hand": Cases(
        fails={
            "code": _does("migrations.RunPython(print, migrations.RunPython.noop)"),
            "no way back": _does("migrations.RunPython(print, reverse_code=None)"),
            "SQL": _does('migrations.RunSQL("select 1", "select 2")'),
            "state alone": _does(
                "migrations.SeparateDatabaseAndState(state_operations="
                "[migrations.DeleteModel('Order')])"
            ),
        },
        passes={
            "both": _passes(
                "migrations.SeparateDatabaseAndState([migrations.DeleteModel('Order')], "
                "[migrations.DeleteModel('Order')])"
            ),
            "a field": _passes("migrations.AddField('order', 'a', models.IntegerField(default=0))"),
        },
    ),
}
