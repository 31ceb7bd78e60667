"""The rule `python-syntax`: what the oldest supported Python can run, feature by feature.

The minor version beside each snippet was taken from real interpreters, 3.7 to 3.13: it is the
first that runs it. Those of 3.14 are taken from its release notes.
"""

from __future__ import annotations

import sys

import pytest

from agent.domain import Finding
from agent.policy.proposal import Proposal
from agent.policy.versions import python_syntax
from tests.unit.policy import cases

HOST = sys.version_info.minor

SYNTAX: dict[str, tuple[str, int]] = {
    "walrus": ("if (n := len('a')) > 0:\n    print(n)\n", 8),
    "positional-only": ("def f(a, /, b):\n    return a\n", 8),
    "self-documenting f-string": ("x = 1\nprint(f'{x=}')\n", 8),
    "star in return": ("def f(r):\n    return 1, *r\n", 8),
    "star in yield": ("def f(r):\n    yield 1, *r\n", 8),
    "relaxed decorator": ("d = [lambda f: f]\n@d[0]\ndef f():\n    pass\n", 9),
    "with in parentheses": ("with (open('a') as a, open('b') as b):\n    pass\n", 9),
    "with over lines": ("with (\n    open('a') as a,\n    open('b') as b,\n):\n    pass\n", 9),
    "one item in parentheses": ("with (open('a') as a):\n    pass\n", 9),
    "async with in parentheses": (
        "async def f(a):\n    async with (a() as b, a() as c):\n        pass\n",
        9,
    ),
    "match": ("match 1:\n    case {'a': 1, **rest} | [1, *_]:\n        pass\n", 10),
    "except*": ("try:\n    pass\nexcept* ValueError:\n    pass\n", 11),
    "star in annotation": ("def f(*args: *Ts):\n    pass\n", 11),
    "star as index": ("def f(x, t):\n    return x[*t]\n", 11),
    "star in index": ("def f(x, t):\n    return x[0, *t]\n", 11),
    "type parameters of a function": ("def f[T](a: T) -> T:\n    return a\n", 12),
    "type parameters of a class": ("class A[T]:\n    pass\n", 12),
    "type parameters PEP 646": ("class A[*Ts, **P]:\n    pass\n", 12),
    "type statement": ("type X = int\n", 12),
    "generic type statement": ("type X[T] = Box[T]\n", 12),
    "f-string with its own quotes": ("a = {'k': 1}\nprint(f'{a['k']}')\n", 12),
    "f-string with backslash": ("a = ['x']\nprint(f\"{'\\n'.join(a)}\")\n", 12),
    "f-string nested": ("print(f'{f'{f'{1}'}'}')\n", 12),
    "f-string with comment": ("print(f'''{\n1 # one\n}''')\n", 12),
    "f-string over lines": ("print(f'{1\n}')\n", 12),
    "type parameter default": ("class A[T = int]:\n    pass\n", 13),
    "template string": ("x = 1\nprint(t'{x}')\n", 14),
    "except without parentheses": ("try:\n    pass\nexcept A, B:\n    pass\n", 14),
    "except* without parentheses": ("try:\n    pass\nexcept* A, B:\n    pass\n", 14),
}

RUN_TIME: dict[str, tuple[str, int]] = {
    "dict union": ("a = {'a': 1} | {'b': 2}\n", 9),
    "dict union in place": ("a = {'a': 1}\na |= {'b': 2}\n", 9),
    "generic in annotation": ("def f(a: list[int]) -> 'x':\n    return {}\n", 9),
    "generic alias": ("Names = list[str]\n", 9),
    "union in isinstance": ("isinstance(1, int | str)\n", 10),
    "union of own types in isinstance": ("isinstance(a, Foo | Bar)\n", 10),
    "union alias": ("Number = int | float\n", 10),
    "union alias with None": ("MaybeFoo = Foo | None\n", 10),
    "union in parameter": ("def f(a: Foo | Bar):\n    return None\n", 10),
    "union in return": ("def f() -> Foo | None:\n    return None\n", 10),
    "union inside an annotation": ("def f(a: Sequence[Foo | Bar]):\n    return None\n", 10),
    "union of a module variable": ("x: Foo | None = None\n", 10),
    "union of a class attribute": ("class A:\n    x: Foo | None = None\n", 10),
    "class in a function": ("def f():\n    class A:\n        x: Foo | None = None\n", 10),
    "union in a cast": ("x = cast(str | None, x)\n", 10),
}

