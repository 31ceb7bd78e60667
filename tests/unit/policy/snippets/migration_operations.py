"""What new migrations do to tables and data, and near misses."""

from __future__ import annotations

from repo_config.detect import DjangoProject
from tests.unit.policy.cases import Cases, Snippet
from tests.unit.policy.migration_files import FIRST, SHOP, migration

_POSTGRES: dict[str, object] = {"services": ("postgres:15",)}
_SETTINGS: dict[str, str | bytes] = {
    "config/settings/base.py": "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql'}}\n",
    "config/settings/test.py": "from .base import *\n",
}
_DJANGO = DjangoProject(
    settings_module="config.settings.test", manage="manage.py", python_path=("",)
)
_DEF = "def fill(apps, schema_editor):\n"
_TODAY = "from shop.models import Order\n\n" + _DEF


def _does(
    *operations: str,
    line: int | None = FIRST,
    before: str = "",
    config: dict[str, object] | None = None,
    base: dict[str, str | bytes] = SHOP,
    ticket: str | None = None,
    change: dict[str, str | bytes | None] | None = None,
) -> Snippet:
    made = migration(*operations, after="0002_note", before=before)
    return Snippet(
        {"shop/migrations/0003_new.py": made, **(change or {})},
        base=dict(base),
        line=line,
        config=config or {},
        ticket=ticket,
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
            "a column": _does("migrations.RemoveField(model_name='order', name='code')"),
            "a table": _does("migrations.DeleteModel('Order')"),
            "a shorter text": _does(_alters("code", "CharField(max_length=10, null=True)")),
            "no longer null": _does(_alters("code", "CharField(max_length=20)")),
            "another type": _does(_alters("size", "CharField(max_length=20)")),
            "fewer digits": _does(_alters("price", "DecimalField(max_digits=5, decimal_places=2)")),
            "a bound where there was none": _does(_alters("note", "CharField(max_length=9)")),
            "renamed": _does("migrations.RenameField('order', 'code', 'number')"),
            "SQL": _does('migrations.RunSQL("drop table shop_order", "")'),
            "SQL in a list": _does('migrations.RunSQL([("TRUNCATE shop_order;", None)], "")'),
            "all rows": _does('migrations.RunSQL("delete from shop_order", "")'),
            "under another name": _does(
                "RF('order', 'code')",
                before="from django.db.migrations import RemoveField as RF\n\n\n",
                line=FIRST + 3,
            ),
            "in the database alone": _does(
                "migrations.SeparateDatabaseAndState(database_operations="
                "[migrations.DeleteModel('Order')])"
            ),
        },
        passes={
            "a new column": _passes(
                "migrations.AddField('order', 'a', models.TextField(default=''))"
            ),
            "a longer text": _passes(_alters("code", "CharField(max_length=30, null=True)")),
            "a text without bound": _passes(_alters("code", "TextField(null=True)")),
            "a larger number": _passes(_alters("size", "BigIntegerField()")),
            "another help": _passes(_alters("size", "IntegerField(help_text='how many')")),
            "with a default for null": _passes(
                _alters("code", "CharField(default='', max_length=20)")
            ),
            "what the same migration made": _passes(
                "migrations.CreateModel('Old', fields=[])", "migrations.DeleteModel('Old')"
            ),
            "in the state alone": _passes(
                "migrations.SeparateDatabaseAndState(state_operations="
                "[migrations.DeleteModel('Order')])"
            ),
            "some rows": _passes('migrations.RunSQL("delete from a where b = 1", "")'),
            "a dropped index": _passes('migrations.RunSQL("drop index a", "create index a")'),
            "a comment in SQL": _passes('migrations.RunSQL("select 1 -- drop table x", "")'),
            "there already": Snippet(
                {
                    "shop/migrations/0003_new.py": "# a\n"
                    + migration("migrations.DeleteModel('Order')")
                },
                base={
                    **SHOP,
                    "shop/migrations/0003_new.py": migration("migrations.DeleteModel('Order')"),
                },
            ),
            "a function of the same name": _passes("RemoveField('order', 'code')"),
        },
    ),
    "migration-locks": Cases(
        fails={
            "an index": _postgres(_INDEX),
            "an index, as the configuration says": _does(
                _INDEX, config={"django": {"database": "postgres"}}
            ),
            "an index, as the settings say": Snippet(
                {"shop/migrations/0003_new.py": migration(_INDEX, after="0002_note")},
                base={**SHOP, **_SETTINGS},
                line=FIRST,
                project={"django": _DJANGO},
            ),
            "a constraint": _postgres(
                "migrations.AddConstraint('order', models.UniqueConstraint(fields=['code'], name='c'))"
            ),
            "a dropped index": _postgres("migrations.RemoveIndex('order', 'size')"),
            "another type": _postgres(_alters("size", "BigIntegerField()")),
            "an index for a column": _postgres(_alters("size", "IntegerField(db_index=True)")),
            "unique together": _postgres(
                "migrations.AlterUniqueTogether('order', {('code', 'size')})"
            ),
        },
        passes={
            "not known to be PostgreSQL": _passes(_INDEX),
            "another database, whatever tests run with": _passes(
                _INDEX, config={"django": {"database": "mysql"}, **_POSTGRES}
            ),
            "concurrently": _passes(
                "AddIndexConcurrently('order', models.Index(fields=['size'], name='size'))",
                before="from django.contrib.postgres.operations import AddIndexConcurrently\n\n\n",
                config=_POSTGRES,
            ),
            "a table that is made here": _postgres(
                "migrations.CreateModel('Item', fields=[])",
                _INDEX.replace("order", "item"),
                line=None,
            ),
            "a column with a default": _postgres(
                "migrations.AddField('order', 'a', models.IntegerField(default=0))", line=None
            ),
            "a longer text": _postgres(
                _alters("code", "CharField(max_length=30, null=True)"), line=None
            ),
            "no longer unique together": _postgres(
                "migrations.AlterUniqueTogether('order', set())", line=None
            ),
            "in the state alone": _postgres(
                f"migrations.SeparateDatabaseAndState(state_operations=[{_INDEX}])", line=None
            ),
        },
    ),
    "migration-column-index": Cases(
        fails={
            "an index": _postgres(
                "migrations.AddField('order', 'a', models.IntegerField(db_index=True, null=True))"
            ),
            "unique": _postgres(
                "migrations.AddField('order', 'a', models.IntegerField(unique=True, null=True))"
            ),
            "a foreign key": _postgres(
                "migrations.AddField('order', 'a', models.ForeignKey('b', models.CASCADE, null=True))"
            ),
            "a slug": _postgres("migrations.AddField('order', 'a', models.SlugField(default=''))"),
            "by keyword": _postgres(
                "migrations.AddField(model_name='order', name='a', "
                "field=models.CharField(max_length=9, default='', db_index=True))"
            ),
        },
        passes={
            "not known to be PostgreSQL": _passes(
                "migrations.AddField('order', 'a', models.IntegerField(db_index=True, null=True))"
            ),
            "none": _postgres(
                "migrations.AddField('order', 'a', models.IntegerField(null=True))", line=None
            ),
            "a foreign key without": _postgres(
                "migrations.AddField('order', 'a', models.ForeignKey('b', models.CASCADE, "
                "null=True, db_index=False))",
                line=None,
            ),
            "on a new table": _postgres(
                "migrations.CreateModel('Item', fields=[])",
                "migrations.AddField('item', 'a', models.SlugField(default=''))",
                line=None,
            ),
            "many to many": _postgres(
                "migrations.AddField('order', 'a', models.ManyToManyField('b'))", line=None
            ),
        },
    ),
    "migration-model-import": Cases(
        fails={
            "of the app": _runs(_TODAY + "    Order.objects.update(size=1)\n\n\n", 7),
            "under another name": _runs(
                "from shop import models as m\n\n" + _DEF + "    m.Order.objects.all()\n\n\n", 7
            ),
            "in the function": _runs(
                _DEF + "    from shop.models import Order as O\n    O._default_manager.all()\n\n\n",
                6,
            ),
            "in a function that it calls": _runs(
                "from shop.models import Order\n\ndef inner():\n    Order.objects.all()\n\n"
                + _DEF
                + "    inner()\n\n\n",
                7,
            ),
            "a row": _runs(_TODAY + "    Order(size=1).save()\n\n\n", 7),
            "the user": _runs(
                "from django.contrib.auth import get_user_model\n\n"
                + _DEF
                + "    get_user_model().objects.all()\n\n\n",
                7,
            ),
            "of a library": _runs(
                "from django.contrib.auth.models import Group\n\n"
                + _DEF
                + "    Group.objects.all()\n\n\n",
                7,
            ),
            "on the way back": _does(
                "migrations.RunPython(migrations.RunPython.noop, fill)",
                before=_TODAY + "    Order.objects.update(size=1)\n\n\n",
                line=7,
            ),
            "a lambda": _does(
                "migrations.RunPython(lambda apps, s: Order.objects.all(), None)",
                before="from shop.models import Order\n\n\n",
                line=FIRST + 3,
            ),
        },
        passes={
            "of the registry": _runs(
                _DEF + "    Order = apps.get_model('shop', 'Order')\n    Order.objects.all()\n\n\n",
                None,
            ),
            "of the registry, though imported": _runs(
                "from shop.models import Order\n\n"
                + _DEF
                + "    Order = apps.get_model('shop', 'Order')\n    Order.objects.all()\n\n\n",
                None,
            ),
            "an enumeration": _runs(
                "from shop.models import Status\n\n"
                + _DEF
                + "    apps.get_model('shop', 'Order').objects.update(s=Status.OPEN)\n\n\n",
                None,
            ),
            "a default": _does(
                "migrations.AddField('order', 'a', models.TextField(default=shop.models.Order))",
                before="import shop.models\n\n\n",
                line=None,
            ),
            "a function that nobody runs": _does(
                "migrations.RunSQL('select 1', '')",
                before=_TODAY + "    Order.objects.all()\n\n\n",
                line=None,
            ),
            "no migration": Snippet(_TODAY + "    Order.objects.all()\n", base=dict(SHOP)),
            "there already": Snippet(
                {
                    "shop/migrations/0003_new.py": "# a\n"
                    + migration("migrations.RunPython(fill)", before=_TODAY + "    Order.objects\n")
                },
                base={
                    **SHOP,
                    "shop/migrations/0003_new.py": migration(
                        "migrations.RunPython(fill)", before=_TODAY + "    Order.objects\n"
                    ),
                },
            ),
        },
    ),
    "migration-irreversible": Cases(
        fails={
            "code": _does("migrations.RunPython(print)"),
            "code by keyword": _does("migrations.RunPython(code=print, elidable=True)"),
            "None": _does("migrations.RunPython(print, reverse_code=None)"),
            "SQL": _does('migrations.RunSQL("select 1")'),
            "within": _does(
                'migrations.SeparateDatabaseAndState([migrations.RunSQL("select 1")], [])'
            ),
            "under another name": _does(
                "RP(print)",
                before="from django.db.migrations.operations import RunPython as RP\n\n\n",
                line=FIRST + 3,
            ),
        },
        passes={
            "code": _passes("migrations.RunPython(print, print)"),
            "noop": _passes("migrations.RunPython(print, reverse_code=migrations.RunPython.noop)"),
            "SQL": _passes('migrations.RunSQL("select 1", "select 2")'),
            "unpacked": _passes("migrations.RunPython(print, **options)"),
            "a column": _passes("migrations.AddField('order', 'a', models.TextField(default=''))"),
            "not Django's": _passes("RunPython(print)"),
        },
    ),
}
