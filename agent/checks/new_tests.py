"""Hold the tests that a change adds against those that ran. Pure.

A new test that no runner collects proves nothing and looks as if it did: wrong folder, a name
outside of the configured patterns, a class that is no test case. What collected tests say is left
to `comparison`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.domain import ChangedFile, ClearedChange, Comparison, Finding, Severity
from repo_config import foreign_python

RULE = "new-tests"
#: Files in which functions named like tests are meant as such, by pytest's and Django's patterns.
_TEST_FILE = re.compile(r"(?:^|/)(?:test[^/]*|[^/]*_tests?)\.py$")
_SHOWN = 3
#: Ends an id that an earlier run of the same script had as well.
_NUMBER = re.compile(r" #\d+\Z")


class NewTest(NamedTuple):
    """A function that was written as a test."""

    name: str
    owner: str
    """Its class, if any. One may be there to be inherited from: its tests then run elsewhere."""
    line: int


def uncollected(cleared: ClearedChange, compared: Iterable[Comparison]) -> tuple[Finding, ...]:
    """Name each file whose new tests are not all among those that head ran and base did not.

    Nothing is said where the tests were not run, or prove nothing, on head.
    """
    ran = [one for one in compared if one.counts_tests and one.head_count]
    if not ran:
        return ()
    ids = [_NUMBER.sub("", test_id) for one in ran for test_id in _new_ids(one)]
    found = []
    for file in cleared.change.files:
        missing = [test for test in added_tests(file) if not _is_among(test, file.path, ids)]
        if missing:
            found.append(_finding(file.path, missing))
    return tuple(found)


def added_tests(file: ChangedFile) -> tuple[NewTest, ...]:
    """Return the tests that a file has after the change and not before."""
    if file.after is None or not _TEST_FILE.search(file.path):
        return ()
    before = {(test.name, test.owner) for test in _tests(file.before or b"")}
    return tuple(test for test in _tests(file.after) if (test.name, test.owner) not in before)


def _tests(content: bytes) -> Iterator[NewTest]:
    try:
        module = foreign_python.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Then it fails to be collected, and that is a failure of its own.
        return
    for node in module.body:
        inner, owner = [node], ""
        if isinstance(node, ast.ClassDef):
            inner, owner = node.body, node.name
        for one in inner:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                if one.name.startswith("test"):
                    yield NewTest(one.name, owner, one.lineno)


def _new_ids(found: Comparison) -> Iterator[str]:
    yield from found.added
    yield from found.unmatched
    yield from (item.item_id for item in found.new_failures)


def _is_among(test: NewTest, path: str, ids: list[str]) -> bool:
    for test_id in ids:
        place, name = _parts(test_id)
        if name == test.name and (test.owner or _is_place(place, path)):
            return True
    return False


def _parts(test_id: str) -> tuple[str, str]:
    """Return the module of an id, dotted, and the bare name of its function."""
    whole = test_id.partition("[")[0]
    if "::" in whole:
        file, *_, name = whole.split("::")
        return _dotted(file), name
    module, _, name = whole.rpartition(".")
    return module, name


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_place(place: str, path: str) -> bool:
    """Whether a module of an id is this file; ids may be relative to a folder below the root."""
    wanted = f".{_dotted(path)}"
    return wanted.endswith(f".{place}")


def _finding(path: str, missing: list[NewTest]) -> Finding:
    names = ", ".join(test.name for test in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    several = len(missing) > 1
    return Finding(
        rule=RULE,
        severity=Severity.BLOCK,
        path=path,
        line=missing[0].line,
        message=(
            f"the new test{'s' * several} in {path} {'were' if several else 'was'} not collected: "
            f"{names}{more}"
        ),
        fix=(
            "Look at what the runner collects (testpaths, python_files, python_classes, labels in "
            "checks.tests.args), or whether the folder is a package with an __init__.py."
        ),
    )
