"""Name comments by which a change switches a check off, and code that type checkers do not read.

Settings of tools are the matter of `gate-files`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.layout import is_test
from agent.policy.rule import Rule
from agent.policy.view import View
from repo_config.documents import table
from repo_config.known_tools import TOOLS
from repo_config.project_files import ProjectFiles

SUPPRESSION = Rule(
    id="suppression",
    demands="A new comment, decorator or branch that switches a check off is looked at first.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
RULES = (SUPPRESSION,)

#: Words that tools read and that are no names of theirs.
_WORDS = frozenset({"type", "pragma", "fmt", "pylint", "pyre", "pyre-ignore", "pyre-fixme"})
_CHECKERS = _WORDS | {one.program for one in TOOLS.values()}
#: What switches a check off without anything behind it.
_BARE = re.compile(r"(?:noqa|nosec|nosemgrep|pragma\s*no\s*(?:cover|branch))\b", re.IGNORECASE)
_DIRECTIVE = re.compile(
    r"(?P<tool>[a-z][\w-]*)\s*(?::|(?=\[)|=(?=\s*noqa))\s*(?P<says>.*)", re.IGNORECASE
)
#: A word as tools have them, which nobody takes for a sentence: alone, with dashes or arguments.
_BY_MACHINE = re.compile(r"[a-z]\w*(?:-[\w-]+|\s*$|\s*[\[=(,])", re.IGNORECASE)
#: A line's exception from one rule, by its code.
_ONE_CODE = re.compile(r"noqa:\s?[A-Z]+[0-9]+|type:\s?ignore\[[\w-]+\]|nosec\s[A-Z][0-9]+")
_SWITCHES_ON = re.compile(r"(?:on|enable)\b")
#: Type checkers take them for true, whatever they are.
_FOR_CHECKERS = frozenset({"TYPE_CHECKING", "MYPY"})
_Test = ast.If | ast.IfExp | ast.While | ast.Assert
_BRANCH = "has a branch that type checkers read and that never runs"


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    files = ProjectFiles(change_context.after, change_context.config.folder)
    find = partial(
        _find_switches, tools={*change_context.packages, *table(files.pyproject, "tool")}
    )
    for file, hit in change_context.find_new_hits(find, with_stubs=True):
        finding = SUPPRESSION.make_finding(
            file.path,
            hit.what if hit.what == _BRANCH else f"switches a check off: {hit.what}",
            "See that there is no other way, and that it is as narrow as can be.",
            hit.line,
        )
        # Of a line of a test, by a code: whoever reads it sees all that it hides.
        is_narrow = is_test(file.path) and _ONE_CODE.fullmatch(hit.what) is not None
        yield finding.model_copy(update={"is_reading": is_narrow})


def _find_switches(view: View, tools: Collection[str]) -> Iterator[Hit]:
    yield from _find_comments(view, tools)
    kinds: tuple[type[_Test], ...] = (ast.If, ast.IfExp, ast.While, ast.Assert)
    for node in (visit.node for kind in kinds for visit in view.list_visits(kind)):
        parts = (one for one in ast.walk(node.test) if isinstance(one, ast.expr))
        named = {source.get_last_name(one) for one in parts}
        harmless = isinstance(node, ast.If) and _only_adds_imports(node, view.module)
        if named & _FOR_CHECKERS and not harmless:
            yield Hit(_BRANCH, node.lineno)


def _only_adds_imports(node: ast.If, module: ast.Module) -> bool:
    """Whether a branch for type checkers imports names that nothing else in the module binds."""
    is_plain = isinstance(node.test, (ast.Name, ast.Attribute)) and not node.orelse
    if not is_plain or not all(isinstance(one, (ast.Import, ast.ImportFrom)) for one in node.body):
        return False
    own = Counter(name for one in node.body for name in _list_bound(one))
    everywhere = Counter(name for one in ast.walk(module) for name in _list_bound(one))
    return "*" not in own and all(everywhere[name] == count for name, count in own.items())


def _list_bound(node: ast.AST) -> list[str]:
    """List the names that a node itself binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(one.asname or one.name).partition(".")[0] for one in node.names]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def _find_comments(view: View, tools: Collection[str]) -> Iterator[Hit]:
    try:
        for token in tokenize.tokenize(io.BytesIO(view.content).readline):
            if token.type == tokenize.NAME and token.string == "no_type_check":
                yield Hit(token.string, token.start[0])
            if token.type == tokenize.COMMENT:
                for part in token.string.split("#"):
                    if _is_switch(said := " ".join(part.split()), tools):
                        yield Hit(said, token.start[0])
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        # What parses and cannot be cut into tokens ends here; `unreadable-python` speaks of it.
        return


def _is_switch(said: str, tools: Collection[str]) -> bool:
    """Whether a comment is for a tool: a linter or type checker, or any other of the project."""
    if _BARE.match(said):
        return True
    if not (found := _DIRECTIVE.match(said)) or _SWITCHES_ON.match(found["says"]):
        return False
    tool = found["tool"].lower().replace("_", "-")
    if tool == "type":  # `# type: list[int]` is a type, as Python 2 had it
        return found["says"].startswith("ignore")
    return tool in _CHECKERS or (tool in tools and _BY_MACHINE.match(found["says"]) is not None)
