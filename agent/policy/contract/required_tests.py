"""Hold a change of what the code does to bringing a test, where the repository demands one.

What code does is read line by line as Python itself would write it, without docstrings, imports
and the annotations of functions, and over the whole change: what only moved, went or was set
otherwise changes nothing. A test is a new or edited line in a file that holds tests, or another
case in their data. Whether it proves anything is left to the rules on tests and to the sandbox.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
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
_SAYS_NOTHING = re.compile(r"__(?:all|version|author)__")
_FIX = "Add a test that fails without the change, or edit the one that is about it."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield one finding for a change that does something new and brings no test."""
    if not change_context.config.tests.require or _brings_test(change_context):
        return
    files = [file for file in change_context.python if not layout.is_apart(file.path)]
    for file in _find_new(files):
        message = "changes what the code does, and no test comes with it; tests.require is true"
        yield TEST_REQUIRED.make_finding(
            file.path, message, _FIX, min(file.new_lines, default=None)
        )
        return


def _brings_test(change_context: ChangeContext) -> bool:
    tests = [file for file in change_context.python if layout.is_test(file.path)]
    return any(map(_holds_tests, _find_new(tests))) or any(
        file.after is not None and file.after != file.before and _is_case(file.path)
        for file in change_context.change.files
    )


def _find_new(files: list[PythonFile]) -> Iterator[PythonFile]:
    """Yield the files that do something which none of them did before."""
    had = Counter(line for file in files for line in _read_lines(file.before))
    for file in files:
        does = Counter(_read_lines(file.after))
        if does - had:
            yield file
        had -= does


def _holds_tests(file: PythonFile) -> bool:
    return file.after is not None and any(
        visit.node.name.startswith("test") for visit in file.after.functions
    )


def _is_case(path: str) -> bool:
    folders = posixpath.dirname(path).split("/")
    below = next((n for n, _ in enumerate(folders) if layout.is_test(f"{folders[n]}/x")), None)
    return below is not None and not _DATA.isdisjoint(folders[below:])


def _read_lines(view: View | None) -> list[str]:
    """Return what a file does; of what Python cannot write again all that it says."""
    if view is None:
        return []
    try:
        module = source.parse_module(view.content)
        _Plain().visit(module)
        text = ast.unparse(module)
    except (RecursionError, ValueError):
        text = source.text(view.content)
    return [line.strip() for line in text.splitlines()]


class _Plain(ast.NodeTransformer):
    """Leave out what only readers and type checkers see."""

    def __init__(self) -> None:
        self._in_class = False

    def visit(self, node: ast.AST) -> ast.AST | None:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
                return None
            case ast.Assign(targets=[ast.Name(id=name)]) if _SAYS_NOTHING.fullmatch(name):
                return None
            # A field of a class is more than an annotation.
            case ast.AnnAssign(value=value) if not self._in_class:
                return ast.Assign([node.target], value, lineno=node.lineno) if value else None
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
                if not node.decorator_list:
                    for argument in (
                        one for one in ast.walk(node.args) if isinstance(one, ast.arg)
                    ):
                        argument.annotation = None
        within = self._in_class
        if isinstance(node, ast.stmt):
            self._in_class = isinstance(node, ast.ClassDef)
        self.generic_visit(node)
        self._in_class = within
        return node
