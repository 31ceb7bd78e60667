"""What new migrations do to tables and data, and near misses."""

from tests.unit.policy.cases import Cases, Snippet
from tests.unit.policy.migration_files import FIRST, HEAD, SHOP, migration

CLASS = """class Migration(migrations.Migration):
    dependencies = [("shop", "0002_note")]
    operations = {}
"""


def _does(*operations: str, line: int | None = FIRST) -> Snippet:
    made = migration(*operations, after="0002_note")
    return Snippet({"shop/migrations/0003_new.py": made}, base=SHOP, line=line)


def _is(text: str, line: int | None = None) -> Snippet:
    return Snippet({"shop/migrations/0003_new.py": HEAD + text}, base=SHOP, line=line)


def _passes(*operations: str) -> Snippet:
    return _does(*operations, line=None)


def _fills(after: str) -> Snippet:
    """Edit a module with a function that the merged migration calls, and one that it does not."""
    base = "def fill(apps, editor):\n    return 1\n\n\ndef show():\n    return 1\n"
    called = migration("migrations.RunPython(rows.fill)", before="from shop import rows\n\n")
    files = {**SHOP, "shop/__init__.py": "", "shop/rows.py": base}
    return Snippet(
        {"shop/rows.py": base.replace(*after.split(">"))},
        base={**files, "shop/migrations/0003_fill.py": called},
    )


def _keeps(after: str) -> Snippet:
    """Edit a module with a default and a field that the merged migration names."""
    base = "def code():\n    return 1\n\n\nclass Code(CharField):\n    size = 1\n\n\nN = 1\n"
    field = "fields.Code(default=fields.code)"
    named = migration(
        f"migrations.AddField('order', 'a', {field})", before="from shop import fields\n\n"
    )
    files = {**SHOP, "shop/__init__.py": "", "shop/fields.py": base}
    return Snippet(
        {"shop/fields.py": base.replace(*after.split(">"))},
        base={**files, "shop/migrations/0003_a.py": named},
    )


CASES = {
    "migration-destructive": Cases(
        fails={
            "a dropped column": _does("migrations.RemoveField('order', 'note')"),
            "a renamed table": _does("migrations.RenameModel('Order', 'Purchase')"),
        },
        passes={
            "in the state alone": _passes(
                "migrations.SeparateDatabaseAndState(state_operations="
                "[migrations.DeleteModel('Order')])"
            )
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
            "state and another thing": _does(
                "migrations.SeparateDatabaseAndState([migrations.AlterModelOptions('Order', {})],"
                " [migrations.DeleteModel('Order')])"
            ),
            "an operation of the project": _is(
                "class Fill(migrations.RunPython): ...\n\n\n" + CLASS.format("[Fill(f, f)]"), 9
            ),
            "operations from elsewhere": _is(
                "from shop.steps import STEPS\n" + CLASS.format("STEPS"), 5
            ),
            "some of them from elsewhere": _is(CLASS.format("[*STEPS]"), 6),
            "a second list": _is(CLASS.format("[]") + "    operations = STEPS\n", 4),
            "a list that grows": _is(CLASS.format("[]") + "    operations += STEPS\n", 4),
            "behind the class": _is(
                CLASS.format("[]") + "\n\nMigration.operations.append(STEP)\n", 9
            ),
            "its own way to be applied": _is(
                CLASS.format("[]") + "\n    def apply(self, *given): ...\n", 8
            ),
            "another base beside it": _is(
                "from shop.demo import Reset\n"
                + CLASS.format("[]").replace("(migrations", "(Reset, migrations"),
                5,
            ),
            "a call of the project's as it is loaded": Snippet(
                {
                    "shop/migrations/0003_new.py": migration(
                        "migrations.AlterModelOptions('order', {'a': demo.latest()})",
                        before="from shop import demo\n\n",
                        after="0002_note",
                    )
                },
                base={**SHOP, "shop/__init__.py": "", "shop/demo.py": "def latest(): ...\n"},
            ),
            "a call of Python's": _does("migrations.AlterModelOptions('order', {'a': open('b')})"),
            "another name for it": _is("Migration = Base\n", 1),
            "in a condition": _is("if True:\n    class Migration(migrations.Migration): ...\n", 1),
            "in place of others, beside code": _is(
                CLASS.format("[migrations.RunPython(f, f)]") + "    replaces = [('shop', '0002')]\n"
            ),
            "in place of others": _is(
                CLASS.format("[]") + "    replaces = [('shop', '0002_note')]\n", 7
            ),
            "an edited function that a merged migration calls": _fills(
                "):\n    return 1>):\n    a()"
            ),
            "an edited default of a merged migration": _keeps("return 1>return 2"),
            "an edited field of a merged migration": _keeps("size = 1>size = 2"),
            "atomic": _is(CLASS.format("[]") + "    atomic = False\n", 7),
        },
        passes={
            "beside another class of that name": Snippet(
                {"birds/names.py": "N = 2\n"},
                base={"birds/names.py": "N = 1\n", "birds/routes.py": "class Migration: ...\n"},
            ),
            "what has to stand alone": _is(
                "from django.contrib.postgres.operations import AddIndexConcurrently\n"
                + CLASS.format("[AddIndexConcurrently('order', INDEX)]")
                + "    atomic = False\n"
            ),
            "another function of its module": _fills("show():\n    return 1>show():\n    return 2"),
            "a value beside what a merged migration uses": _keeps("N = 1>N = 2"),
            "a docstring of what a merged migration calls": _fills("r):\n>r):\n    'Fill.'\n"),
            "a field": _passes("migrations.AddField('order', 'a', models.IntegerField(default=0))"),
        },
    ),
}
