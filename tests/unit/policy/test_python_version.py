"""The rule `python-syntax`: what the oldest supported Python can run, feature by feature.

The minor version beside each snippet was taken from real interpreters, 3.7 to 3.13: it is the
first that runs it. Those of 3.14 are taken from its release notes.
"""

from __future__ import annotations

import sys

import pytest

from agent.models.change import Finding
from agent.policy.change_context import ChangeContext
from agent.policy.contract import python_version
from tests.unit.policy import cases

HOST = sys.version_info.minor

SYNTAX: dict[str, tuple[str, int]] = {
    "match": ("match 1:\n    case {'a': 1, **rest} | [1, *_]:\n        pass\n", 10),
    "except without parentheses": ("try:\n    pass\nexcept A, B:\n    pass\n", 14),
}


def findings(after: str | bytes, version: str | None, before: str | None = None) -> list[Finding]:
    base = {} if before is None else {"app/a.py": before}
    made, tree = cases.change({"app/a.py": after}, base)
    return list(
        python_version.check_change(
            ChangeContext(made, cases.config(), cases.project(version), tree)
        )
    )


def _matrix(features: dict[str, tuple[str, int]]) -> list[object]:
    return [
        pytest.param(snippet, minor, target, id=f"{name}, 3.{target}")
        for name, (snippet, minor) in features.items()
        for target in (7, minor - 1, minor)
    ]


@pytest.mark.parametrize(("snippet", "minor", "target"), _matrix(SYNTAX))
def test_syntax_is_refused_below_its_version_and_only_there(snippet, minor, target):
    found = findings(snippet, f"3.{target}")
    if target >= minor and minor <= HOST:
        assert found == []
        return
    (finding,) = found
    assert finding.path == "app/a.py"
    assert finding.line is not None
    if minor <= HOST:
        assert found == cases.blocking(found)
        assert f"Python 3.{minor}" in finding.message
        assert f"3.{target}" in finding.message
    elif target <= HOST:
        assert found == cases.blocking(found)
    else:
        # Neither right nor wrong: this service's own Python is older than the code.
        assert found == cases.review(found)
        assert f"3.{HOST}" in finding.message


GUARDED = {
    "expression": "import sys\nx = zip(a, strict=True) if sys.hexversion >= 0x030A0000 else zip(a)\n",
    "try, member": (
        "try:\n    import zoneinfo\nexcept ModuleNotFoundError:\n    from backports import zoneinfo\n"
        "zoneinfo.ZoneInfo('UTC')\n"
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
    "unrelated handler": "try:\n    import tomllib\nexcept ValueError:\n    pass\n",
    "after the guard": (
        "import sys\nif sys.version_info >= (3, 11):\n    a = 1\nfrom enum import StrEnum\n"
    ),
    "after a call that goes on": (
        "def f(x):\n    if hasattr(x, 'close'):\n        x.close()\n    import tomllib\n"
    ),
}


@pytest.mark.parametrize("snippet", UNGUARDED.values(), ids=UNGUARDED)
def test_what_only_looks_guarded_is_flagged(snippet):
    assert len(cases.blocking(findings(snippet, "3.8"))) == 1


@pytest.mark.parametrize("broken", ["print 'a'\n", "  x = 1\n y = 2\n", b"x = 1\0\n"])
@pytest.mark.parametrize("version", ["3.8", None])
def test_what_no_python_can_parse_is_refused(broken, version):
    assert len(cases.blocking(findings(broken, version))) == 1


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        ("import tomllib\n", "import tomllib\ny = 1\nimport tomllib\n", []),
        ("match 1:\n    case 1: pass\n", "match 1:\n    case 2: pass\n", []),
        ("import tomllib\n", "import tomllib\nimport zoneinfo\n", ["`zoneinfo`"]),
        (
            "try:\n    import tomllib\nexcept ImportError:\n    tomllib = None\n",
            "import tomllib\n",
            ["`tomllib`"],
        ),
    ],
)
def test_only_what_the_file_did_not_need_before_is_a_finding(before, after, new):
    found = findings(after, "3.8", before=before)
    assert [name for name in new if name in found[0].message] == new
    assert len(found) == len(new)
