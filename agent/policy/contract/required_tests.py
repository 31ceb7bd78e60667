"""Hold a change of what the code does to bringing a test, where the repository demands one.

What code does is read statement by statement, without comments, docstrings, imports and the
annotations of functions, and over the whole change: what only moved, went or was set otherwise
changes nothing. A test is a new or edited statement in a file that holds tests, or another case in
their data. Whether it proves anything is left to the rules on tests and to the room.
"""

from __future__ import annotations

import ast
import copy
import posixpath
import re
from collections import Counter
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.proposal import Proposal, PythonFile
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

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: Folders below those of tests, of which each file is a case.
_DATA = frozenset(
    {"data", "cases", "testdata", "test_data", "snapshots", "__snapshots__", "golden", "expected"}
    | {"samples", "inputs", "outputs"}
)
_SAYS_NOTHING = re.compile(r"__(?:all|version|author)__")
_FIX = "Add a test that fails without the change, or edit the one that is about it."


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield one finding for a change that does something new and brings no test."""
    if not proposal.config.tests.require or _brings_test(proposal):
        return
    files = [file for file in proposal.python if not layout.is_apart(file.path)]
    had = Counter(text for file in files for text, _ in _done(file.before))
    for file in files:
        for text, line in _done(file.after):
            if had[text] > 0:
                had[text] -= 1
                continue
            message = "changes what the code does, and no test comes with it"
            yield TEST_REQUIRED.at(file.path, f"{message}; tests.require is true", _FIX, line)
            return


def _brings_test(proposal: Proposal) -> bool:
    tests = [file for file in proposal.python if layout.is_test(file.path)]
    had = Counter(text for file in tests for text, _ in _done(file.before))
    for file in tests:
        if _holds_tests(file) and any(not _taken(had, text) for text, _ in _done(file.after)):
            return True
    return any(
        file.after is not None and file.after != file.before and _is_case(file.path)
        for file in proposal.change.files
    )


def _taken(had: Counter[str], text: str) -> bool:
    had[text] -= 1
    return had[text] >= 0


def _holds_tests(file: PythonFile) -> bool:
    return file.after is not None and any(
        visit.node.name.startswith("test") for visit in file.after.functions
    )


def _is_case(path: str) -> bool:
    folders = posixpath.dirname(path).split("/")
    below = next((n for n, _ in enumerate(folders) if layout.is_test(f"{folders[n]}/x")), None)
    return below is not None and not _DATA.isdisjoint(folders[below:])


# --- what code does -------------------------------------------------------------------------------


def _done(view: View | None) -> Iterator[tuple[str, int]]:
    """Yield what each statement does, as text, with its line."""
    waiting: list[tuple[ast.stmt | ast.ExceptHandler | ast.match_case, ast.AST]] = []
    if view is not None:
        waiting = [(one, view.module) for one in reversed(view.module.body)]
    while waiting:
        node, within = waiting.pop()
        if isinstance(node, ast.stmt) and _says_nothing(node, within):
            continue
        inner = list(_blocks(node))
        line = node.lineno if isinstance(node, (ast.stmt, ast.ExceptHandler)) else 0
        yield _written(node, within), line
        waiting += [(one, node) for one in reversed(inner)]


def _blocks(
    node: ast.AST,
) -> Iterator[ast.stmt | ast.ExceptHandler | ast.match_case]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield child


def _says_nothing(node: ast.stmt, within: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(value=None):
            # A field of a class is more than an annotation.
            return not isinstance(within, ast.ClassDef)
        case ast.Assign(targets=[ast.Name(id=name)]):
            return _SAYS_NOTHING.fullmatch(name) is not None
    return False


def _written(node: ast.AST, within: ast.AST) -> str:
    """Write a statement without what is inside of it, and without annotations that say nothing."""
    if isinstance(node, ast.AnnAssign) and not isinstance(within, ast.ClassDef) and node.value:
        return source.written(ast.Assign([node.target], node.value, lineno=node.lineno))
    if not any(_blocks(node)):
        return source.written(node)
    head = copy.copy(node)
    for name, value in ast.iter_fields(node):
        if isinstance(value, list) and any(
            isinstance(one, (ast.stmt, ast.ExceptHandler, ast.match_case)) for one in value
        ):
            setattr(head, name, [])
    if isinstance(head, _FUNCTIONS):
        if not head.decorator_list:
            head.args = _bare(head.args)
        head.returns = None
    try:
        return ast.dump(head)
    except RecursionError:  # of an annotation; everything else was walked before
        return f"{type(node).__name__} at {getattr(node, 'lineno', 0)}"


def _bare(arguments: ast.arguments) -> ast.arguments:
    """Return the same arguments without their annotations, at whatever depth those are nested."""
    made = copy.copy(arguments)
    for name in ("posonlyargs", "args", "kwonlyargs"):
        setattr(made, name, [ast.arg(one.arg) for one in getattr(arguments, name)])
    made.vararg = ast.arg(arguments.vararg.arg) if arguments.vararg else None
    made.kwarg = ast.arg(arguments.kwarg.arg) if arguments.kwarg else None
    return made
