"""Name tests that assert nothing, or no longer do, and those of base that are edited.

Whether an assertion can fail at all is seen where the tests run without the change.
"""

import ast
import unittest
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from agent.models.change import Finding, Severity
from agent.models.record import replace
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_test
from agent.policy.rule import Rule
from agent.policy.view import View
from agent.text.sanitise import list_some
from repo_config.foreign_python import FunctionNode, list_functions

HOLLOW = Rule(
    id="test-asserts-nothing",
    demands="Tests without assertions need review, unless they fail without the change.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
EDITED = Rule(
    id="test-edited",
    demands="Existing tests, and their data, that the change edits are listed.",
    severity=Severity.INFO,
)
RULES = (HOLLOW, EDITED)
#: Names of pytest that fail a test, besides `assert`.
_OF_PYTEST = frozenset({"raises", "warns", "fail", "deprecated_call"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fix = "Assert what the code should do. A test that cannot fail proves nothing."
    for python, hit in change_context.find_new_hits(_find_hollow, is_test):
        finding = HOLLOW.make_finding(python.path, f"{hit.what} asserts nothing", fix, hit.line)
        yield replace(finding, subject=hit.what)
    fix = "Check that each still tests what it did."
    for changed in change_context.change.files:
        is_data = is_test(changed.path) and not source.is_python(changed.path, changed.after)
        if is_data and changed.before is not None:
            does = "edits" if changed.after is not None else "deletes"
            yield EDITED.make_finding(changed.path, f"{does} data of tests", fix)
    for file in change_context.python:
        if is_test(file.path) and file.after and file.before:
            before, after = _describe_names(file.before), _describe_names(file.after)
            edited = [name for name, code in before.items() if after.get(name, code) != code]
            if edited:
                yield EDITED.make_finding(file.path, f"edits {list_some(edited)}", fix)


def soften_failing_tests(
    findings: tuple[Finding, ...], failing: Collection[tuple[str, str]]
) -> tuple[Finding, ...]:
    """Let what is said of tests that can fail remark.

    Args:
        failing: File and qualified name of each test that fails without the change.
    """
    return tuple(
        replace(
            finding,
            severity=Severity.INFO,
            message=f"{finding.subject} asserts nothing, but fails without the change.",
            fix="Check that it fails for what it tests.",
        )
        if finding.rule == HOLLOW.id and (finding.path, finding.subject) in failing
        else finding
        for finding in findings
    )


def _describe_names(view: View) -> dict[str, str]:
    """Return by name the code of functions, and what a module sets or imports, without layout."""
    code = {name: ast.dump(node) for name, node in list_functions(view.module)}
    for node in view.module.body:
        if isinstance(node, ast.Assign):
            code[ast.unparse(node.targets[0])] = ast.dump(node.value)
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            code[alias.asname or alias.name] = f"{getattr(node, 'module', '')}.{alias.name}"
    return code


def _find_hollow(view: View) -> Iterator[Hit]:
    for name, node in list_functions(view.module):
        if node.name.startswith("test") and not _AssertionFinder(view).has_assertions(node):
            yield Hit(name, node.lineno)


@dataclass
class _AssertionFinder:
    """Follows the calls of a test to helpers of its file; other helpers count as asserting."""

    view: View
    seen: set[str] = field(default_factory=set)

    def has_assertions(self, node: FunctionNode) -> bool:
        if any(map(_is_assertion, ast.walk(node))):
            return True
        given = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        calls = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
        return any(self._asserts(call, given - {"self", "cls"}) for call in calls)

    def _asserts(self, called: ast.expr, given: set[str]) -> bool:
        """Whether a call may fail the test.

        Args:
            given: Names that fixtures are bound to.
        """
        name = source.get_last_name(called)
        functions = (one for one in ast.walk(self.view.module) if isinstance(one, FunctionNode))
        helpers = [function for function in functions if function.name == name]
        if name in self.seen:
            return False
        if helpers:
            self.seen.add(name)
            return any(map(self.has_assertions, helpers))
        if isinstance(called, ast.Name) and name in given:
            return True
        if isinstance(called, ast.Attribute) and _is_self(called.value):
            return name not in dir(unittest.TestCase)
        named = self.view.find_names(called)
        return any(is_test(self.view.places.find_path(dotted)) for dotted in named)


def _is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = source.get_last_name(node.func)
        return name.startswith("assert") or name in _OF_PYTEST
    return isinstance(node, ast.Assert | ast.Raise)


def _is_self(node: ast.expr) -> bool:
    """Whether an expression is the test's own object or class, or what these inherit."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")
