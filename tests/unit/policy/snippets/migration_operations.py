"""What new migrations do to tables and data, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet
from tests.unit.policy.migration_files import FIRST, SHOP, migration


def _does(*operations: str, line: int | None = FIRST) -> Snippet:
    made = migration(*operations, after="0002_note")
    return Snippet({"shop/migrations/0003_new.py": made}, base=SHOP, line=line)


def _passes(*operations: str) -> Snippet:
    return _does(*operations, line=None)


def _alters(field: str, to: str) -> str:
    return f"migrations.AlterField('order', '{field}', models.{to})"


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
