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
            "after one that is not there": _new(
                "0003_paid", migration(_PAID, after="0002_nota"), line=5
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
            "one that merges": _new(
                "0003_merge",
                migration().replace(
                    "dependencies = []",
                    'dependencies = [("shop", "0002_note"), ("shop", "0002_other")]',
                ),
                _TWO_ENDS,
            ),
            "squashed": _new("0001_squashed_0002_note", _SQUASHED),
        },
    ),
    "migration-merged": Cases(
        fails={
            "another default": _edited(
                migration(NOTE.replace("''", "'-'"), after="0001_initial"), line=7
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
            "other quotes and lines": _edited(
                migration(NOTE, after="0001_initial")
                .replace("'", '"')
                .replace(", models.T", ",\n models.T")
            ),
            "types": _edited(
                migration(NOTE, after="0001_initial").replace("operations =", "operations: list =")
            ),
        },
    ),
    "migration-squash": Cases(
        fails={
            "a squashed one": _new("0001_squashed_0002_note", _SQUASHED, line=5),
            "what was replaced goes": _edited(None, _WITH_SQUASHED),
            "it no longer replaces": _new(
                "0001_squashed_0002_note", migration(ORDER, NOTE), _WITH_SQUASHED
            ),
        },
        passes={
            "a plain one": _new("0003_paid", _THIRD),
            "an empty list": _new(
                "0003_paid", _THIRD.replace("    dep", "    replaces = []\n    dep", 1)
            ),
            "there already": _new("0001_squashed_0002_note", "# so\n" + _SQUASHED, _WITH_SQUASHED),
        },
    ),
}
