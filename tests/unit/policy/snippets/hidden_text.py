"""Letters that are not what they seem, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_BIDI, _WIDTH, _TAG = "\u202e", "\u200b", "\U000e0041"
_A = "\u0430"  # Cyrillic


def _at(path: str, after: str, line: int | None = None) -> Snippet:
    return Snippet({path: after}, line=line)


CASES = {
    "hidden-text": Cases(
        fails={
            "turns the direction": Snippet(
                f"x = 1\nif role != 'user{_BIDI} ':\n    pass\n", line=2
            ),
        },
        passes={
            "a mark at the beginning of a file": Snippet("\ufeffx = 1\n"),
        },
    ),
    "look-alikes": Cases(
        fails={
            "in a text": Snippet(f"if role == '{_A}dmin':\n    pass\n", line=1),
        },
        passes={
            "a word of that script": Snippet("x = 'админ'\n"),
        },
    ),
    "odd-text": Cases(
        fails={
            "in a translation": _at("locale/ru/django.po", f'msgstr "p{_A}y"\n', 1),
            "in a test": _at("tests/test_a.py", f"x = '{_WIDTH}'\n", 1),
        },
        passes={
            "Hebrew": _at("locale/he/django.po", 'msgstr "שלום"\n'),
        },
    ),
}