LIBRARY: dict[str, tuple[str, int]] = {
    "cached_property": ("from functools import cached_property\n", 8),
    "typing.Literal": ("from typing import Literal\n", 8),
    "typing.Protocol": ("import typing as t\nclass A(t.Protocol):\n    pass\n", 8),
    "importlib.metadata": ("from importlib import metadata\n", 8),
    "math.prod": ("import math\nprint(math.prod([1]))\n", 8),
    "removeprefix of a literal": ("print('abc'.removeprefix('a'))\n", 9),
    "removeprefix of a parameter": ("def f(a):\n    return a.removeprefix('a')\n", 9),
    "removesuffix": ("def f(a):\n    return a.b.removesuffix('a')\n", 9),
    "zoneinfo": ("import zoneinfo\n", 9),
    "zoneinfo in a function": ("def f():\n    from zoneinfo import ZoneInfo\n", 9),
    "graphlib": ("from graphlib import TopologicalSorter\n", 9),
    "functools.cache": ("import functools\n@functools.cache\ndef f():\n    pass\n", 9),
    "typing.Annotated": ("from typing import Annotated\n", 9),
    "zip strict": ("list(zip([1], [2], strict=True))\n", 10),
    "dataclass slots": (
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass A:\n    x: int\n",
        10,
    ),
    "dataclass kw_only": (
        "import dataclasses\n@dataclasses.dataclass(kw_only=True)\nclass A:\n    x: int\n",
        10,
    ),
    "itertools.pairwise": ("from itertools import pairwise\n", 10),
    "typing.TypeAlias": ("from typing import TypeAlias\n", 10),
    "bisect key": ("import bisect\nprint(bisect.bisect([1], 1, key=int))\n", 10),
    "anext": ("print(anext)\n", 10),
    "tomllib": ("import tomllib\n", 11),
    "datetime.UTC imported": ("from datetime import UTC\n", 11),
    "datetime.UTC": ("import datetime\nprint(datetime.UTC)\n", 11),
    "datetime.UTC aliased": ("import datetime as dt\nprint(dt.datetime.now(dt.UTC))\n", 11),
    "enum.StrEnum imported": ("from enum import StrEnum\n", 11),
    "enum.StrEnum": ("import enum\nclass A(enum.StrEnum):\n    B = 'b'\n", 11),
    "typing.Self": ("from typing import Self\n", 11),
    "typing.assert_never": ("from typing import assert_never\n", 11),
    "ExceptionGroup": ("e = ExceptionGroup('a', [ValueError()])\n", 11),
    "asyncio.TaskGroup": ("import asyncio\nprint(asyncio.TaskGroup)\n", 11),
    "asyncio.timeout": ("import asyncio\nprint(asyncio.timeout)\n", 11),
    "hashlib.file_digest": ("import hashlib\nprint(hashlib.file_digest)\n", 11),
    "typing.override": ("from typing import override\n", 12),
    "itertools.batched": ("from itertools import batched\n", 12),
    "Path.walk": ("from pathlib import Path\nprint(Path('.').walk())\n", 12),
    "warnings.deprecated": ("from warnings import deprecated\n", 13),
    "typing.TypeIs": ("from typing import TypeIs\n", 13),
    "copy.replace": ("import copy\nprint(copy.replace)\n", 13),
    "compression.zstd": ("from compression import zstd\n", 14),
    "string.templatelib": ("from string.templatelib import Template\n", 14),
    "uuid7": ("from uuid import uuid7\n", 14),
}


def findings(after: str | bytes, version: str | None, before: str | None = None) -> list[Finding]:
    base = {} if before is None else {"app/a.py": before}
    made, tree = cases.change({"app/a.py": after}, base)
    return list(python_syntax.check(Proposal(made, cases.config(), cases.project(version), tree)))


def _matrix(features: dict[str, tuple[str, int]]) -> list[object]:
    return [
        pytest.param(snippet, minor, target, id=f"{name}, 3.{target}")
        for name, (snippet, minor) in features.items()
        for target in range(7, 16)
    ]


@pytest.mark.parametrize(("snippet", "minor", "target"), _matrix(SYNTAX))
def test_syntax_is_refused_below_its_version_and_only_there(snippet, minor, target):
    found = findings(snippet, f"3.{target}")
    if target >= minor and minor <= HOST:
        assert found == []
        return
    finding = max(found, key=lambda finding: finding.message.partition("(Python ")[2])
    assert finding.path == "app/a.py"
    assert finding.line is not None
    if minor <= HOST:
        assert found == cases.blocking(found)
        assert f"(Python 3.{minor} and newer); the project supports 3.{target}" in finding.message
        return
    assert found == [finding]
    if target <= HOST:
        assert found == cases.blocking(found)
        assert f"does not parse with Python 3.{HOST}" in finding.message
        assert f"the project supports 3.{target}" in finding.message
    else:
        # Neither right nor wrong: this service's own Python is older than the code.
        assert found == cases.review(found)
        assert f"cannot be read by this service, which runs on Python 3.{HOST}" in finding.message


