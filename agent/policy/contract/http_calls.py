"""Hold requests over HTTP to an end in time, and their repetition to one library.

`requests` and urllib wait for ever unless they are told otherwise, and so does httpx that is told
so: one silent host then takes worker after worker. Where `http_client` demands a timeout, a request
that certainly has none blocks; elsewhere, and where a session may have one from afar, it is for the
reviewer. Which client is used is left to `http_client`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import layout
from agent.policy.contract import library_uses
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

HTTP_TIMEOUT = Rule(
    id="http-timeout",
    demands="Where `http_client.timeout` is required, every request has one.",
    severity=Severity.BLOCK,
    bad="requests.get(url)  # and http_client.timeout is required",
    good="requests.get(url, timeout=10)",
)
HTTP_TIMEOUT_UNSET = Rule(
    id="http-timeout-unset",
    demands="No request may wait for ever.",
    severity=Severity.REVIEW,
    bad="httpx.get(url, timeout=None)",
    good="httpx.get(url, timeout=10)",
)
HTTP_RETRIES = Rule(
    id="http-retries",
    demands="No file repeats requests by a library other than `http_client.retries`.",
    severity=Severity.BLOCK,
    bad="import backoff  # and http_client.retries is tenacity",
    good="import tenacity",
)
RULES = (HTTP_TIMEOUT, HTTP_TIMEOUT_UNSET, HTTP_RETRIES)

_VERBS = r"(?:get|post|put|patch|delete|head|options|request)"
#: They wait for ever where nothing is said.
_ENDLESS = re.compile(rf"requests\.(?:api\.)?{_VERBS}|urllib\.request\.urlopen|urllib3\.request")
_OF_SESSION = re.compile(rf"requests\.(?:sessions\.)?[sS]ession\.\(\)\.{_VERBS}")
#: They may be told to.
_BOUNDED = re.compile(
    rf"(?:httpx|aiohttp)\.(?:{_VERBS}|stream|Client|AsyncClient|ClientSession)"
    rf"|(?:httpx\.(?:Async)?Client|aiohttp\.ClientSession)\.\(\)\.(?:{_VERBS}|stream|send|ws_connect)"
)
_TIMEOUTS = frozenset({"httpx.Timeout", "aiohttp.ClientTimeout", "urllib3.Timeout"})
#: `urlopen(url, data, timeout)`
_URLOPEN_TIMEOUT = 3
_LIBRARIES = {
    "tenacity": ("tenacity",),
    "stamina": ("stamina",),
    "backoff": ("backoff",),
    "retrying": ("retrying",),
    "retry": ("retry.api", "retry.retry"),
    "opnieuw": ("opnieuw",),
    "httpx-retries": ("httpx_retries", "httpx_retry"),
    "aiohttp-retry": ("aiohttp_retry",),
    "urllib3": (
        "urllib3.Retry",
        "urllib3.util.Retry",
        "urllib3.util.retry",
        "requests.adapters.Retry",
        "requests.packages.urllib3.util.retry",
    ),
}
_BY_ARGUMENT = {
    "httpx.HTTPTransport": "retries",
    "httpx.AsyncHTTPTransport": "retries",
    "requests.adapters.HTTPAdapter": "max_retries",
    "requests.HTTPAdapter": "max_retries",
}


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new request without an end, and each other way to repeat one."""
    wanted = proposal.config.http
    is_required = wanted.timeout == "required"

    def endless(file: PythonFile) -> bool:
        return not (layout.is_test if is_required else layout.is_apart)(file.path)

    for file, hit in proposal.fresh(_endless, endless):
        is_certain = not hit.what.startswith("session: ")
        rule = HTTP_TIMEOUT if is_required and is_certain else HTTP_TIMEOUT_UNSET
        fix = (
            "Give it a timeout, in seconds."
            if is_certain
            else "Give it a timeout, or say where it has one."
        )
        yield rule.at(file.path, f"{hit.message}, and so may wait for ever", fix, hit.line)
    if wanted.retries != "any":
        yield from _repeated(proposal, wanted.retries)


# --- time -----------------------------------------------------------------------------------------


