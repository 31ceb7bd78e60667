"""Breaks in the history of apps, and near misses."""

from tests.unit.policy.cases import Cases, Snippet
from tests.unit.policy.migration_files import FIRST, HEAD, NOTE, SHOP, migration

_PAID = "migrations.AddField('order', 'paid', models.BooleanField(default=False))"
_THIRD = migration(_PAID, after="0002_note")


def _new(
    name: str, text: str | None, base: dict[str, str | bytes] = SHOP, line: int | None = None
) -> Snippet:
    return Snippet({f"shop/migrations/{name}.py": text}, base=dict(base), line=line)


def _edited(text: str | None, base: dict[str, str | bytes] = SHOP, **rest: int) -> Snippet:
    return _new("0002_note", text, base, **rest)


def _filled(code: str) -> str:
    return migration("migrations.RunPython(f, f)", after="0002_note", before=code)


def _does(operation: str, line: int | None = FIRST) -> Snippet:
    return _new("0003_new", migration(operation, after="0002_note"), line=line)


def _is(text: str, line: int | None = None) -> Snippet:
    return _new("0003_new", HEAD + text, line=line)


_CLASS = """class Migration(migrations.Migration):
    dependencies = [("shop", "0002_note")]
    operations = {}
"""
_FILLED = {**SHOP, "shop/migrations/0003_fill.py": _filled("def f(a):\n    a()\n\n")}

CASES = {
    "migration-destructive": Cases(
        fails={
            "a dropped column": _does("migrations.RemoveField('order', 'note')"),
            "a renamed table": _does("migrations.RenameModel('Order', 'Purchase')"),
        },
        passes={"a field": _does(_PAID, line=None)},
    ),
    "migration-by-hand": Cases(
        fails={
            "code": _does("migrations.RunPython(print, migrations.RunPython.noop)"),
            "SQL": _does('migrations.RunSQL("select 1", "select 2")'),
            "state alone": _does(
                "migrations.SeparateDatabaseAndState(state_operations="
                "[migrations.DeleteModel('Order')])"
            ),
            "an operation of the project": _is(
                "class Fill(migrations.RunPython): ...\n\n\n" + _CLASS.format("[Fill(f, f)]"), 4
            ),
            "operations from elsewhere": _is(
                "from shop.steps import STEPS\n" + _CLASS.format("STEPS"), 7
            ),
            "some of them from elsewhere": _is(_CLASS.format("[*STEPS]"), 6),
            "a list that grows": _is(_CLASS.format("[]") + "    operations += STEPS\n", 7),
            "behind the class": _is(
                _CLASS.format("[]") + "\n\nMigration.operations.append(STEP)\n", 9
            ),
            "its own way to be applied": _is(
                _CLASS.format("[]") + "\n    def apply(self, *given): ...\n", 8
            ),
            "another base beside it": _is(
                "from shop.demo import Reset\n"
                + _CLASS.format("[]").replace("(migrations", "(Reset, migrations"),
                5,
            ),
            "in a condition": _is("if True:\n    class Migration(migrations.Migration): ...\n", 4),
        },
        passes={
            "a field": _does(_PAID, line=None),
            "an index that stands alone": _is(
                "from django.contrib.postgres.operations import AddIndexConcurrently\n"
                + _CLASS.format("[AddIndexConcurrently('order', INDEX)]")
                + "    atomic = False\n"
            ),
            "it was there": _edited("x = 1\n"),
            "an edit of what a merged one calls": Snippet(
                {"shop/rows.py": "def fill(apps, editor):\n    return 2\n"},
                base={
                    **SHOP,
                    "shop/rows.py": "def fill(apps, editor):\n    return 1\n",
                    "shop/migrations/0003_fill.py": migration(
                        "migrations.RunPython(rows.fill)", before="from shop import rows\n\n"
                    ),
                },
            ),
        },
    ),
    "migration-merged": Cases(
        fails={
            "no migration any more": _edited("x = 1\n", line=1),
            "it is deleted": _edited(None),
            "a way to be applied": _edited(
                migration(NOTE, after="0001_initial") + "    def apply(self, *given): ...\n", line=9
            ),
            "an attribute": _edited(
                migration(NOTE, after="0001_initial") + "    atomic = False\n", line=9
            ),
            "what follows it": _edited(
                migration(NOTE, after="0001_initial") + "Migration.operations.clear()\n", line=9
            ),
            "its code": _new("0003_fill", _filled("def f(a): ...\n\n"), _FILLED, line=4),
        },
        passes={
            "a new one": _new("0003_paid", _THIRD),
            "types": _edited(
                migration(NOTE, after="0001_initial").replace("operations =", "operations: list =")
            ),
            "types and a docstring of its code": _new(
                "0003_fill", _filled("def f(a: A) -> None:\n    'Fill.'\n    a()\n\n"), _FILLED
            ),
        },
    ),
}
