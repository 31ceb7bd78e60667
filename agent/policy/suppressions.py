"""Name what keeps a check from its findings: comments, and code that type checkers do not read.

Which comments do, the tools themselves show (`agent.checks.silenced`). Settings of tools are the
matter of `gate-files`.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import CheckItem, split_place
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_test
from agent.policy.rule import Rule
from agent.policy.view import View

SUPPRESSION = Rule(
    id="suppression",
    demands="New comments, decorators or branches that turn off a check need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
OTHER_SETTINGS = Rule(
    id="other-settings",
    demands="Findings that appear only with the base branch's settings need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
RULES = (SUPPRESSION,)

#: Type checkers take them for true, whatever they are.
_FOR_CHECKERS = frozenset({"TYPE_CHECKING", "MYPY"})
_NAMES: tuple[type[ast.Name | ast.Attribute], ...] = (ast.Name, ast.Attribute)
_TESTS: tuple[type[ast.If | ast.IfExp | ast.While | ast.Assert], ...] = (
    ast.If, ast.IfExp, ast.While, ast.Assert,
)  # fmt: skip


#: As a tool is spoken to by its name, as in `# mypy: ignore-errors`.
_SPOKEN_TO = re.compile(r"#\s*([\w-]+)\s*:")
_FIX = "Check that it is necessary and as narrow as possible."
_MOST_FINDINGS = 20


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file, hit in change_context.find_new_hits(_find_switches, with_stubs=True):
        yield SUPPRESSION.make_finding(file.path, hit.what, _FIX, hit.line)
    # What such a comment hides may come with a later change.
    tools = {command.tool.partition(" ")[0] for command in change_context.project.commands}
    for file in change_context.python:
        if file.after is None:
            continue
        for line in sorted(file.new_lines):
            addressed = _SPOKEN_TO.match(file.after.get_line(line))
            if addressed and addressed[1].lower() in tools:
                says = f"sets options of {addressed[1]} for the whole file"
                yield SUPPRESSION.make_finding(file.path, says, _FIX, line)


def find_silenced(items: Iterable[CheckItem]) -> Iterator[Finding]:
    """Make findings of what tools find only where the new comments say nothing to them."""
    for item in [*items][:_MOST_FINDINGS]:
        path, line = split_place(item.place)
        said = f"has a comment that suppresses a tool's finding: {_quote(item)}"
        # On the line itself, so that a reader sees all that it hides.
        is_narrow = is_test(path) and "#" in item.source
        yield SUPPRESSION.make_finding(path, said, _FIX, line, is_reading=is_narrow)


def find_by_base_settings(items: Iterable[CheckItem]) -> Iterator[Finding]:
    """Make findings of what tools newly report, by the settings of base alone."""
    for item in items:
        path, line = split_place(item.place)
        said = f"has a finding under the base branch's settings: {_quote(item)}"
        yield OTHER_SETTINGS.make_finding(
            path, said, "Check that the settings should change.", line
        )


def _quote(item: CheckItem) -> str:
    return (item.item_id.partition(": ")[2] or item.text).rstrip(".")


def _find_switches(view: View) -> Iterator[Hit]:
    for name in (name for kind in _NAMES for name in view.list_nodes(kind)):
        if source.get_last_name(name) == "no_type_check":
            yield Hit("turns off type checking with no_type_check", name.lineno)
    for node in (node for kind in _TESTS for node in view.list_nodes(kind)):
        parts = (part for part in ast.walk(node.test) if isinstance(part, ast.expr))
        named = {source.get_last_name(part) for part in parts}
        harmless = isinstance(node, ast.If) and _only_adds_imports(node, view.module)
        if named & _FOR_CHECKERS and not harmless:
            yield Hit("has a branch that only type checkers see", node.lineno)


def _only_adds_imports(node: ast.If, module: ast.Module) -> bool:
    """Whether a branch for type checkers imports names that nothing else in the module binds."""
    is_plain = isinstance(node.test, (ast.Name, ast.Attribute)) and not node.orelse
    if not is_plain or not all(
        isinstance(part, (ast.Import, ast.ImportFrom)) for part in node.body
    ):
        return False
    own = Counter(name for part in node.body for name in _list_bound(part))
    everywhere = Counter(name for part in ast.walk(module) for name in _list_bound(part))
    return "*" not in own and all(everywhere[name] == count for name, count in own.items())


def _list_bound(node: ast.AST) -> list[str]:
    """List the names that a node itself binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []
