"""Changes that `python-syntax` and `unreadable-python` speak of, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet


def _on(version: str | None, after: str, line: int | None = None, base: str = "") -> Snippet:
    return Snippet(after, base=base, line=line, project={"python_version": version})


def _data(path: str, after: str, base: dict[str, str] = {}) -> Snippet:  # noqa: B006 - never changed
    return Snippet({path: after}, base=base, project={"python_version": "3.9"})


def _file(after: bytes, before: bytes | None = None) -> Snippet:
    return Snippet({"app/views.py": after}, base={} if before is None else {"app/views.py": before})


_OLD = "print 'a'\n"
_DEEP = f"x = {' + '.join('1' * 300)}\n"

CASES = {
    "python-syntax": Cases(
        fails={
            "a module of the library": _on("3.9", "x = 1\nimport tomllib\n", 2),
            "under another name": _on("3.9", "from enum import StrEnum as Names\n", 1),
            "through its module": _on("3.9", "import datetime as dt\nprint(dt.UTC)\n", 2),
            "a statement": _on("3.9", "match x:\n    case 1:\n        pass\n", 1),
            "a statement behind a guard": _on(
                "3.9",
                "import sys\nif sys.version_info >= (3, 10):\n    match 1:\n        case 1: pass\n",
                3,
            ),
            "an annotation that is evaluated": _on("3.9", "def f(a: int | None): ...\n", 1),
            "after a guard": _on(
                "3.9", "import sys\nif sys.version_info > (3, 10):\n    x = 1\nimport tomllib\n", 4
            ),
            "in a nested function": _on(
                "3.9", "def f():\n    def g(a, b):\n        return zip(a, b, strict=True)\n", 3
            ),
            "a test": Snippet(
                {"tests/data/test_a.py": "import tomllib\n"},
                line=1,
                project={"python_version": "3.9"},
            ),
            "data of the application": Snippet(
                {"app/data/a.py": "import tomllib\n"}, line=1, project={"python_version": "3.9"}
            ),
            "in a decorator": _on(
                "3.9",
                "import dataclasses as d\n\n@d.dataclass(slots=True)\nclass A:\n    x: int\n",
                3,
            ),
            "no Python at all": _on(None, "x = 1\ndef f(:\n", 2),
        },
        passes={
            "new enough": _on("3.11", "import tomllib\n"),
            "behind a guard": _on(
                "3.9", "import sys\nif sys.version_info >= (3, 11):\n    import tomllib\n"
            ),
            "behind a way out": _on(
                "3.9",
                "import sys\ndef f():\n    if sys.version_info < (3, 11):\n        sys.exit(1)\n"
                "    import tomllib\n",
            ),
            "with a fallback": _on(
                "3.9",
                "try:\n    import tomllib\nexcept ImportError:\n    import tomli as tomllib\n",
            ),
            "for types only": _on(
                "3.9",
                "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
                "if TYPE_CHECKING:\n    from typing import Self\ndef f(a: int | None) -> Self: ...\n",
            ),
            "there already": _on("3.9", "x = 1\nimport tomllib\n", base="import tomllib\n"),
            "a namesake of the project": _on(
                "3.9", "from app.compat import tomllib\ntomllib.loads('')\n"
            ),
            "no version is declared": _on(None, "import tomllib\n"),
            "a text": _on("3.9", "x = 'match 1: import tomllib'\n"),
        },
    ),
    "python-syntax-of-data": Cases(
        fails={
            "data of tests": _data("tests/data/case.py", "import tomllib\n"),
            "deep in it": _data("lib/tests/cases/pep634/case.py", "match x:\n    case 1: pass\n"),
            "no Python at all": _data("tests/fixtures/broken.py", "def f(:\n"),
            "left out by conftest.py": _data(
                "tests/test_match.py",
                "match x:\n    case 1: pass\n",
                {"tests/conftest.py": "if not PY310:\n    collect_ignore = ['test_match.py']\n"},
            ),
            "left out further up": _data(
                "tests/a/b/test_match.py",
                "match x:\n    case 1: pass\n",
                {"conftest.py": "collect_ignore = ['tests/a/b/test_match.py']\n"},
            ),
        },
        passes={
            "a test": _data("tests/test_match.py", "import tomllib\n", {"tests/conftest.py": ""}),
            "another one is left out": _data(
                "tests/test_match.py",
                "import tomllib\n",
                {"tests/conftest.py": "collect_ignore = ['test_other.py']\n"},
            ),
            "data that is old enough": _data("tests/data/case.py", "import json\n"),
            "data of the application": _data("app/data/case.py", "import tomllib\n"),
            "data that is no Python": _data("tests/data/case.txt", "import tomllib\n"),
        },
    ),
    "unreadable-python": Cases(
        fails={
            "never parsed": _on("3.11", _OLD + "x = 1\n", base=_OLD),
            "never parsed, no version": _on(None, _OLD + "x = 1\n", base=_OLD),
            "newer than this service": _on("3.99", "x = 1\nwhen x:\n    pass\n", 2),
            "broken in another place": _on("3.9", "x = (\n", base=_OLD),
            "a template of a module": _on(
                "3.9", "class {{ name }}:\n    x = 2\n", base="class {{ name }}:\n    x = 1\n"
            ),
        },
        passes={
            "it parses": _on("3.11", "x = 1\n"),
            "it parses again": _on("3.11", "print('a')\n", base=_OLD),
            "it is deleted": Snippet({"app/views.py": None}, base={"app/views.py": _OLD}),
            "broken by the change, which `python-syntax` holds": _on("3.9", _OLD, base="x = 1\n"),
            "newer than the project, which `python-syntax` holds": _on(
                "3.9", "match 1:\n    case 1: pass\n"
            ),
            "no Python by its name": Snippet({"app/views.txt": _OLD}, base={"app/views.txt": "x"}),
        },
    ),
    "hidden-from-rules": Cases(
        fails={
            "a sum that is too deep": _on("3.9", _DEEP),
            "the same where no version is declared": _on(None, _DEEP),
            "one that was too deep already": _on("3.9", _DEEP + "y = 1\n", base=_DEEP),
            "too deep for the parser": _on("3.9", "x = " + "-" * 50_000 + "1\n"),
            "a name that is too long": _on("3.9", "a" + ".b" * 2_000 + "\n"),
            "letters that cannot be decoded": _file(b"x = '\xff'\n"),
            "letters of another encoding": _file(b"# coding: rot13\nk = 1\n"),
            "an encoding that nobody knows": _file(b"# coding: shop\nx = 1\n"),
            "too large": _file(b"x = 1\n" * 200_000),
            "undecodable before as well": _file(b"x = '\xff'\ny = 1\n", b"x = '\xff'\n"),
        },
        passes={
            "a sum": _on("3.9", f"x = {' + '.join('1' * 50)}\n"),
            "what no Python reads": _on("3.9", "x = (\n"),
            "what never was Python": _on("3.9", _OLD + "x = 1\n", base=_OLD),
            "a declared encoding": _file("# coding: latin-1\nx = 'é'\n".encode("latin-1")),
            "taken away": Snippet({"app/views.py": None}, base={"app/views.py": _DEEP}),
            "no Python by its name": Snippet({"app/views.txt": b"\xff"}),
            "data of tests": Snippet({"tests/data/latin.py": b"x = '\xff'\n"}),
            "moved as it was": Snippet(
                {"a/x.py": None, "b/x.py": b"x = '\xff'\n"}, base={"a/x.py": b"x = '\xff'\n"}
            ),
        },
    ),
}
