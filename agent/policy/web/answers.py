"""Hold code to say why where it answers 500.

A 500 that code gives on purpose hides its cause: the framework would have logged the exception, and
now nobody does. So it is for the reviewer where nothing is logged beside it. Handlers of errors
answer 500 rightly, and tests may answer as they like.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

BARE_500 = Rule(
    id="bare-500",
    demands="No code answers 500 without logging why.",
    severity=Severity.REVIEW,
    bad="except KeyError:\n    raise HTTPException(status_code=500)",
    good="except KeyError:\n    log.exception('no price')\n    raise HTTPException(500)",
)
RULES = (BARE_500,)

_ANSWERS = re.compile(
    r"(?:fastapi|starlette)\.(?:exceptions\.HTTPException|responses\.\w*Response)"
    r"|fastapi\.(?:HTTPException|Response)|(?:flask|werkzeug\.exceptions)\.abort"
    r"|flask\.(?:make_response|Response)|django\.http\.(?:Http|Json)Response"
    r"|rest_framework\.response\.Response"
)
_ALWAYS = re.compile(r"django\.http\.HttpResponseServerError")
_NAMED = "INTERNAL_SERVER_ERROR"
_SAYS_500 = re.compile(rb"500|INTERNAL_SERVER_ERROR|HttpResponseServerError")
_LOGS = frozenset(
    {"exception", "error", "critical", "fatal", "warning", "warn", "log", "print_exc",
     "format_exc", "capture_exception", "record_exception", "captureException", "report_exc_info",
     "notify_exception"}
)  # fmt: skip
_HANDLERS = frozenset({"exception_handler", "errorhandler", "app_errorhandler", "error_handler"})
_ROUTES = frozenset({"route", "get", "post", "put", "delete", "patch"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for every new answer that says nothing."""
    for file, hit in change_context.find_new_hits(
        _find_bare, lambda file: not layout.is_apart(file.path)
    ):
        yield BARE_500.make_finding(
            file.path,
            f"answers 500 by {hit.message} and logs nothing, so that nobody learns the cause",
            "Let the exception through, log it first, or answer what went wrong (4xx, 503).",
            hit.line,
        )


def _find_bare(view: View) -> Iterator[Hit]:
    if not _SAYS_500.search(view.content):
        return
    for call in view.all(ast.Call):
        given = [*call.node.args, *(word.value for word in call.node.keywords)]
        is_always = source.get_last_name(call.node.func) == "HttpResponseServerError"
        if not is_always and not any(map(_means_500, given)):
            continue  # as most calls, whose names are then not followed
        pattern = _ALWAYS if is_always else _ANSWERS
        names = view.names(call.node.func, call.scope)
        if any(map(pattern.fullmatch, names)) and not _is_explained(call):
            what = source.format_node(call.node.func)
            yield Hit(f"{what} in {call.qualname}", call.node.lineno, f"{what}()")
    for given_back in view.all(ast.Return):
        match given_back.node.value:
            case ast.Tuple(elts=[_, status, *_]) if _means_500(status):
                if _decorators(given_back) & _ROUTES and not _is_explained(given_back):
                    line = given_back.node.lineno
                    yield Hit(f"returns 500 in {given_back.qualname}", line, "a return")


def _means_500(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value == 500
    if isinstance(node, ast.Attribute) and node.attr == "value":
        node = node.value
    return source.get_last_name(node).endswith(_NAMED)


def _is_explained(visit: Visit[ast.Call] | Visit[ast.Return]) -> bool:
    """Whether something is logged beside it, or it stands in a handler of errors."""
    function = visit.function
    if _decorators(visit) & _HANDLERS or getattr(function, "name", "") in (
        "handler500",
        "server_error",
    ):
        return True
    # What is logged in another branch says nothing of this one.
    for around in visit.around():
        if isinstance(around.node, ast.ExceptHandler) or around.node is function:
            return any(map(_logs, ast.walk(around.node)))
    return False


def _decorators(visit: Visit[ast.Call] | Visit[ast.Return]) -> set[str]:
    several = getattr(visit.function, "decorator_list", [])
    called = (one.func if isinstance(one, ast.Call) else one for one in several)
    return {source.get_last_name(one) for one in called}


def _logs(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    logger = source.get_last_name(owner).lower() if owner else ""
    return source.get_last_name(node.func) in _LOGS or "log" in logger
