"""Tell of errors that a change makes disappear, and of items that it drops without a word.

`except Exception: pass` hides the faults of tomorrow with the one of today, and a loop that goes on
to the next item at every error loses data that nobody misses in time. Handlers that log, raise,
count or use the error are none of these, nor are those for one kind of error outside of a loop.
Tests and scripts are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import guards
from agent.policy.layout import is_apart
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

SWALLOWED = Rule(
    id="swallowed-exception",
    demands="No error of any kind disappears without a trace.",
    severity=Severity.REVIEW,
    bad="try:\n    send(order)\nexcept Exception:\n    pass",
    good="try:\n    send(order)\nexcept SMTPException:\n    log.exception('not sent')",
)
SILENT_FILTER = Rule(
    id="silent-filter",
    demands="No loop drops items at an error without a word.",
    severity=Severity.REVIEW,
    bad="for row in rows:\n    try:\n        save(row)\n    except ValueError:\n        continue",
    good="for row in rows:\n    try:\n        save(row)\n    except ValueError:\n"
    "        skipped.append(row)",
)
RULES = (SWALLOWED, SILENT_FILTER)

_ANY = frozenset({"Exception", "BaseException"})
_SUPPRESS = frozenset({"contextlib.suppress"})
#: What is tried to know whether something is there.
_ASKING = frozenset({"ImportError", "ModuleNotFoundError", "StopIteration", "StopAsyncIteration"})


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every place that newly hides an error."""
    for file, hit in proposal.fresh(_swallowed, among=lambda file: not is_apart(file.path)):
        yield SWALLOWED.at(
            file.path,
            hit.message,
            "Catch what is expected, and log or count what is not.",
            hit.line,
        )
    for file, hit in proposal.fresh(_dropped, among=lambda file: not is_apart(file.path)):
        yield SILENT_FILTER.at(
            file.path, hit.message, "Log, count or collect what was left out.", hit.line
        )


def _swallowed(view: View) -> Iterator[Hit]:
    for visit in view.all(ast.ExceptHandler):
        if guards.catches(visit.node, _ANY) and _is_silent(visit.node) and not _imports(visit):
            what = f"{visit.qualname} swallows"
            yield Hit(what, visit.node.lineno, "makes every kind of error disappear")
    for call in view.all(ast.Call):
        if view.names(call.node.func, call.scope) & _SUPPRESS and any(
            isinstance(one, ast.Name) and one.id in _ANY for one in call.node.args
        ):
            what = f"{call.qualname} suppresses"
            yield Hit(what, call.node.lineno, "suppresses every kind of error")


def _dropped(view: View) -> Iterator[Hit]:
    for visit in view.all(ast.ExceptHandler):
        node = visit.node
        if guards.catches(node, _ANY) or guards.catches(node, _ASKING):
            continue
        if len(node.body) == 1 and isinstance(node.body[0], ast.Continue) and not _imports(visit):
            what = f"{visit.qualname} drops"
            yield Hit(what, node.lineno, "goes on to the next item at an error, without a word")


def _is_silent(handler: ast.ExceptHandler) -> bool:
    """Whether nothing is left of the error: it is not raised, told, counted or kept."""
    return all(_says_nothing(statement) for statement in handler.body)


def _says_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Continue() | ast.Break() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Return(value=value):
            return value is None or _is_plain(value)
    return False


def _is_plain(value: ast.expr) -> bool:
    """Whether a value is written out, and empty or simple."""
    if isinstance(value, ast.Constant):
        return True
    if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
        return not value.elts
    return isinstance(value, ast.Dict) and not value.keys


def _imports(visit: Visit[ast.ExceptHandler]) -> bool:
    """Whether all that is tried is an import."""
    tried = visit.up.node if visit.up else None
    return isinstance(tried, ast.Try) and all(
        isinstance(one, (ast.Import, ast.ImportFrom)) for one in tried.body
    )
