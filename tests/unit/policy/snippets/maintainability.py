"""Code that is hard to keep, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_CHECKING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"


def _checked(after: str | dict[str, str | bytes | None], line: int | None = None) -> Snippet:
    return Snippet(after, line=line, project={"type_tools": ("mypy",)})


CASES = {
    "hidden-from-type-checker": Cases(
        fails={
            "a stub": _checked({"app/views.pyi": "def f() -> int: ...\n"}),
            "a function": _checked(
                "from typing import no_type_check\n\n\n@no_type_check\ndef f():\n    pass\n", line=5
            ),
            "another class": _checked(_CHECKING + "    class A: ...\nelse:\n    A = int\n", line=2),
            "a class of the module": _checked(
                _CHECKING + "    from app.other import A\nA = int\n", line=2
            ),
            "a builtin": _checked(_CHECKING + "    from app.other import len\n", line=2),
            "what runs": _checked("MYPY = False\nif not MYPY:\n    x = 1 + '1'\n", line=2),
            "the rest of a function": _checked(
                "import typing\n\n\ndef f():\n    if typing.TYPE_CHECKING:\n        return 1\n"
                "    return 1 + '1'\n",
                line=5,
            ),
        },
        passes={
            "names for annotations": _checked(
                _CHECKING + "    from app.other import A\n\n\ndef f(a: 'A'):\n    b = a\n"
            ),
            "by version": _checked(
                _CHECKING
                + "    if X:\n        from a import P\n    else:\n        from b import P\n"
            ),
            "no type checker": Snippet({"app/views.pyi": "def f() -> int: ...\n"}),
        },
    ),
    "nested-scan": Cases(
        fails={
            "by enumerate": Snippet(
                "for n, a in enumerate(xs):\n    for b in xs:\n        a(b)\n", line=2
            ),
            "in a comprehension": Snippet("y = [xs.index(a) for a in xs]\n", line=1),
        },
        passes={
            "two lists": Snippet("for a in xs:\n    for b in ys:\n        a(b)\n"),
            "a new list each time": Snippet("for a in f():\n    for b in f():\n        a(b)\n"),
        },
    ),
}
