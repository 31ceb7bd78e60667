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
_CODE = "migrations.AlterField('order', 'code', models.CharField(max_length=30))"
_PHONE = "migrations.RemoveField('customer', 'phone')"
_STATE = "migrations.AlterField('order', 'state', models.CharField(choices=[]))"


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
            "a column of another model": _asked(_NOTE, _PHONE, line=FIRST + 1),
            "another column of the same model": _asked(_NOTE, _CODE, line=FIRST + 1),
            "a table": _asked(_NOTE, "migrations.DeleteModel('Invoice')", line=FIRST + 1),
            "a new table": _asked("migrations.CreateModel('Basket', [])", _NOTE, line=FIRST),
            "by keyword": _asked(
                "migrations.RemoveField(model_name='customer', name='phone')", line=FIRST
            ),
            "an index on other fields": _asked(
                "migrations.AddIndex('customer', models.Index(fields=['phone'], name='p'))",
                line=FIRST,
            ),
            "an index that goes beside it": _asked(
                _NOTE, "migrations.RemoveIndex('customer', 'phone_idx')", line=FIRST + 1
            ),
            "one word of the ticket": _asked(
                _PHONE, line=FIRST, ticket="Show the phone of a customer.", models=_MODELS
            ),
            "a ticket that speaks of migrating": _asked(
                _NOTE, _PHONE, line=FIRST + 1, ticket="Add a `note` to Order, with its migration."
            ),
            "a column that the change keeps": _asked(
                _PHONE,
                line=FIRST,
                ticket="Phones are longer.",
                models=_MODELS.replace("phone = models.TextField()", "phone = models.CharField()"),
            ),
            "a column that the ticket keeps": _asked(
                _PHONE,
                line=FIRST,
                ticket="Drop the fax.\nDo not remove phone.",
                models=_MODELS,
            ),
            "a table that the ticket names": _asked(
                "migrations.DeleteModel('Customer')",
                line=FIRST,
                ticket="A customer has a note.",
                models=_MODELS,
            ),
            "in another app": Snippet(
                {
                    "shop/models.py": _NOTED,
                    "shop/migrations/0003_note.py": migration(_NOTE, after="0002_note"),
                    "wine/migrations/0002_b.py": migration(
                        "migrations.RemoveField('bottle', 'year')", after="0001_initial", app="wine"
                    ),
                },
                base=dict(_BASE),
                line=FIRST,
                ticket=_TICKET,
            ),
        },
        passes={
            "what the ticket names": _asked(_NOTE),
            "what the ticket says in words": _asked(
                "migrations.AddField('order', 'unit_price', models.IntegerField())",
                ticket="Orders need a unit price.",
                models=_MODELS,
            ),
            "what the change edits": _asked(
                _CODE,
                ticket="Longer codes are refused.",
                models=_MODELS.replace("max_length=20", "max_length=30"),
            ),
            "what a field is made of": _asked(
                _STATE, ticket="A new way", models=_MODELS.replace("('a', 'A')", "('a', 'B')")
            ),
            "what a class of choices says": Snippet(
                {
                    "shop/models.py": _MODELS.replace("=STATES", "=State.choices").replace(
                        "STATES = [('a', 'A')]", "class State(models.TextChoices):\n    B = 'b'"
                    ),
                    "shop/migrations/0003_new.py": migration(_STATE, after="0002_note"),
                },
                base={
                    **SHOP,
                    "shop/models.py": _MODELS.replace("=STATES", "=State.choices").replace(
                        "STATES = [('a', 'A')]", "class State(models.TextChoices):\n    A = 'a'"
                    ),
                },
                ticket="A new way",
            ),
            "a column that the change takes away": _asked(
                _PHONE,
                ticket="People are no longer called.",
                models=_MODELS.replace("    phone = models.TextField()", "    pass"),
            ),
            "a column that went with its base": _asked(
                _PHONE,
                ticket="People are no longer called.",
                models=_MODELS.replace("class Customer(models.Model)", "class Customer(Named)"),
            ),
            "a column that is to go": _asked(
                _PHONE, ticket="Drop the phone of customers.", models=_MODELS
            ),
            "a column that is moved": _asked(
                _PHONE, ticket="Move `phone` from Customer to Contact.", models=_MODELS
            ),
            "a table that goes": _asked(
                "migrations.DeleteModel('Customer')",
                ticket="Nobody buys here.",
                models=_MODELS.partition("class Customer")[0],
            ),
            "no ticket": _asked(_NOTE, _PHONE, ticket=None),
            "on a table that is made here": _asked(
                "migrations.CreateModel('Basket', [])",
                "migrations.AddField('basket', 'owner', models.TextField())",
                ticket="Add a basket.",
            ),
            "a new base": _asked(
                "migrations.AddField('order', 'deleted_at', models.DateTimeField(null=True))",
                ticket="Keep what people throw away.",
                models=_MODELS.replace("class Order(models.Model)", "class Order(Kept)"),
            ),
            "an index that goes with its line": _asked(
                "migrations.RemoveIndex('order', 'shop_order_code_1a2b_idx')",
                ticket="Writing is slow",
                models=_MODELS.replace(
                    "\n\n\nclass Customer",
                    "\n    class Meta:\n        indexes = []\n\n\nclass Customer",
                ),
            ),
            "a table of another name": _asked(
                "migrations.AlterModelTable('customer', 'people')",
                ticket="As in the old database",
                models=_MODELS + "    class Meta:\n        db_table = 'people'\n",
            ),
            "a constant of another module": Snippet(
                {
                    "shop/states.py": "STATES = [('b', 'B')]\n",
                    "shop/models.py": _MODELS.replace("=STATES", "=states.STATES") + "# so\n",
                    "shop/migrations/0003_new.py": migration(_STATE, after="0002_note"),
                },
                base={
                    **SHOP,
                    "shop/states.py": "STATES = [('a', 'A')]\n",
                    "shop/models.py": _MODELS.replace("=STATES", "=states.STATES"),
                },
                ticket="A new way",
            ),
            "code and SQL": _asked(_NOTE, "migrations.RunPython(print, print)"),
            "there already": Snippet(
                {"shop/migrations/0002_note.py": "# a\n" + migration(_PHONE, after="0001_initial")},
                base={
                    **_BASE,
                    "shop/migrations/0002_note.py": migration(_PHONE, after="0001_initial"),
                },
                ticket=_TICKET,
            ),
        },
    ),
    "migration-unexplained": Cases(
        fails={
            "a ticket on migrations": _asked(
                _PHONE, line=FIRST, ticket="Add the missing migrations.", models=_MODELS
            ),
            "an upgrade": _asked(
                _NOTE, _PHONE, line=FIRST + 1, change={"requirements.txt": "django-taggit==6\n"}
            ),
            "a newer lock": _asked(_NOTE, _PHONE, line=FIRST + 1, change={"uv.lock": "a\n"}),
            "options": _asked(
                _NOTE, "migrations.AlterModelOptions('customer', {})", line=FIRST + 1
            ),
            "managers": _asked(
                _NOTE, "migrations.AlterModelManagers('customer', [])", line=FIRST + 1
            ),
        },
        passes={
            "what the ticket names": _asked(_NOTE, ticket="Add the migration for `note`."),
            "no ticket": _asked(_PHONE, ticket=None),
            "what blocks": _asked(_NOTE, _PHONE),
            "options that the change edits": _asked(
                "migrations.AlterModelOptions('customer', {'ordering': ['phone']})",
                ticket="Sort people",
                models=_MODELS.replace("class Customer(models.Model):", "class Customer(Base):"),
            ),
            "what was squashed": Snippet(
                {
                    "shop/migrations/0001_squashed.py": migration(
                        _PHONE, replaces=("0001_initial", "0002_note")
                    )
                },
                base=dict(_BASE),
                ticket="Squash the migrations.",
            ),
        },
    ),
}
