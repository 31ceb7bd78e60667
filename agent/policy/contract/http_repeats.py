"""Hold the repetition of requests to one library, also where it is written by hand.

A loop that tries a request, waits and tries again has its own idea of how often, how long and after
which errors; where `http_client.retries` names a library, that is said in one way. A loop that asks
for the same thing each time and ends with the first answer is a retry for certain. One that looks
at the answer, or asks by way of another function, may be one, and so may a function that calls
itself where its request failed: that is for the reviewer. A loop over addresses or pages is none.
Other libraries are left to `http_calls`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import layout, source
from agent.policy.contract import http_uses
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

BY_HAND = Rule(
    id="http-retries-by-hand",
    demands="Where `http_client.retries` names a library, no loop tries a request again by hand.",
    severity=Severity.BLOCK,
    bad="for _ in range(3):\n    try:\n        return httpx.get(url)\n    except httpx.HTTPError:\n"
    "        time.sleep(1)  # and http_client.retries is tenacity",
    good="@tenacity.retry(stop=tenacity.stop_after_attempt(3))\ndef load(url):\n"
    "    return httpx.get(url)",
)
LIKELY = Rule(
    id="http-retries-likely",
    demands="Where `http_client.retries` names a library, nothing that may be a retry by hand goes "
    "unseen.",
    severity=Severity.REVIEW,
    bad="while True:\n    answer = httpx.get(url)\n    if answer.status_code < 500:\n        break",
    good="@tenacity.retry(retry=tenacity.retry_if_result(lambda answer: answer.is_server_error))\n"
    "def load(url):\n    return httpx.get(url)",
)
RULES = (BY_HAND, LIKELY)

Loop = ast.For | ast.AsyncFor | ast.While
_LOOPS: tuple[type[ast.For], type[ast.AsyncFor], type[ast.While]] = (
    ast.For, ast.AsyncFor, ast.While,
)  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_VERBS = r"(?:get|post|put|patch|delete|head|options|request|send|stream|urlopen|ws_connect|fetch)"
#: Of a module, or of an object that a class of it makes.
_SENDS = re.compile(rf"(?:api\.)?{_VERBS}|\w+(?:\.\w+)*\.\(\)\.{_VERBS}")
#: What is asked of an answer to know whether it will do.
_STATUS = frozenset({"ok", "status", "status_code", "is_success", "is_error", "is_server_error"})


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new retry by hand."""
    allowed = proposal.config.http.retries
    if allowed == "any":
        return
    fix = f"Let {allowed} repeat it, or change http_client.retries in the configuration first."
    for file, hit in proposal.fresh(_found, lambda file: not layout.is_test(file.path)):
        rule = BY_HAND if hit.what.startswith("certain: ") else LIKELY
        yield rule.at(file.path, f"{hit.says}; requests are repeated by {allowed}", fix, hit.line)


def _found(view: View) -> Iterator[Hit]:
    for kind in _LOOPS:
        for visit in view.all(kind):
            if hit := _of_loop(view, visit) or _of_answer(view, visit):
                yield hit
    for function in view.functions:
        if hit := _of_recursion(view, function):
            yield hit


# --- loops ----------------------------------------------------------------------------------------


def _of_loop(view: View, visit: Visit[Loop]) -> Hit | None:
    """Find a loop that tries the same until it does not fail."""
    loop = visit.node
    tries = [one for one in _inside(loop.body) if isinstance(one, ast.Try)]
    tries = [one for one in tries if _tries_again(one) and _ends_well(loop, one)]
    if not tries:
        return None
    changed = _changed_by(loop)
    calls = [call for one in tries for call in _calls(one.body) if not _mentions(call, changed)]
    for call in calls:
        if sent := _sends(view.names(call.func, visit.scope)):
            return Hit(f"certain: {sent}", loop.lineno, f"tries {sent} again and again by hand")
    for call in calls:
        if sent := _sends_elsewhere(view, visit, call):
            named = source.written(call.func)
            says = f"tries {named}, which calls {sent}, again and again by hand"
            return Hit(f"likely: {named}", loop.lineno, says)
    return None


def _tries_again(attempt: ast.Try) -> bool:
    """Whether an error may lead to the next turn of the loop."""
    return any(not _ends(handler.body) for handler in attempt.handlers)


def _ends_well(loop: Loop, attempt: ast.Try) -> bool:
    """Whether the loop is over once there was no error, whatever came."""
    after: list[ast.stmt] = []
    if attempt in loop.body:
        after = loop.body[loop.body.index(attempt) + 1 :]
    well = [*_inside([*attempt.body, *attempt.orelse]), *after]
    if any(isinstance(one, (ast.Return, ast.Break)) for one in well):
        return True
    if not isinstance(loop, ast.While):
        return False
    # `while not done:` ends by a name that is set.
    asked = {node.id for node in ast.walk(loop.test) if isinstance(node, ast.Name)}
    return any(
        isinstance(one, ast.Assign)
        and isinstance(one.value, ast.Constant)
        and isinstance(one.targets[0], ast.Name)
        and one.targets[0].id in asked
        for one in well
    )


