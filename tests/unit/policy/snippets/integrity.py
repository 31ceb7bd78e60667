"""Tests that a change edits, and modules that it breaks or puts in the place of others."""

from tests.unit.policy.cases import Cases, Snippet

_PATH = "tests/test_cart.py"


def _hidden(after: str | None, before: str, path: str = _PATH, runner: str = "command") -> Snippet:
    return Snippet({path: after}, base={path: before}, project={"test_runner": runner})


_TESTS = "def test_a(): assert f() == 1\n\n\ndef test_b(): assert g()\n"
_EDITED = Cases(
    fails={
        "an assertion less": _hidden(_TESTS.replace(" == 1", ""), _TESTS),
        "a test": _hidden("def test_b(): assert g()\n", _TESTS),
        "a way out": _hidden(_TESTS.replace(": assert f", ":\n    return\n    assert f"), _TESTS),
        "a value": _hidden(_TESTS, f"EXPECTED = 1\n{_TESTS}"),
        "its data": _hidden("{}", "[]", "tests/a.json"),
    },
    passes={
        "a comment, and a new test": _hidden(f"{_TESTS}# End.\ndef test_c(): ...\n", _TESTS),
        "a helper of the source": _hidden("def test_a(): 1\n", "def test_a(): 2\n", "app/a.py"),
        "runs show it": _hidden(_TESTS.replace(" == 1", ""), _TESTS, runner="pytest"),
    },
)
_REMOVED = Cases(
    fails={
        "a file": _hidden(None, _TESTS),
    },
    passes={
        "runs show it": _hidden(None, _TESTS, runner="pytest"),
    },
)

_NAMES = Cases(
    fails={
        "a module at the root": Snippet({"json.py": "x = 1\n"}, line=1),
        "a package below src": Snippet({"src/random/__init__.py": ""}, line=1),
        "what Python runs first": Snippet({"sitecustomize.py": "x = 1\n"}, line=1),
    },
    passes={
        "in a package": Snippet({"shop/json.py": "x = 1\n"}),
        "another name": Snippet({"money.py": "x = 1\n"}),
        "it was there": Snippet({"json.py": "x = 2\n"}, base={"json.py": "x = 1\n"}),
        "a module becomes a package": Snippet(
            {"json/__init__.py": "x = 1\n", "json.py": None}, base={"json.py": "x = 1\n"}
        ),
    },
)


def _on(version: str | None, after: str, line: int | None = None, base: str = "") -> Snippet:
    return Snippet(after, base=base, line=line, project={"python_version": version})


_OLD = "print 'a'\n"

CASES = {
    "test-rewritten": _EDITED,
    "test-removed": _REMOVED,
    "module-in-place-of-another": _NAMES,
    "python-syntax": Cases(
        fails={
            "no Python": _on("3.9", "x = 1\nprint 'a'\n", 2),
            "a NUL": Snippet({"app/views.py": b"x = 1\0\n"}),
        },
        passes={
            "data of tests, of any version": Snippet({"tests/fixtures/broken.py": "def f(:\n"}),
            "a declared encoding": Snippet(
                {"app/views.py": "# coding: latin-1\nx = 'é'\n".encode("latin-1")}
            ),
        },
    ),
    "unreadable-python": Cases(
        fails={
            "never parsed": _on("3.11", _OLD + "x = 1\n", base=_OLD),
        },
        passes={
            "it parses again": _on("3.11", "print('a')\n", base=_OLD),
            "broken by the change, which `python-syntax` holds": _on("3.9", _OLD, base="x = 1\n"),
        },
    ),
}
