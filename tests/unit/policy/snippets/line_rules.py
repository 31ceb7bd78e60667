"""Added lines that turn checks off or read otherwise than they work, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_BIDI, _WIDTH = "\u202e", "\u200b"
_TEST = "tests/test_cart.py"
_OLD = "def test_a():\n    assert f()\n"
_CONFLICT = "a\n<<<<<<< one\nb\n||||||| base\n=======\nc\n>>>>>>> other\n"


def _one(line: str, base: str = "x = 1\n") -> Snippet:
    return Snippet(f"x = 1\n{line}\n", base=base, line=2)


def _test(line: str) -> Snippet:
    return Snippet({_TEST: f"{line}\n{_OLD}"}, base={_TEST: _OLD}, line=1)


CASES = {
    "suppression": Cases(
        fails={
            **{
                comment: _one(f"y = f()  # {comment}")
                for comment in (
                    *("noqa", "NOQA: E501", "type: ignore", "type: ignore[arg-type]", "nosec B603"),
                    *("pragma: no cover", "fmt: skip", "isort:skip", "so  # noqa"),
                    *("pylint: disable=all", "pyright: basic", "mypy: ignore-errors"),
                    *("ruff: noqa: F401", "flake8: noqa"),
                )
            },
            "a decorator": _one("@typing.no_type_check"),
            "a branch for type checkers": Snippet(
                "if TYPE_CHECKING:\n    from shop import f\n\nelse:\n    def f(): ...\n", line=4
            ),
            "a value for type checkers": _one("f = g if TYPE_CHECKING else h"),
            "a condition for type checkers": _one("if not t.TYPE_CHECKING:"),
            "a stub": Snippet({"app/cart.pyi": "f = g if TYPE_CHECKING else h\n"}, line=1),
            "one more of a kind": Snippet(
                "y = f()  # noqa\nz = g()  # noqa\n", base="y = f()  # noqa\n", line=2
            ),
            "another code": _one("y = f()  # noqa: S1", base="x = 1\ny = f()  # noqa: E501\n"),
            **{
                line: _test(line)
                for line in (
                    *("@pytest.mark.skip", "pytestmark = mark.xfail", "@skipUnless(x, 'y')"),
                    *("np = pytest.importorskip('np')", "collect_ignore_glob = ['test_b*']"),
                    *("@unittest.expectedFailure", "__test__ = False", "raise SkipTest"),
                )
            },
            "source that asks pytest": _one("if os.environ.get('PYTEST_CURRENT_TEST'):"),
            "source that looks for pytest": _one("if 'pytest' in sys.modules:"),
        },
        passes={
            "imports for annotations": Snippet(
                "if TYPE_CHECKING:\n    from shop import Order\nif x:\n    y = 1\nelse:\n    y = 2\n"
            ),
            "a line with a comment that stays": _one("y = g()  # noqa", "x = 1\ny = f()  # noqa\n"),
            "a line that moved": Snippet(
                {"a.py": "", "b.py": "y = f()  # noqa\n"}, base={"a.py": "y = f()  # noqa\n"}
            ),
            "words": _one("y = 1  # Types: ignore these, see the mypy docs, and no QA."),
            "a new test that is skipped": Snippet({_TEST: f"@pytest.mark.skip\n{_OLD}"}),
            "source that skips": _one("self.skip(1)"),
            "a switch that is stricter": _one("# pyright: strict"),
        },
    ),
    "conflict-marks": Cases(
        fails={
            "a conflict": Snippet({"notes.md": "a\n<<<<<<< HEAD\nb\n"}, line=2),
            "with other line ends": Snippet({"a.py": "a\r\n>>>>>>> other\r\n"}, line=2),
        },
        passes={
            "headings": Snippet({"notes.rst": "Title\n=======\n\n>>> quoted\n"}),
            "as it was": Snippet({"a.txt": f"{_CONFLICT}more\n"}, base={"a.txt": _CONFLICT}),
        },
    ),
    "hidden-text": Cases(
        fails={
            "turns the direction": _one(f"if role != 'user{_BIDI} ':"),
            "a name that ends in nothing": _one("a\u200d = 2"),
            "a text of tags": _one("y = 1  # \U000e0061\U000e0062"),
            "a text of selectors": _one("y = 'x\U000e0169\U000e016d'"),
        },
        passes={
            "a mark at the beginning of a file": Snippet("\ufeffx = 1\n"),
            "an emoji with its selector": Snippet("x = 'a \u2764\ufe0f 1\ufe0f\u20e3'\n"),
            "a flag": Snippet("x = '\U0001f3f4\U000e0067\U000e0062\U000e007f'\n"),
            "joined letters": Snippet("x = '\u0915\u094d\u200d\u0937'\n"),
        },
    ),
    "odd-text": Cases(
        fails={
            "in a translation": Snippet({"locale/de.po": f'msgstr "p{_WIDTH}y"\n'}, line=1),
            "in a test": Snippet({_TEST: f"x = '{_WIDTH}'\n"}, line=1),
        },
        passes={
            "Hebrew": Snippet({"locale/he/django.po": 'msgstr "שלום"\n'}),
            "bytes": Snippet({"a.bin": f"\0a{_WIDTH}".encode()}),
        },
    ),
}
