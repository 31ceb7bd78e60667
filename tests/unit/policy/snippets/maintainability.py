"""Code that is hard to keep, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet


def _branches(count: int, more: str = "") -> str:
    lines = "".join(f"    if x == {number}:\n        return {number}\n" for number in range(count))
    return f"def f(x):\n{lines}    return x{more}\n"


_TYPED = "".join(f"def f{n}(x: int) -> int:\n    return x\n\n\n" for n in range(4))
_SPEAKS = "".join(f'def f{n}(x):\n    """Say {n}."""\n    return x\n\n\n' for n in range(4))
_LIBRARY = "def total(order, tax=0):\n    return order\n\n\nclass Shop:\n    def open(self):\n        pass\n"


def _tried(handler: str) -> str:
    return f"def f():\n    try:\n        send()\n    {handler}\n"


def _looped(handler: str) -> str:
    return f"def f(rows):\n    for row in rows:\n        try:\n            save(row)\n        {handler}\n"


_CHECKING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"


def _checked(after: str | dict[str, str | bytes | None], line: int | None = None) -> Snippet:
    return Snippet(after, line=line, project={"type_tools": ("mypy",)})


CASES = {
    "complexity": Cases(
        fails={
            "one branch more": Snippet(_branches(16), base=_branches(15), line=1),
            "in a class": Snippet("class A:\n    " + _branches(15).replace("\n", "\n    "), line=2),
        },
        passes={
            "at the bound": Snippet(_branches(14)),
            "no worse than before": Snippet(_branches(16, more=" + 1"), base=_branches(16)),
        },
    ),
    "lost-types": Cases(
        fails={
            "of the result": Snippet(
                "def f(x: int):\n    return x\n",
                base="def f(x: int) -> int:\n    return x\n",
                line=1,
            ),
            "of a method": Snippet(
                "class A:\n    def f(self, x):\n        pass\n",
                base="class A:\n    def f(self, x: int):\n        pass\n",
                line=2,
            ),
        },
        passes={
            "the argument is gone": Snippet(
                "def f():\n    pass\n", base="def f(x: int):\n    pass\n"
            ),
            "none before": Snippet("def f(x):\n    return x\n", base="def f(x):\n    pass\n"),
        },
    ),
    "untyped-function": Cases(
        fails={
            "a function": Snippet(_TYPED + "def g(x):\n    return x\n", base=_TYPED, line=17),
            "with defaults": Snippet(_TYPED + "def g(x=1):\n    return x\n", base=_TYPED, line=17),
        },
        passes={
            "with types": Snippet(_TYPED + "def g(x: int) -> int:\n    return x\n", base=_TYPED),
            "among untyped ones": Snippet(_SPEAKS + "def g(x):\n    return x\n", base=_SPEAKS),
        },
    ),
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
    "missing-docstring": Cases(
        fails={
            "a function": Snippet(_SPEAKS + "def g(x):\n    return x\n", base=_SPEAKS, line=21),
            "with a comment": Snippet(
                _SPEAKS + "def g(x):\n    # says nothing\n    return x\n", base=_SPEAKS, line=21
            ),
        },
        passes={
            "with one": Snippet(_SPEAKS + "def g(x):\n    '''Say.'''\n", base=_SPEAKS),
            "a private one": Snippet(_SPEAKS + "def _g(x):\n    return x\n", base=_SPEAKS),
        },
    ),
    "swallowed-exception": Cases(
        fails={
            "an empty list": Snippet(
                _tried("except (ValueError, Exception):\n        return []"), line=4
            ),
            "suppressed": Snippet(
                "import contextlib as c\n\nwith c.suppress(Exception):\n    send()\n", line=3
            ),
        },
        passes={
            "one kind": Snippet(_tried("except ValueError:\n        pass")),
            "logged": Snippet(_tried("except Exception:\n        log.exception('x')")),
        },
    ),
    "silent-filter": Cases(
        fails={
            "one kind": Snippet(_looped("except ValueError:\n            continue"), line=5),
            "of a module": Snippet(
                "import json\nfor x in []:\n    try:\n        json.loads(x)\n"
                "    except json.JSONDecodeError:\n        continue\n",
                line=5,
            ),
        },
        passes={
            "logged": Snippet(
                _looped("except ValueError:\n            log(row)\n            continue")
            ),
            "the end of an iterator": Snippet(
                _looped("except StopIteration:\n            continue")
            ),
        },
    ),
    "unused-import": Cases(
        fails={
            "an alias": Snippet("import json as j\n\njson = 1\n", line=1),
            "in a function": Snippet("def f():\n    import json\n", line=2),
        },
        passes={
            "in a text": Snippet("import json\n\nX: 'json.JSONDecoder'\n"),
            "for others": Snippet(
                "from json import loads as loads\nfrom os import path  # noqa: F401\n"
            ),
        },
    ),
    "dead-code": Cases(
        fails={
            "after a return": Snippet("def f(x):\n    return x\n    x.save()\n", line=3),
            "a commented block": Snippet("# if x:\n#     f(x)\nX = 1\n", line=1),
        },
        passes={
            "used elsewhere in the change": Snippet(
                {"app/views.py": "def _f():\n    pass\n", "app/a.py": "from app.views import _f\n"},
                base={"app/models.py": ""},
            ),
            "a sentence": Snippet("# if it is so, see below\n# return of the king\nX = 1\n"),
        },
    ),
    "new-print": Cases(
        fails={
            "pprint": Snippet("from pprint import pprint\n\n\ndef f(x):\n    pprint(x)\n", line=5),
            "an alias": Snippet("say = print\nsay('a')\n", line=2),
        },
        passes={
            "a log": Snippet("import logging\n\nlogging.info('a')\n"),
            "as it did before": Snippet("print(1)\nprint(2)\n", base="print(1)\n"),
        },
    ),
    "public-api": Cases(
        fails={
            "an argument is demanded": Snippet(
                _LIBRARY.replace("tax=0", "rate, tax=0"), base=_LIBRARY, line=1
            ),
            "the module is gone": Snippet({"app/views.py": None}, base=_LIBRARY),
        },
        passes={
            "kept by an import": Snippet(
                "from app.sums import total\n" + _LIBRARY.partition("\n\n\n")[2], base=_LIBRARY
            ),
            "a private name": Snippet("X = 1\n", base="def _f():\n    pass\n"),
            "overloads": Snippet(
                "@overload\ndef f(a): ...\n@overload\ndef f(a, b): ...\ndef f(a, b=0): ...\n",
                base="def f(a, b=0): ...\n",
            ),
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