def _of_answer(view: View, visit: Visit[Loop]) -> Hit | None:
    """Find a loop that asks for the same until the answer will do."""
    loop = visit.node
    inside = list(_walk(loop.body))
    asked = [
        (one, names)
        for one in inside
        if isinstance(one, ast.If)
        and (names := _asked_of(one.test))
        and (_leaves(one.body) or _leaves(one.orelse))
    ]
    if not asked:
        return None
    changed = _changed_by(loop)
    for one in inside:
        if not isinstance(one, ast.Assign) or not isinstance(one.targets[0], ast.Name):
            continue
        name = one.targets[0].id
        for call in _calls([one]):
            sent = "" if _mentions(call, changed) else _sends(view.names(call.func, visit.scope))
            if sent and any(name in names for _, names in asked):
                says = f"repeats {sent} until the answer will do"
                return Hit(f"likely: {sent}", loop.lineno, says)
    return None


def _asked_of(test: ast.expr) -> set[str]:
    """Return the names whose status a condition asks for."""
    return {
        node.value.id
        for node in ast.walk(test)
        if isinstance(node, ast.Attribute)
        and node.attr in _STATUS
        and isinstance(node.value, ast.Name)
    }


def _changed_by(loop: Loop) -> frozenset[str]:
    """Return the names that mean something else in each turn."""
    targets: list[ast.AST] = [] if isinstance(loop, ast.While) else [loop.target]
    for node in _walk(loop.body):
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)):
            targets.append(node.target)
    return frozenset(
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    )


def _mentions(call: ast.Call, names: frozenset[str]) -> bool:
    """Whether what is asked for is another thing in each turn."""
    said = [*call.args, *(word.value for word in call.keywords if word.arg != "timeout")]
    return any(
        isinstance(node, ast.Name) and node.id in names for one in said for node in ast.walk(one)
    )


# --- recursion ------------------------------------------------------------------------------------


def _of_recursion(
    view: View, visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]
) -> Hit | None:
    """Find a function that calls itself where its request has failed."""
    function = visit.node
    again = [
        node for node in _calls(function.body) if source.get_last_name(node.func) == function.name
    ]
    if not again:
        return None
    sent = next(
        (
            found
            for call in view.all(ast.Call)
            if call.function is function
            and (found := _sends(view.names(call.node.func, call.scope)))
        ),
        "",
    )
    if not sent:
        return None
    failed = [
        statement
        for node in _walk(function.body)
        for statement in (
            [one for handler in node.handlers for one in handler.body]
            if isinstance(node, ast.Try)
            else [*node.body, *node.orelse]
            if isinstance(node, ast.If) and _asked_of(node.test)
            else []
        )
    ]
    if not any(call in again for call in _calls(failed)):
        return None
    says = f"calls {function.name} again where {sent} has failed"
    return Hit(f"likely: {function.name} {sent}", function.lineno, says)


# --- what is sent ---------------------------------------------------------------------------------


def _sends(names: frozenset[str]) -> str:
    """Return which of the names of a function sends a request, as people write it."""
    for name in sorted(names):
        module = http_uses.client_of(name, "")
        if module and _SENDS.fullmatch(name.removeprefix(f"{module}.")):
            return name.replace(".()", "()")
    return ""


def _sends_elsewhere(view: View, visit: Visit[Loop], call: ast.Call) -> str:
    """Return what a function of the tree sends itself, of those that a call may mean."""
    own = _own_method(visit, call.func)
    nodes = [own] if own else [one.node for one in view.definitions(call.func, visit.scope)]
    for inner in view.all(ast.Call):
        if inner.function in nodes and (sent := _sends(view.names(inner.node.func, inner.scope))):
            return sent
    for place in view.definitions(call.func, visit.scope):
        if place.path != view.path and isinstance(place.node, _FUNCTIONS):
            for one in _calls(place.node.body):
                if sent := _sends(view.names_at(place, one.func)):
                    return sent
    return ""


def _own_method(visit: Visit[Loop], function: ast.expr) -> ast.stmt | None:
    """Return the method of the class around that `self.load` means."""
    class_ = visit.class_
    if class_ is None or not isinstance(function, ast.Attribute):
        return None
    if not isinstance(function.value, ast.Name) or function.value.id not in ("self", "cls"):
        return None
    return next(
        (one for one in class_.body if isinstance(one, _FUNCTIONS) and one.name == function.attr),
        None,
    )


# --- statements -----------------------------------------------------------------------------------


def _ends(body: list[ast.stmt]) -> bool:
    """Whether what stands here always leaves the loop."""
    if not body:
        return False
    last = body[-1]
    match last:
        case ast.Return() | ast.Raise() | ast.Break():
            return True
        case ast.If(body=one, orelse=other):
            return _ends(one) and _ends(other)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _ends(inner)
        case ast.Try(body=inner, handlers=handlers):
            return _ends(inner) and all(_ends(handler.body) for handler in handlers)
        case ast.Expr(value=ast.Call(func=function)):
            return source.get_last_name(function) in ("exit", "_exit", "abort", "fail")
    return False


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], (ast.Return, ast.Break))


def _inside(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a block, and of those that only open something around them."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            yield from _inside(statement.body)


def _walk(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield all nodes of a block, without what runs at another time."""
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _NESTED):
            waiting.extend(ast.iter_child_nodes(node))


def _calls(body: list[ast.stmt]) -> list[ast.Call]:
    return [node for node in _walk(body) if isinstance(node, ast.Call)]
