"""Letters that are not what they seem, and near misses."""

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
            "a return in a line": Snippet("x = 1\n# note\rx = 2\n", line=2),
            "a form feed before code": Snippet("x = 1\n\x0cx = 2\n", line=2),
            "a separator": Snippet("x = 1  # note\x1cx = 2\n", line=1),
            "a next line": Snippet("x = 1  # note\x85x = 2\n", line=1),
            "a name that ends in nothing": Snippet("a = 1\na\ufe0f = 2\n", line=2),
            "a name of nothing": Snippet("\u3164 = 2\n", line=1),
            "a text of tags": Snippet("x = 1  # \U000e0061\U000e0062\n", line=1),
            "a soft hyphen": Snippet("x = 'pass\u00adword'\n", line=1),
            "a mark of Khmer": Snippet("x = 'pass\u17b4word'\n", line=1),
            "a text of selectors": Snippet("x = 'x\U000e0169\U000e016d'\n", line=1),
            "selectors in a row": Snippet("x = '\u2764\ufe01\ufe0f'\n", line=1),
            "escapes in code": Snippet("# coding: unicode_escape\n# \\u000ax = 2\n", line=1),
            "not UTF-8": Snippet("# coding: latin-1\nx = 2\n", line=1),
            "another alphabet": Snippet("# coding: utf-7\nx = 2\n", line=1),
        },
        passes={
            "a mark at the beginning of a file": Snippet("\ufeffx = 1\n"),
            "pages": Snippet("x = 1\n\x0c\nx = 2\n"),
            "an emoji with its selector": Snippet("x = 'a \u2764\ufe0f 1\ufe0f\u20e3'\n"),
            "joined letters": Snippet("x = '\u0915\u094d\u200d\u0937'\n"),
            "lines as Windows has them": Snippet("x = 1\r\nx = 2\r\n"),
        },
    ),
    "look-alikes": Cases(
        fails={
            "in a text": Snippet(f"if role == '{_A}dmin':\n    pass\n", line=1),
            "a dotless letter": Snippet("def is_adm\u0131n(): ...\n", line=1),
            "a name that Python reads as another": Snippet("import o\u017f\n", line=1),
            "a name like another": Snippet("copy = 1\n\u0441\u043e\u0440\u0443 = 2\n", line=2),
            "a module that is called like another": Snippet(
                {"shop/\u0441\u043e\u0440\u0443.py": ""}
            ),
            "a name like one of Python's": Snippet("\u043e\u0440\u0435n = 2\n", line=1),
        },
        passes={
            "an alphabet in a pattern": Snippet("x = r'[A-Za-z\u0410-\u042f\u0430-\u044f]+'\n"),
            "behind an escape": Snippet("x = 'a\\n\u0421\u043e\u0440 %s\u0440\u0443\u0431'\n"),
            "names of physics": Snippet("\u03c1_air, \u03bd_max, \u0394t = 1, 2, 3  # \u03c1c_p\n"),
            "a word of that script": Snippet("x = 'админ'\n"),
        },
    ),
    "odd-text": Cases(
        fails={
            "a name that Python reads as one not of ASCII": Snippet("\u00b5_s = 1\n", line=1),
            "in a translation": _at("locale/ru/django.po", f'msgstr "p{_A}y"\n', 1),
            "behind blanks": Snippet(f"x = 1{' ' * 99}; x = 2\n", line=1),
            "a short name like another": Snippet("p = 1\n\u03c1 = 2\n", line=2),
            "not UTF-8, as before": Snippet(
                "# coding: latin-1\nx = 2\n", base="# coding: latin-1\nx = 1\n", line=1
            ),
            "in a test": _at("tests/test_a.py", f"x = '{_WIDTH}'\n", 1),
        },
        passes={
            "a comment behind blanks": Snippet(f"x = 1{' ' * 99}# so\n"),
            "UTF-8 in other words": Snippet("# coding: utf8\nx = 2\n"),
            "Hebrew": _at("locale/he/django.po", 'msgstr "שלום"\n'),
        },
    ),
}
