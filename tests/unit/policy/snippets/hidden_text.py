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
            "words in the letters of a flag": Snippet(
                "x = '\U0001f3f4\U000e0067\U000e0062\U000e0075\U000e0073\U000e0072\U000e007f'\n",
                line=1,
            ),
            "a control character": Snippet("x = 'a\x08b'\n", line=1),
        },
        passes={
            "an escape": Snippet("x = '\\u202e'\n"),
            "a mark at the beginning of a file": Snippet("\ufeffx = 1\n"),
            "a joiner that Persian needs": Snippet("x = 'می\u200cخواهم'\n"),
        },
    ),
    "look-alikes": Cases(
        fails={
            "a Cyrillic letter in a name": Snippet(f"x = 1\ndef is_{_A}dmin(): ...\n", line=2),
            "in a text": Snippet(f"if role == '{_A}dmin':\n    pass\n", line=1),
            "letters that Python reads as others": Snippet("\U0001d41e\U0001d41f = 1\n", line=1),
        },
        passes={
            "a word of that script": Snippet("x = 'админ'\n"),
            "a Greek letter that looks like none": Snippet("Δt = σ_max = 1\n"),
            "there already": Snippet(f"y = 1\nb{_A} = 1\n", base=f"b{_A} = 1\n"),
        },
    ),
    "odd-text": Cases(
        fails={
            "in docs": _at("docs/a.rst", f"a\npip install req{_WIDTH}uests\n", 2),
            "in a translation": _at("locale/ru/django.po", f'msgstr "p{_A}y"\n', 1),
            "in a test": _at("tests/test_a.py", f"x = '{_WIDTH}'\n", 1),
        },
        passes={
            "in code, which `hidden-text` holds": Snippet(f"x = '{_WIDTH}'\n"),
            "Hebrew": _at("locale/he/django.po", 'msgstr "שלום"\n'),
            "plain": _at("docs/a.md", "a\n"),
        },
    ),
}