@pytest.mark.parametrize(("snippet", "minor", "target"), _matrix(RUN_TIME | LIBRARY))
def test_library_and_run_time_are_refused_below_their_version_and_only_there(
    snippet, minor, target
):
    found = findings(snippet, f"3.{target}")
    if target >= minor:
        assert not found
    else:
        assert found == cases.blocking(found)
        assert {f"(Python 3.{minor} and newer)" in finding.message for finding in found} == {True}
        assert len(found) == 1


PASSING = {
    "union as text": (
        "from __future__ import annotations\n"
        "def f(a: Foo | None = None, *b: list[int]) -> str | None:\n"
        "    x: int | None = None\n    return x\nclass A:\n    y: int | None = None\n"
    ),
    "local annotation": "def f():\n    x: int | None = None\n    return x\n",
    "quoted annotation": "def f(a: 'int | None') -> 'list[int]':\n    return a\n",
    "flags": "import re\nFLAGS = re.I | re.M\nmask = 1 | 2\nq = Q(a=1) | Q(b=2)\n",
    "shadowed built-in": "def f(set, other):\n    return set | other\n",
    "indexed variable called list": "list = load()\nprint(list[0])\n",
    "own method removeprefix": (
        "class A:\n    def removeprefix(self, a): ...\nA().removeprefix('a')\n"
    ),
    "own StrEnum": "from enum import Enum\nclass StrEnum(str, Enum): ...\nclass B(StrEnum): ...\n",
    "backport": "from typing_extensions import Self, override\nimport tomli as tomllib\n",
    "relative module": "from .compat import tomllib\ntomllib.loads('')\n",
    "backport of a built-in": (
        "from exceptiongroup import ExceptionGroup\nraise ExceptionGroup('a', [])\n"
    ),
    "names and strings": "match = 1\ncase = match\ntype = 'type X = int'\nprint(match, type)\n",
    "with of two": "with (open('a')) as f, (open('b')) as g:\n    pass\n",
    "with of one": "with (open('a')):\n    pass\nwith (\n    open('a')\n) as f:\n    pass\n",
    "f-string of old": "d = {}\nprint(f\"{d['a']!r:>{10}} {{}}\", f'''{\n d['x']}''')\n",
    "star call": "f(*a, **b)\nx = [*a, *b]\ny = (*a,)\ndef f(a):\n    return (1, *a)\n",
    "except tuple": "try:\n    pass\nexcept (A, B):\n    pass\n",
    "index of a tuple": "x[1, 2]\nx[(0, 1)]\n",
}


@pytest.mark.parametrize("snippet", PASSING.values(), ids=PASSING)
def test_near_misses_pass_on_the_oldest_version(snippet):
    assert findings(snippet, "3.7") == []


