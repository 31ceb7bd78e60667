"""Breaks in the history of apps, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet
from tests.unit.policy.migration_files import NOTE, ORDER, SHOP, migration

_PAID = "migrations.AddField('order', 'paid', models.BooleanField(default=False))"
_SIZE = "migrations.AlterField('order', 'size', models.BigIntegerField())"
_THIRD = migration(_PAID, after="0002_note")
_SQUASHED = migration(ORDER, NOTE, replaces=("0001_initial", "0002_note"))
_TWO_ENDS = {**SHOP, "shop/migrations/0002_other.py": migration(_SIZE, after="0001_initial")}
_WITH_SQUASHED = {**SHOP, "shop/migrations/0001_squashed_0002_note.py": _SQUASHED}


def _new(
    name: str, text: str | None, base: dict[str, str | bytes] = SHOP, line: int | None = None
) -> Snippet:
    return Snippet({f"shop/migrations/{name}.py": text}, base=dict(base), line=line)


def _edited(text: str | None, base: dict[str, str | bytes] = SHOP, **rest: int) -> Snippet:
    return _new("0002_note", text, base, **rest)


CASES = {
    "migration-graph": Cases(
        fails={
            "beside the last one": _new(
                "0002_paid", migration(_PAID, after="0001_initial"), line=5
            ),
            "two new ones": Snippet(
                {
                    "shop/migrations/0003_paid.py": _THIRD,
                    "shop/migrations/0003_size.py": migration(_SIZE, after="0002_note"),
                },
                base=SHOP,
            ),
            "after nothing": _new("0003_paid", migration(_PAID), line=5),
            "after one that is not there": _new(
                "0003_paid", migration(_PAID, after="0002_nota"), line=5
            ),
            "a third end": _new(
                "0003_paid", migration(_PAID, after="0001_initial"), _TWO_ENDS, line=5
            ),
            "after another app only": _new(
                "0003_paid", migration(_PAID, after="0001_initial", app="wine"), line=5
            ),
            "in an app with a label of its own": Snippet(
                {"a/b/migrations/0003_c.py": migration(_PAID, after="0001_a", app="other")},
                base={
                    "a/b/migrations/0001_a.py": migration(ORDER),
                    "a/b/migrations/0002_b.py": migration(NOTE, after="0001_a", app="other"),
                },
                line=5,
            ),
        },
        passes={
            "after the last one": _new("0003_paid", _THIRD),
            "two in a row": Snippet(
                {
                    "shop/migrations/0003_paid.py": _THIRD,
                    "shop/migrations/0004_size.py": migration(_SIZE, after="0003_paid"),
                },
                base=SHOP,
            ),
            "one that merges": _new(
                "0003_merge",
                migration().replace(
                    "dependencies = []",
                    'dependencies = [("shop", "0002_note"), ("shop", "0002_other")]',
                ),
                _TWO_ENDS,
            ),
            "two ends in base already": _new("0003_paid", _THIRD, _TWO_ENDS),
            "a new app": Snippet({"bar/migrations/0001_initial.py": migration(ORDER)}, base=SHOP),
            "of an app with more dependencies": _new(
                "0003_paid",
                _THIRD.replace('("shop",', 'migrations.swappable_dependency(User), ("shop",'),
            ),
            "squashed": _new("0001_squashed_0002_note", _SQUASHED),
            "after what was squashed": _new("0003_paid", _THIRD, _WITH_SQUASHED),
            "of Alembic": Snippet(
                {"migrations/versions/b.py": "revision = 'b'\ndown_revision = 'a'\n"},
                base={"migrations/versions/a.py": "revision = 'a'\ndown_revision = None\n"},
            ),
            "a namesake in another app": _new("0003_initial", _THIRD),
        },
    ),
    "migration-merged": Cases(
        fails={
            "another default": _edited(
                migration(NOTE.replace("''", "'-'"), after="0001_initial"), line=7
            ),
            "one operation more": _edited(migration(NOTE, _PAID, after="0001_initial"), line=8),
            "another dependency": _edited(migration(NOTE), line=5),
            "deleted": _edited(None),
            "renamed": Snippet(
                {
                    "shop/migrations/0002_note.py": None,
                    "shop/migrations/0002_add_note.py": migration(NOTE, after="0001_initial"),
                },
                base=SHOP,
            ),
            "no migration any more": _edited("x = 1\n", line=1),
            "its code": _new(
                "0003_fill",
                migration(
                    "migrations.RunPython(f, f)", after="0002_note", before="def f(a, s): ...\n\n"
                ),
                {
                    **SHOP,
                    "shop/migrations/0003_fill.py": migration(
                        "migrations.RunPython(f, f)",
                        after="0002_note",
                        before="def f(a, s): pass\n\n",
                    ),
                },
                line=4,
            ),
        },
        passes={
            "a new one": _new("0003_paid", _THIRD),
            "a comment": _edited("# by hand\n" + migration(NOTE, after="0001_initial")),
            "other quotes and lines": _edited(
                migration(NOTE, after="0001_initial")
                .replace("'", '"')
                .replace(", models.T", ",\n models.T")
            ),
            "types": _edited(
                migration(NOTE, after="0001_initial").replace("operations =", "operations: list =")
            ),
            "an import taken out": _edited(
                migration(NOTE, after="0001_initial"),
                {
                    **SHOP,
                    "shop/migrations/0002_note.py": "import os\n"
                    + migration(NOTE, after="0001_initial"),
                },
            ),
            "replaced by another one": _edited(None, _WITH_SQUASHED),
            "of an app for tests": Snippet(
                {"tests/app/migrations/0001_initial.py": migration(NOTE)},
                base={"tests/app/migrations/0001_initial.py": migration(ORDER)},
            ),
            "of Alembic": Snippet(
                {"migrations/versions/a.py": "revision = 'b'\n"},
                base={"migrations/versions/a.py": "revision = 'a'\n"},
            ),
        },
    ),
    "migration-squash": Cases(
        fails={
            "a squashed one": _new("0001_squashed_0002_note", _SQUASHED, line=5),
            "one that replaces one": _new(
                "0002_text", migration(NOTE, after="0001_initial", replaces=("0002_note",)), line=5
            ),
            "what was replaced goes": _edited(None, _WITH_SQUASHED),
            "all go at once": Snippet(
                {
                    "shop/migrations/0001_initial.py": None,
                    "shop/migrations/0002_note.py": None,
                    "shop/migrations/0001_squashed_0002_note.py": _SQUASHED,
                },
                base=SHOP,
            ),
            "it no longer replaces": _new(
                "0001_squashed_0002_note", migration(ORDER, NOTE), _WITH_SQUASHED
            ),
        },
        passes={
            "a plain one": _new("0003_paid", _THIRD),
            "an empty list": _new(
                "0003_paid", _THIRD.replace("    dep", "    replaces = []\n    dep", 1)
            ),
            "the word alone": _new("0003_paid", "# replaces the old one\n" + _THIRD),
            "there already": _new("0001_squashed_0002_note", "# so\n" + _SQUASHED, _WITH_SQUASHED),
            "after a squashed one": _new("0003_paid", _THIRD, _WITH_SQUASHED),
            "deleted and not replaced": _edited(None),
        },
    ),
}
