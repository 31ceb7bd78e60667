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
            "in a comment": Snippet(f"x = 1  # {_BIDI}\n", line=1),
            "isolates": Snippet("x = '\u2066a\u2069'\n", line=1),
            "without a width, in a text": Snippet(f"x = 'ad{_WIDTH}min'\n", line=1),
            "words in the letters of a flag": Snippet(
                "x = '\U0001f3f4\U000e0067\U000e0062\U000e0075\U000e0073\U000e0072\U000e007f'\n",
                line=1,
            ),
            "a joiner between Latin letters": Snippet("x = 'ad\u200dmin'\n", line=1),
            "a tag": Snippet(f"x = 'a{_TAG}'\n", line=1),
            "a blank letter": Snippet("\u3164 = 1\n", line=1),
            "a control character": Snippet("x = 'a\x08b'\n", line=1),
            "in a template": _at("templates/a.html", f"<p>\n{_WIDTH}</p>\n", 2),
            "in configuration": _at(".github/workflows/a.yml", f"run: make{_BIDI}\n", 1),
            "a mark within a file": Snippet("x = 1\n\ufeffy = 2\n", line=2),
        },
        passes={
            "an escape": Snippet("x = '\\u202e'\n"),
            "letters of another script": Snippet("x = 'Привет, мир; größer'\n"),
            "a mark at the beginning of a file": Snippet("\ufeffx = 1\n"),
            "the flag of Wales": Snippet(
                "x = '\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f'\n"
            ),
            "an emoji of several": Snippet("x = '\U0001f468\u200d\U0001f469\u200d\U0001f467'\n"),
            "a space that Khmer needs": Snippet("x = 'ភាសា\u200bខ្មែរ'\n"),
            "a joiner that Persian needs": Snippet("x = 'می\u200cخواهم'\n"),
            "there already": Snippet(f"y = 1\nx = '{_WIDTH}'\n", base=f"x = '{_WIDTH}'\n"),
            "moved from another file": Snippet(
                {"app/a.py": None, "app/b.py": f"x = '{_WIDTH}'\n"},
                base={"app/a.py": f"x = '{_WIDTH}'\n"},
            ),
            "a soft hyphen": Snippet("x = 'Donau\u00addampf'\n"),
            "a form feed": Snippet("x = 1\n\x0c\ny = 2\n"),
            "no text": _at("logo.png", f"\0{_BIDI}"),
            "a translation, which `odd-text` names": _at("locale/ar/a.po", f"msgstr '{_BIDI}'\n"),
        },
    ),
    "look-alikes": Cases(
        fails={
            "a Cyrillic letter in a name": Snippet(f"x = 1\ndef is_{_A}dmin(): ...\n", line=2),
            "in a text": Snippet(f"if role == '{_A}dmin':\n    pass\n", line=1),
            "Greek": Snippet("passw\u03bfrd = 1\n", line=1),
            "a name of nothing else": Snippet("\u0441\u043e\u0440\u0443 = 1\n", line=1),
            "letters that Python reads as others": Snippet("\U0001d41e\U0001d41f = 1\n", line=1),
            "of full width": Snippet("import \uff4f\uff53\n", line=1),
            "in a script of the browser": _at("static/a.js", f"let p{_A}y = 1\n", 1),
        },
        passes={
            "a word of that script": Snippet("x = 'админ'\n"),
            "beside each other": Snippet("x = 'the word админ here'\n"),
            "letters with marks": Snippet("größe = 'naïve'\n"),
            "a Latin letter of Turkish": Snippet("x = 'kırmızı'\n"),
            "a Greek letter that looks like none": Snippet("Δt = σ_max = 1\n"),
            "Japanese with Latin": Snippet("x = 'Python入門'\n"),
            "full width in a text": Snippet("x = 'ＯＫ'\n"),
            "there already": Snippet(f"y = 1\nb{_A} = 1\n", base=f"b{_A} = 1\n"),
        },
    ),
    "odd-text": Cases(
        fails={
            "in docs": _at("docs/a.rst", f"a\npip install req{_WIDTH}uests\n", 2),
            "in prose": _at("README.md", f"{_BIDI}a\n", 1),
            "in a translation": _at("locale/ru/django.po", f'msgstr "p{_A}y"\n', 1),
            "in a table of messages": _at("app/i18n/he.json", f'{{"a": "{_BIDI}"}}\n', 1),
            "in a test": _at("tests/test_a.py", f"x = '{_WIDTH}'\n", 1),
            "in a long line that a bundler wrote": _at(
                "static/a.js", f"a()\n{'b();' * 600}c='{_WIDTH}'\n", 2
            ),
            "in a bundled script": _at("static/a.min.js", f"x='{_WIDTH}'\n", 1),
        },
        passes={
            "in code, which `hidden-text` holds": Snippet(f"x = '{_WIDTH}'\n"),
            "Hebrew": _at("locale/he/django.po", 'msgstr "שלום"\n'),
            "a mark of direction beside Hebrew": _at("docs/a.md", "שלום\u200f!\n"),
            "an emoji": _at("README.md", "\u2764\ufe0f\n"),
            "plain": _at("docs/a.md", "a\n"),
            "Russian": _at("docs/ru.md", "Установка: pip install shop\n"),
        },
    ),
}
