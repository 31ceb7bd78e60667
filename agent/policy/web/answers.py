"""Hold endpoints to answers that say something: no bare 500, and a declared answer to a write.

A 500 that code gives on purpose hides why: the framework would have logged the exception, and now
nobody does. So it is for the reviewer where nothing is logged beside it. An endpoint of FastAPI
that writes and says neither status nor answer promises 200 and anything to its callers; that is a
remark. Handlers of errors answer 500 rightly, and tests may answer as they like. Who may call an
endpoint is left to `fastapi_auth`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import FunctionNode, View, Visit
from agent.policy.web import side as sides
from agent.policy.web.wiring import WiringReader

BARE_500 = Rule(
    id="bare-500",
    demands="No code answers 500 without logging why.",
    severity=Severity.REVIEW,
    bad="except KeyError:\n    raise HTTPException(status_code=500)",
    good="except KeyError:\n    log.exception('no price')\n    raise HTTPException(500)",
)
ENDPOINT_ANSWER = Rule(
    id="endpoint-answer",
    demands="An endpoint of FastAPI that writes declares its status or its answer.",
    severity=Severity.INFO,
    bad='@router.post("/orders")\ndef add(order: Order): ...',
    good='@router.post("/orders", status_code=201)\ndef add(order: Order) -> Order: ...',
)
RULES = (BARE_500, ENDPOINT_ANSWER)

_RESPONSES = ("JSONResponse", "Response", "PlainTextResponse", "HTMLResponse", "ORJSONResponse")
#: What answers: the place of the status among the arguments, and its name.
_ANSWERS: dict[str, tuple[int | None, str]] = {
    "fastapi.HTTPException": (0, "status_code"),
    "fastapi.exceptions.HTTPException": (0, "status_code"),
    "starlette.exceptions.HTTPException": (0, "status_code"),
    **{
        f"{home}.{name}": (1, "status_code")
        for home in ("fastapi.responses", "starlette.responses")
        for name in _RESPONSES
    },
    "fastapi.Response": (1, "status_code"),
    "flask.abort": (0, "code"),
    "werkzeug.exceptions.abort": (0, "code"),
    "flask.make_response": (1, "status"),
    "flask.Response": (1, "status"),
    "django.http.HttpResponse": (None, "status"),
    "django.http.JsonResponse": (None, "status"),
    "rest_framework.response.Response": (1, "status"),
}
_ALWAYS = frozenset({"django.http.HttpResponseServerError"})
_ERROR_NAMES = ("HTTP_500_INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR")
_SAYS_500 = re.compile(rb"500|INTERNAL_SERVER_ERROR|HttpResponseServerError")
_LOGS = frozenset(
    {"exception", "error", "critical", "fatal", "warning", "warn", "log", "print_exc",
     "format_exc", "capture_exception", "record_exception", "captureException", "report_exc_info",
     "notify_exception"}
)  # fmt: skip
_HANDLES = frozenset({"exception_handler", "errorhandler", "app_errorhandler", "error_handler"})
_WRITES = frozenset({"post", "put", "delete", "patch"})
_DECLARES = frozenset({"status_code", "response_model", "response_class", "responses"})


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new answer that says nothing."""

    def is_code(file: PythonFile) -> bool:
        return not sides.is_aside(file.path)

    for file, hit in proposal.fresh(_bare, is_code):
        yield BARE_500.at(
            file.path,
            f"answers 500 by {hit.message} and logs nothing, so that nobody learns the cause",
            "Let the exception through, log it first, or answer what went wrong (4xx, 503).",
            hit.line,
        )
    reader = WiringReader(sides.after(proposal))
    for file, hit in proposal.fresh(lambda view: _undeclared(view, reader), is_code):
        yield ENDPOINT_ANSWER.at(
            file.path,
            f"declares neither status nor answer of {hit.message}",
            "Add status_code=, response_model= or the annotation of what it returns.",
            hit.line,
        )


# --- 500 --------------------------------------------------------------------------------------


