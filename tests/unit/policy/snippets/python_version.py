"""Changes that `python-syntax` and `unreadable-python` speak of, and near misses."""

import sys

from tests.unit.policy.cases import Cases, Snippet


def _on(version: str | None, after: str, line: int | None = None, base: str = "") -> Snippet:
    return Snippet(after, base=base, line=line, project={"python_version": version})


_OLD = "print 'a'\n"

CASES = {
    "python-syntax": Cases(
        fails={
            "no Python": _on("3.9", "x = 1\nprint 'a'\n", 2),
            "of whatever version": _on(None, _OLD),
            "an indentation of its own": _on("3.9", "  x = 1\n y = 2\n"),
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
            "perhaps of a newer Python than ours": _on(f"3.{sys.version_info.minor + 1}", _OLD),
        },
        passes={
            "it parses again": _on("3.11", "print('a')\n", base=_OLD),
            "broken by the change, which `python-syntax` holds": _on("3.9", _OLD, base="x = 1\n"),
        },
    ),
}
