"""Breaks in the history of apps, and near misses."""

from dataclasses import replace

from tests.unit.policy.cases import Cases, Snippet, project
from tests.unit.policy.migration_files import NOTE, SHOP, migration

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


_FILLED = {**SHOP, "shop/migrations/0003_fill.py": _filled("def f(a):\n    a()\n\n")}

CASES = {
    "migration-by-hand": Cases(
        fails={"nothing loads it": _new("0003_paid", _THIRD)},
        passes={
            "Django loads it": replace(
                _new("0003_paid", _THIRD), project={"django": project(settings="a").django}
            ),
            "it was there": _edited("x = 1\n"),
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