GUARDED = {
    "version": "import sys\nif sys.version_info >= (3, 11):\n    import tomllib\n",
    "else of version": (
        "import sys\nif sys.version_info < (3, 11):\n    import tomli\nelse:\n    import tomllib\n"
    ),
    "elif": (
        "import sys\nif sys.version_info < (3, 8):\n    a = 1\nelif sys.version_info >= (3, 9):\n"
        "    import zoneinfo\n"
    ),
    "index": "import sys\nif sys.version_info[:2] >= (3, 11):\n    from enum import StrEnum\n",
    "minor": "import sys\nif sys.version_info.minor > 10:\n    from enum import StrEnum\n",
    "imported name": "from sys import version_info\nif version_info > (3, 11):\n    import tomllib\n",
    "flag": "import sys\nNEW = sys.version_info >= (3, 11)\nif NEW:\n    import tomllib\n",
    "not": "import sys\nif not sys.version_info < (3, 11):\n    import tomllib\n",
    "and": "import sys\nx = sys.version_info >= (3, 10) and zip(a, b, strict=True)\n",
    "and in if": "import sys\nif sys.version_info >= (3, 10) and y:\n    zip(a, b, strict=True)\n",
    "expression": "import sys\nx = zip(a, strict=True) if sys.version_info >= (3, 10) else zip(a)\n",
    "Django's flag": "from django.utils.version import PY311\nif PY311:\n    import tomllib\n",
    "leaves early": (
        "import sys\ndef f():\n    if sys.version_info < (3, 11):\n        return None\n"
        "    import tomllib\n"
    ),
    "hexversion": "import sys\nif sys.hexversion >= 0x030b0000:\n    import tomllib\n",
    "try": "try:\n    import tomllib\nexcept ImportError:\n    import tomli as tomllib\ntomllib.loads\n",
    "try, member": (
        "try:\n    import zoneinfo\nexcept ModuleNotFoundError:\n    from backports import zoneinfo\n"
        "zoneinfo.ZoneInfo('UTC')\n"
    ),
    "try, other way round": (
        "try:\n    from backports.zoneinfo import ZoneInfo\nexcept ImportError:\n"
        "    from zoneinfo import ZoneInfo\n"
    ),
    "try, tuple": (
        "try:\n    from datetime import UTC\nexcept (ImportError, AttributeError):\n    UTC = None\n"
    ),
    "try, name": "try:\n    ExceptionGroup\nexcept NameError:\n    ExceptionGroup = None\n",
    "suppress": "import contextlib\nwith contextlib.suppress(ImportError):\n    import tomllib\n",
    "hasattr": "import math\nif hasattr(math, 'lcm'):\n    math.lcm(1, 2)\n",
    "type checking": (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from typing import Self\ndef f(self) -> Self: ...\n"
    ),
    "skipped test": (
        "import sys, pytest\n@pytest.mark.skipif(sys.version_info < (3, 11), reason='x')\n"
        "def test_a():\n    import tomllib\n"
    ),
}


@pytest.mark.parametrize("snippet", GUARDED.values(), ids=GUARDED)
def test_guarded_code_is_not_flagged(snippet):
    assert findings(snippet, "3.8") == []


UNGUARDED = {
    "guard of too old a version": "import sys\nif sys.version_info >= (3, 8):\n    import tomllib\n",
    "else branch": "import sys\nif sys.version_info >= (3, 11):\n    a = 1\nelse:\n    import tomllib\n",
    "unrelated condition": "if DEBUG:\n    import tomllib\n",
    "unrelated handler": "try:\n    import tomllib\nexcept ValueError:\n    pass\n",
    "call in a try for imports": "try:\n    zip(a, b, strict=True)\nexcept ImportError:\n    pass\n",
    "after the guard": (
        "import sys\nif sys.version_info >= (3, 11):\n    a = 1\nfrom enum import StrEnum\n"
    ),
    "switched off by comment": "import tomllib  # novm\n",
    "not type checking": "if not TYPE_CHECKING:\n    import tomllib\n",
    "handler of a guard, then again": (
        "try:\n    import tomllib\nexcept ImportError:\n    pass\ndef f():\n    import tomllib\n"
    ),
}


@pytest.mark.parametrize("snippet", UNGUARDED.values(), ids=UNGUARDED)
def test_what_only_looks_guarded_is_flagged(snippet):
    assert len(cases.blocking(findings(snippet, "3.8"))) == 1


def test_a_guard_does_not_save_syntax():
    guarded = "import sys\nif sys.version_info >= (3, 10):\n    match 1:\n        case 1: pass\n"
    (finding,) = findings(guarded, "3.9")
    assert "uses `match` (Python 3.10 and newer)" in finding.message
    assert finding.line == 3


@pytest.mark.parametrize(
    "snippet", ["import tomllib\n", "match 1:\n    case 1: pass\n", "x: int | None = 1\n"]
)
def test_what_the_file_needed_before_is_no_finding(snippet):
    assert findings(snippet + "y = 1\n" + snippet, "3.8", before=snippet) == []


def test_a_further_need_of_the_same_file_is_a_finding():
    (finding,) = findings("import tomllib\nimport zoneinfo\n", "3.8", before="import tomllib\n")
    assert "uses `zoneinfo` (Python 3.9 and newer)" in finding.message


def test_a_guard_that_is_taken_away_is_a_finding():
    before = "try:\n    import tomllib\nexcept ImportError:\n    tomllib = None\n"
    (finding,) = findings("import tomllib\n", "3.8", before=before)
    assert "`tomllib`" in finding.message


