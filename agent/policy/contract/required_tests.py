"""Hold a change of what the code does to bringing a test, where the repository demands one.

Code is compared line by line over the whole change, without docstrings, imports and annotations.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, meaning, source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View

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
_SAYS_NOTHING = re.compile(r"(?:import|from) |__(?:version|author)__ = ")
_FIX = "Add a test that fails without the change, or edit the one that is about it."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    if not change_context.config.tests.require:
        return
    tests = [file for file in change_context.python if layout.is_test(file.path)]
    has_case = any(
        file.after is not None and file.after != file.before and _is_case(file.path)
        for file in change_context.change.files
    )
    if has_case or any(map(_holds_tests, _find_new(tests))):
        return
    code = [file for file in change_context.python if not layout.is_apart(file.path)]
    if file := next(_find_new(code), None):
        message = "changes what the code does, and no test comes with it; tests.require is true"
        line = min(file.new_lines, default=None)
        yield TEST_REQUIRED.make_finding(file.path, message, _FIX, line)


def _find_new(files: list[PythonFile]) -> Iterator[PythonFile]:
    """Yield the files that do something which none of them did before."""
    had = Counter(line for file in files for line in _read_lines(file.before))
    for file in files:
        does = Counter(_read_lines(file.after))
        if does - had:
            yield file
        had -= does


def _holds_tests(file: PythonFile) -> bool:
    functions = file.after.functions if file.after else ()
    return any(visit.node.name.startswith("test") for visit in functions)


def _is_case(path: str) -> bool:
    folders = posixpath.dirname(path).split("/")
    below = next((n for n, name in enumerate(folders) if layout.is_test(f"{name}/x")), None)
    return below is not None and not _DATA.isdisjoint(folders[below:])


def _read_lines(view: View | None) -> list[str]:
    """Return the lines of code of a file; all lines where Python cannot write them again."""
    content = view.content if view else b""
    try:
        # Fields keep their annotations: dataclasses and models read them.
        text = ast.unparse(ast.fix_missing_locations(meaning.strip(content)))
    except meaning.UNREADABLE:
        text = source.decode_text(content)
    lines = map(str.strip, text.splitlines())
    return [line for line in lines if not _SAYS_NOTHING.match(line)]