def _endless(view: View) -> Iterator[Hit]:
    for visit in view.all(ast.Call):
        for name in sorted(view.names(visit.node.func, visit.scope)):
            what = name.replace(".()", "()")
            if _ENDLESS.fullmatch(name) and not _has_timeout(visit.node, what):
                yield Hit(what, visit.node.lineno, f"calls {what} without a timeout")
            elif _OF_SESSION.fullmatch(name) and not _has_timeout(visit.node, what):
                kind = "" if _is_plain_session(view, visit) else "session: "
                yield Hit(kind + what, visit.node.lineno, f"calls {what} without a timeout")
            elif _BOUNDED.fullmatch(name) and _is_none(_argument(visit.node, "timeout")):
                yield Hit(what, visit.node.lineno, f"tells {what} that there is no timeout")
            elif name in _TIMEOUTS and _is_endless(visit.node):
                yield Hit(what, visit.node.lineno, f"makes a {what} without an end")
            else:
                continue
            break


def _has_timeout(call: ast.Call, what: str) -> bool:
    if any(word.arg is None for word in call.keywords):
        return True  # it may be among them
    if what.endswith("urlopen") and len(call.args) >= _URLOPEN_TIMEOUT:
        return True
    if any(isinstance(one, ast.Starred) for one in call.args):
        return True
    given = _argument(call, "timeout")
    return given is not None and not _is_none(given)


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in call.keywords if word.arg == name), None)


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_endless(call: ast.Call) -> bool:
    """Whether nothing but None is said of a timeout."""
    said = [*call.args, *(word.value for word in call.keywords)]
    return bool(said) and all(_is_none(one) for one in said)


def _is_plain_session(view: View, visit: Visit[ast.Call]) -> bool:
    """Whether a session is made where it is used, and given no adapter of its own."""
    if b".mount(" in view.content:
        return False
    node: ast.expr = visit.node.func
    while isinstance(node, ast.Attribute):
        node = node.value
    if isinstance(node, ast.Call):
        return True
    if not isinstance(node, ast.Name):
        return False
    refs = view.refs(node, visit.scope)
    return len(refs) == 1 and refs[0].module is None and not _is_argument(view, visit, node.id)


def _is_argument(view: View, visit: Visit[ast.Call], name: str) -> bool:
    function = visit.function
    if function is None:
        return False
    arguments = function.args
    several = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return any(one.arg == name for one in several)


# --- repetition -----------------------------------------------------------------------------------


def _repeated(proposal: Proposal, allowed: str) -> Iterator[Finding]:
    modules = {
        module: library
        for library, several in _LIBRARIES.items()
        for module in several
        if library != allowed
    }

    def belongs(dotted: str) -> str | None:
        parts = dotted.split(".")
        starts = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        return next((modules[start] for start in starts if start in modules), None)

    fix = f"Use {allowed}, or change http_client.retries in the configuration first."
    for file in proposal.python:
        uses = library_uses.of(file.after, belongs)
        before = library_uses.of(file.before, belongs) if uses else []
        for use, had in library_uses.brought(file, uses, before):
            if not had:
                says = f"brings in {use.what} to repeat requests; they are repeated by {allowed}"
                yield HTTP_RETRIES.at(file.path, says, fix, use.line)
    for file, hit in proposal.fresh(_by_argument):
        says = f"{hit.message}; requests are repeated by {allowed}"
        yield HTTP_RETRIES.at(file.path, says, fix, hit.line)


def _by_argument(view: View) -> Iterator[Hit]:
    for visit in view.all(ast.Call):
        if not visit.node.keywords:
            continue
        for name in view.names(visit.node.func, visit.scope) & _BY_ARGUMENT.keys():
            given = _argument(visit.node, _BY_ARGUMENT[name])
            is_off = isinstance(given, ast.Constant) and not given.value
            # A Retry that is made here is told of where it is imported.
            if given is not None and not is_off and not isinstance(given, ast.Call):
                what = f"{name}({_BY_ARGUMENT[name]}=…)"
                yield Hit(what, visit.node.lineno, f"repeats requests by {what}")