CBRT = "def f(x):\n    return math.cbrt(x)\n"
FELL = "def f(x):\n    raise ExceptionGroup('a', x)\n"
QUOTED = f"class A:\n    '''\n{CBRT}'''\n"


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("", CBRT, "`math.cbrt`"),
        ("def f(x):\n    return x\n", CBRT, "`math.cbrt`"),
        (f"import old as math\n{CBRT}", f"import math\n{CBRT}", "`math.cbrt`"),
        (f"class ExceptionGroup:\n    pass\n{FELL}", FELL, "`ExceptionGroup`"),
        (f"def g(ExceptionGroup): ...\n{FELL}", f"def g(a): ...\n{FELL}", "`ExceptionGroup`"),
        (QUOTED, QUOTED + CBRT, "`math.cbrt`"),
        (f"x = 1\n{CBRT}", f"x = 1\n@math.exp2\n{CBRT}", "`math.exp2`"),
        (f"x = 1\n{CBRT}".replace("\n", "\r"), f"x = 1\n{CBRT}{FELL}", "`ExceptionGroup`"),
    ],
)
def test_what_is_new_is_found_beside_what_stands_as_it_was(before, after, what):
    start = "" if "import math" in after else "import math\n"
    found = findings(f"{start}{after}", "3.8", before=f"{start}{before}")
    assert [what in one.message for one in found] == [True]


def test_what_stands_as_it_was_is_no_finding_wherever_it_stands():
    before = f"import math\n{CBRT}\n\ndef g(x):\n    return f'{{x}}'\n"
    after = f"import math\n\n\ndef g(x):\n    return f'{{x}}!'\n\n\n{CBRT}"
    assert findings(after, "3.8", before=before) == []


def test_a_moved_file_keeps_what_it_needed():
    made, tree = cases.change(
        {"a/x.py": None, "b/x.py": "import tomllib\ny = 1\n"}, {"a/x.py": "import tomllib\n"}
    )
    project = cases.project("3.8")
    assert list(python_syntax.check(Proposal(made, cases.config(), project, tree))) == []


def test_the_finding_says_where_the_version_is_declared():
    made, tree = cases.change({"a.py": "x = 1\nimport tomllib\n"})
    project = cases.project("3.9").model_copy(
        update={"origins": {"python_version": "pyproject.toml: requires-python"}}
    )
    (finding,) = python_syntax.check(Proposal(made, cases.config(), project, tree))
    assert finding.line == 2
    assert "pyproject.toml: requires-python" in finding.message
    assert "3.9" in finding.fix


@pytest.mark.parametrize(
    "broken",
    ["def f(:\n", "print 'a'\n", "x = (\n", "  x = 1\n y = 2\n", b"x = '\xff'\n", b"x = 1\0\n"],
)
@pytest.mark.parametrize("version", ["3.8", f"3.{HOST}", None])
def test_what_no_python_can_parse_is_refused(broken, version):
    (finding,) = cases.blocking(findings(broken, version))
    assert "does not parse" in finding.message


def test_a_file_that_never_parsed_is_left_to_the_reviewer():
    found = findings("{{ cookie }} = 2\n+\n", "3.8", before="{{ cookie }} = 1\n+\n")
    assert cases.blocking(found) == []
    assert "did not before" in found[0].message


def test_nesting_that_exhausts_the_parser_is_a_finding_not_a_crash():
    for text in ("(" * 5000 + ")" * 5000, "x = " + "-" * 50_000 + "1\n", "a" + ".b" * 20_000):
        assert findings(text, "3.9")


def test_an_endless_file_is_not_parsed():
    (finding,) = findings("x = 1\n" * 400_000, "3.9")
    assert "larger than" in finding.message


def test_scripts_without_an_ending_are_read():
    made, tree = cases.change({"bin/tool": "#!/usr/bin/env python3\nimport tomllib\n"})
    found = list(python_syntax.check(Proposal(made, cases.config(), cases.project("3.9"), tree)))
    assert len(found) == 1


@pytest.mark.parametrize("path", ["a.txt", "a.pyi", "notes", "a.py.txt"])
def test_other_files_and_stubs_are_not_read(path):
    made, tree = cases.change({path: "import tomllib\n"})
    assert (
        list(python_syntax.check(Proposal(made, cases.config(), cases.project("3.8"), tree))) == []
    )


def test_without_a_declared_version_only_parsing_counts():
    assert findings("import tomllib\nmatch 1:\n    case 1: pass\n", None) == []


def test_a_declared_encoding_is_honoured():
    latin = "# -*- coding: latin-1 -*-\nx = 'é'\nimport tomllib\n".encode("latin-1")
    (finding,) = findings(latin, "3.10")
    assert finding.line == 3


def test_a_byte_order_mark_is_no_fault():
    assert findings("\ufeffx = 1\n", "3.9") == []
