"""Hold a change of what the code does to bringing a test, where the repository demands one.

Docstrings, imports and annotations do not count, nor does what only moved to another file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, meaning, source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.rule import Rule

TEST_REQUIRED = Rule(
    id="test-required",
    demands="Where `tests.require` is true, a change of what the code does brings a test, new or "
    "edited.",
    severity=Severity.BLOCK,
    bad="shop/prices.py is edited, and no test  # and tests.require is true",
    good="shop/prices.py is edited, and so is tests/test_prices.py",
)
RULES = (TEST_REQUIRED,)

#: Folders below those of tests, of which each file is a case.
_DATA = frozenset(
    {"data", "cases", "testdata", "test_data", "snapshots", "__snapshots__", "golden", "expected"}
    | {"samples", "inputs", "outputs"}
)
_FIX = "Add a test that fails without the change, or edit the one that is about it."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    if not change_context.config.tests.require:
        return
    tests = [file for file in change_context.python if layout.is_test(file.path)]
    has_case = any(
        file.after is not None and file.after != file.before and _is_case(file.path)
        for file in change_context.change.files
    )
    if has_case or any(_holds_tests(file) and _is_new(file, change_context) for file in tests):
        return
    code = (file for file in change_context.python if not layout.is_apart(file.path))
    if file := next((one for one in code if _is_new(one, change_context)), None):
        message = "changes what the code does, and no test comes with it; tests.require is true"
        line = min(file.new_lines, default=None)
        yield TEST_REQUIRED.make_finding(file.path, message, _FIX, line)


def _is_new(file: PythonFile, change_context: ChangeContext) -> bool:
    """Whether a file does something else than before."""
    before = source.get_earlier_content(change_context.change, file.file)
    after = file.file.after
    return after is not None and not meaning.is_same(before, after, strict=False)


def _holds_tests(file: PythonFile) -> bool:
    functions = file.after.functions if file.after else ()
    return any(visit.node.name.startswith("test") for visit in functions)


def _is_case(path: str) -> bool:
    folders = posixpath.dirname(path).split("/")
    below = next((n for n, name in enumerate(folders) if layout.is_test(f"{name}/x")), None)
    return below is not None and not _DATA.isdisjoint(folders[below:])