def _bare(view: View) -> Iterator[Hit]:
    if not _SAYS_500.search(view.content):
        return
    for call in view.all(ast.Call):
        if not _may_be(call.node):
            continue
        names = view.names(call.node.func, call.scope)
        if not names & _ALWAYS and not any(
            _is_500(view, call, *_ANSWERS[name]) for name in names & _ANSWERS.keys()
        ):
            continue
        if not _is_told(call):
            what = source.written(call.node.func)
            yield Hit(f"{what} in {call.qualname}", call.node.lineno, f"{what}()")
    for given in view.all(ast.Return):
        value = given.node.value
        if isinstance(value, ast.Tuple) and len(value.elts) in (2, 3) and _is_flask(view, given):
            if _means_500(view, value.elts[1], given) and not _is_told(given):
                yield Hit(f"returns 500 in {given.qualname}", given.node.lineno, "a return")


def _may_be(call: ast.Call) -> bool:
    """Whether it looks like an answer; most calls do not, and are not followed."""
    if source.get_last_name(call.func) == "HttpResponseServerError":
        return True
    given = (*call.args, *(word.value for word in call.keywords))
    return any(
        _is_number(one) or "500" in source.get_last_name(one) or source.get_last_name(one).isupper()
        for one in given
    )


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, (ast.Constant, ast.Attribute)) and (
        getattr(node, "value", None) == 500 or getattr(node, "attr", "") == "value"
    )


def _is_500(view: View, visit: Visit[ast.Call], place: int | None, name: str) -> bool:
    words = {word.arg: word.value for word in visit.node.keywords}
    given = words.get(name)
    if given is None and place is not None and len(visit.node.args) > place:
        given = visit.node.args[place]
    return given is not None and _means_500(view, given, visit)


def _means_500(view: View, node: ast.expr, visit: Visit[ast.Call] | Visit[ast.Return]) -> bool:
    if isinstance(node, ast.Constant):
        return node.value == 500
    if isinstance(node, ast.Attribute) and node.attr == "value":
        node = node.value
    if source.get_last_name(node) in _ERROR_NAMES:
        return True
    return any(name.endswith(_ERROR_NAMES) for name in view.names(node, visit.scope))


def _is_flask(view: View, visit: Visit[ast.Return]) -> bool:
    function = visit.function
    if function is None or isinstance(function, ast.Lambda):
        return False
    return any(
        source.get_last_name(_called(one)) in {"route", *_WRITES, "get"}
        for one in function.decorator_list
    )


def _is_told(visit: Visit[ast.Call] | Visit[ast.Return]) -> bool:
    """Whether something is logged beside it, or it stands in a handler of errors."""
    function = visit.function
    if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        decorated = {source.get_last_name(_called(one)) for one in function.decorator_list}
        if decorated & _HANDLES or function.name in ("handler500", "server_error"):
            return True
    # What is logged in another branch says nothing of this one.
    inner: ast.AST | None = None
    for around in visit.around():
        if isinstance(around.node, ast.ExceptHandler):
            inner = around.node
            break
        if around.node is function:
            break
    at = inner if inner is not None else function
    return at is not None and any(_logs(node) for node in ast.walk(at))


def _logs(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (
        source.get_last_name(node.func) in _LOGS or "log" in _root(node.func)
    )


def _root(node: ast.expr) -> str:
    """Return what the method belongs to, as in `logger` of `self.logger.info`."""
    if not isinstance(node, ast.Attribute):
        return ""
    return source.get_last_name(node.value).lower()


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


# --- declared answers -------------------------------------------------------------------------


def _undeclared(view: View, reader: WiringReader) -> Iterator[Hit]:
    for visit in view.functions:
        for decorator in visit.node.decorator_list:
            if not isinstance(decorator, ast.Call) or _declares(decorator, visit.node):
                continue
            func = decorator.func
            if not isinstance(func, ast.Attribute) or func.attr not in _WRITES:
                continue
            if reader.is_router(view, func.value, visit.scope):
                name = f"{func.attr.upper()} {visit.node.name}()"
                yield Hit(name, decorator.lineno)


def _declares(decorator: ast.Call, function: FunctionNode) -> bool:
    words = {word.arg for word in decorator.keywords}
    return function.returns is not None or None in words or not words.isdisjoint(_DECLARES)
