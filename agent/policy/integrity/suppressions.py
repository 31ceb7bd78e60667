"""Name comments by which a change switches a check off, and code that type checkers do not read.

Settings of tools are the matter of `gate-files`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View

SUPPRESSION = Rule(
    id="suppression",
    demands="A new comment, decorator or branch that switches a check off is looked at first.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="total = price * count  # type: ignore",
    good="total = price * Decimal(count)",
)
RULES = (SUPPRESSION,)

_SUPPRESSES = re.compile(
    r"#\s*(?:(?:flake8|ruff)\s*[:=]\s*)?(?:noqa\b|nosec\b|nosemgrep\b"
    r"|pragma:?\s*no\s*(?:cover|branch)|coverage:\s*(?:ignore|exclude)"
    r"|(?:type|mypy|ty|pyright|basedpyright|pyre|pyre-ignore|pyre-fixme|pytype)\s*[:\[]"
    r"|pylint:\s*(?:disable|skip-file)|(?:fmt|yapf|isort):\s*(?:off|skip|disable))[^#]*",
    re.IGNORECASE,
)
#: `# type: list[int]` is a type, as Python 2 had it.
_TYPE_COMMENT = re.compile(r"#\s*type:(?!\s*ignore)", re.IGNORECASE)
#: Type checkers take them for true, whatever they are.
_FOR_CHECKERS = frozenset({"TYPE_CHECKING", "MYPY"})
_Test = ast.If | ast.IfExp | ast.While | ast.Assert
_BRANCH = "has a branch that type checkers read and that never runs"


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file, hit in change_context.find_new_hits(_find_switches, with_stubs=True):
        yield SUPPRESSION.make_finding(
            file.path,
            hit.what if hit.what == _BRANCH else f"switches a check off: {hit.what}",
            "See that there is no other way, and that it is as narrow as can be.",
            hit.line,
        )


def _find_switches(view: View) -> Iterator[Hit]:
    yield from _find_comments(view)
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


def _find_comments(view: View) -> Iterator[Hit]:
    try:
        for token in tokenize.tokenize(io.BytesIO(view.content).readline):
            if token.type == tokenize.NAME and token.string == "no_type_check":
                yield Hit(token.string, token.start[0])
            if token.type != tokenize.COMMENT or _TYPE_COMMENT.match(token.string):
                continue
            for found in _SUPPRESSES.finditer(token.string):
                yield Hit(" ".join(found[0].lstrip("# ").split()), token.start[0])
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        # What parses and cannot be cut into tokens ends here; `unreadable-python` speaks of it.
        return
