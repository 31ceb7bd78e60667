"""Breaks in the history of an app, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_HEAD = "from django.db import migrations, models\n\n\n"
_CLASS = """class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = {}
"""
_PAID = "migrations.AddField('order', 'paid', models.BooleanField(default=False))"
_NOTE = _HEAD + _CLASS.format(f"[{_PAID}]")
_CODE = _HEAD + "def f(a):\n    a()\n\n" + _CLASS.format("[migrations.RunPython(f, f)]")
_SHOP: dict[str, str | bytes] = {
    "shop/migrations/0002_note.py": _NOTE,
    "shop/migrations/0003_fill.py": _CODE,
}


def _edited(text: str | None, line: int | None = None) -> Snippet:
    return Snippet({"shop/migrations/0002_note.py": text}, base=_SHOP, line=line)


def _filled(text: str, line: int | None = None) -> Snippet:
    return Snippet({"shop/migrations/0003_fill.py": text}, base=_SHOP, line=line)


def _is(text: str, line: int | None = None) -> Snippet:
    return Snippet({"shop/migrations/0004_new.py": _HEAD + text}, base=_SHOP, line=line)


def _does(operation: str, line: int | None = 6) -> Snippet:
    return _is(_CLASS.format(f"[{operation}]"), line)


_REVISION = """from alembic import op

revision: str = "{}"
down_revision = {}


def upgrade() -> None:
    {}


def downgrade() -> None:
    op.drop_column("order", "note")
"""
_ALEMBIC: dict[str, str | bytes] = {
    "db/versions/a_start.py": _REVISION.format("a", None, "pass"),
    "db/versions/b_note.py": _REVISION.format("b", "'a'", "pass"),
}
_BRANCHES = {**_ALEMBIC, "db/versions/c_side.py": _REVISION.format("c", "'a'", "pass")}


def _revises(
    follows: object,
    upgrade: str = "pass",
    line: int | None = None,
    base: dict[str, str | bytes] = _ALEMBIC,
) -> Snippet:
    return Snippet({"db/versions/d.py": _REVISION.format("d", follows, upgrade)}, base, line)


def _follows(name: str, more: str = "") -> Snippet:
    text = _HEAD + _CLASS.format("[]").replace("0001_initial", name) + more
    return Snippet({"shop/migrations/0004_new.py": text}, base=_CHAIN)


_CHAIN = {
    "shop/migrations/0001_initial.py": _HEAD + _CLASS.format("[]").replace("0001_initial", "x"),
    "shop/migrations/0002_note.py": _NOTE,
}

CASES = {
    "migration-forked": Cases(
        fails={
            "two of Django": _follows("0001_initial"),
            "two of alembic": _revises("'a'"),
            "a third": _revises("'a'", base=_BRANCHES),
        },
        passes={
            "one after the other": _follows("0002_note"),
            "one that squashes": _follows(
                "0000", "    replaces = [('shop', '0001_initial'), ('shop', '0002_note')]\n"
            ),
            "it follows one that squashes": Snippet(
                {
                    "shop/migrations/0001_squashed.py": _HEAD
                    + _CLASS.format("[]").replace("0001_initial", "x")
                    + "    replaces = [('shop', '0001_initial'), ('shop', '0002_note')]\n",
                    "shop/migrations/0004_new.py": _HEAD
                    + _CLASS.format("[]").replace("0001_initial", "0001_squashed"),
                },
                base=_CHAIN,
            ),
            "one after the other, of alembic": _revises("'b'"),
            "it joins two": _revises("('b', 'c')", base=_BRANCHES),
            "base has two already": _revises("'b'", base=_BRANCHES),
        },
    ),
    "migration-destructive": Cases(
        fails={
            "a dropped column": _does("migrations.RemoveField('order', 'note')"),
            "a renamed table": _does("migrations.RenameModel('Order', 'Purchase')"),
            "a constraint": _does("migrations.AlterUniqueTogether('order', {('note',)})"),
            "a column, by alembic": _revises("'b'", "op.drop_column('order', 'paid')", 8),
        },
        passes={
            "a field": _does(_PAID, None),
            "a column, by alembic": _revises("'b'", "op.add_column('order', PAID)"),
        },
    ),
    "migration-by-hand": Cases(
        fails={
            "code": _does("migrations.RunPython(print, migrations.RunPython.noop)"),
            "SQL of alembic": _revises("'b'", "op.execute('select 1')", 8),
            "SQL": _does('migrations.RunSQL("select 1", "select 2")'),
            "an operation of the project": _is(
                "class Fill(migrations.RunPython): ...\n\n\n" + _CLASS.format("[Fill(f, f)]"), 4
            ),
            "operations from elsewhere": _is(
                "from shop.steps import STEPS\n" + _CLASS.format("STEPS"), 7
            ),
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
        },
        passes={
            "a field": _does(_PAID, None),
            "an index that stands alone": _is(
                "from django.contrib.postgres.operations import AddIndexConcurrently\n"
                + _CLASS.format("[AddIndexConcurrently('order', INDEX)]")
                + "    atomic = False\n"
            ),
            "it was there": _edited("x = 1\n"),
        },
    ),
    "migration-merged": Cases(
        fails={
            "no migration any more": _edited("x = 1\n", 1),
            "it is deleted": _edited(None),
            "a way to be applied": _edited(f"{_NOTE}\n    def apply(self, *given): ...\n", 7),
            "one of alembic": Snippet(
                {"db/versions/a_start.py": _REVISION.format("a", None, "op.drop_table('order')")},
                base=_ALEMBIC,
                line=8,
            ),
            "its code": _filled(_CODE.replace("    a()", "    pass"), 5),
        },
        passes={
            "a new one": _does(_PAID, None),
            "types and a docstring of its code": _filled(
                _CODE.replace("(a):", "(a: A) -> None:\n    'Fill.'")
            ),
        },
    ),
}
