"""Find coroutines that never run, and bridges between sync and async code that lead nowhere.

A coroutine that nobody awaits does nothing; one that is asked whether it is true always is, so that
`if may_edit(user):` lets everybody in. `sync_to_async` and its kin take a function and are awaited;
`async_to_sync` and `asyncio.run` refuse to run where a loop runs already. What is certain blocks;
what may be meant is for the reviewer. Whether a call waits is left to `blocking_calls`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import layout, source
from agent.policy.contract import coroutines
from agent.policy.contract.coroutines import Bindings
from agent.policy.contract.django_orm import Orm
from agent.policy.names import Scope
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

UNAWAITED = Rule(
    id="unawaited",
    demands="Coroutines are awaited, or handed to somebody who does.",
    severity=Severity.BLOCK,
    bad="async def close(order):\n    notify(order)  # an async function",
    good="async def close(order):\n    await notify(order)",
)
ASYNC_BRIDGE = Rule(
    id="async-bridge",
    demands="Bridges to sync code are given a function, and bridges back begin where no loop runs.",
    severity=Severity.BLOCK,
    bad="orders = await sync_to_async(Order.objects.get(pk=pk))()",
    good="orders = await sync_to_async(Order.objects.get)(pk=pk)",
)
LAZY_BRIDGE = Rule(
    id="lazy-bridge",
    demands="What a bridge to sync code hands back is a result, not a call or a query to come.",
    severity=Severity.REVIEW,
    bad="orders = await sync_to_async(Order.objects.filter)(paid=True)",
    good="orders = await sync_to_async(list)(Order.objects.filter(paid=True))",
)
RULES = (UNAWAITED, ASYNC_BRIDGE, LAZY_BRIDGE)

#: They return a wrapper, which is called later.
_WRAPPERS = frozenset(
    {
        "asgiref.sync.sync_to_async",
        "asgiref.sync.SyncToAsync",
        "channels.db.database_sync_to_async",
    }
)
#: They are awaited themselves.
_RUNNERS = frozenset(
    {
        "asyncio.to_thread",
        "starlette.concurrency.run_in_threadpool",
        "fastapi.concurrency.run_in_threadpool",
        "anyio.to_thread.run_sync",
    }
)
_TO_SYNC = "asgiref.sync.async_to_sync"
_STARTS_A_LOOP = re.compile(
    r"asyncio\.run|anyio\.run|trio\.run"
    r"|asyncio\.(?:get_event_loop|get_running_loop)\.\(\)\.run_until_complete"
)
_COROUTINES = frozenset({"asyncio.sleep", "asyncio.wait_for", "asyncio.wait", "anyio.sleep"})
#: What a coroutine has besides what it is for.
_OF_COROUTINES = frozenset(
    {"close", "send", "throw", "cr_frame", "cr_running", "cr_await", "cr_code", "__await__",
     "__name__", "__qualname__", "__class__"}
)  # fmt: skip
_TRUTH = "asks for the truth of"
_CHECKED = frozenset({"raises", "warns", "assertRaises", "assertWarns", "suppress"})


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new coroutine that never runs, and each bridge that cannot."""
    is_django = proposal.project.framework == "django"

    def application(file: PythonFile) -> bool:
        return not layout.is_test(file.path)

    def unawaited(view: View) -> Iterator[Hit]:
        return _unawaited(view, is_django=is_django)

    for file, hit in proposal.fresh(unawaited, application):
        yield UNAWAITED.at(
            file.path, hit.message, "Await it; to begin it aside, keep the task.", hit.line
        )
    for file, hit in proposal.fresh(_bridges, application):
        what, _, fix = hit.message.partition("\n")
        yield ASYNC_BRIDGE.at(file.path, what, fix, hit.line)
    for file, hit in proposal.fresh(_lazy, application):
        what, _, fix = hit.message.partition("\n")
        yield LAZY_BRIDGE.at(file.path, what, fix, hit.line)


# --- coroutines that never run ------------------------------------------------------------------


def _unawaited(view: View, *, is_django: bool) -> Iterator[Hit]:
    orm = Orm(view) if is_django or b"django" in view.content else None
    bindings = Bindings(view)
    for visit in view.all(ast.Call):
        misuse = _misuse(visit)
        if not misuse or not bindings.is_steady(visit.node.func, visit):
            continue
        if (what := _coroutine(view, orm, visit)) and not _is_checked(visit):
            yield Hit(f"{what} {misuse}", visit.node.lineno, f"{misuse} {what} without awaiting it")


def _misuse(visit: Visit[ast.Call]) -> str:
    """Say what is done to the value of a call that cannot be done to a coroutine."""
    if visit.up is None:
        return ""
    call = visit.node
    match visit.up.node:
        case ast.Expr():
            return "calls"
        case ast.Attribute(attr=attr) if attr not in _OF_COROUTINES:
            return "takes what is in"
        case ast.Subscript(value=value) if value is call:
            return "takes what is in"
        case ast.For(iter=value) if value is call:
            return "loops over"
        case ast.Compare():
            return "compares"
        case ast.FormattedValue():
            return "prints"
        case ast.UnaryOp(op=ast.Not()):
            return _TRUTH
        case ast.comprehension(ifs=conditions) if call in conditions:
            return _TRUTH
        case ast.BoolOp(values=[*most, _]) if call in most:
            return _TRUTH
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert() as asked if asked.test is call:
            return _TRUTH
    return ""


def _coroutine(view: View, orm: Orm | None, visit: Visit[ast.Call]) -> str | None:
    """Say which coroutine a call makes, if it certainly makes one."""
    own = coroutines.called(view, visit)
    if own is not None:
        return own.name if _makes_one(own) and not own.decorator_list else None
    function = visit.node.func
    for name in sorted(view.names(function, visit.scope)):
        if name in _COROUTINES or name in _RUNNERS:
            return name
        if name.removesuffix(".()") in _WRAPPERS and name.endswith(".()"):
            return "a function from sync_to_async"
    if found := _of_tree(view, function, visit.scope):
        return found
    if orm and isinstance(function, ast.Attribute) and function.attr.startswith("a"):
        asked = orm.is_("async", function, visit.scope)
        return asked.what if asked and asked.plain else None
    return None


def _of_tree(view: View, node: ast.expr, scope: Scope) -> str | None:
    """Say which async function of the tree an expression certainly is."""
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return None
    refs = view.refs(node, scope)
    if not any(view.places.may_be(ref, b"async def ", b"sync_to_async") for ref in refs):
        return None
    found = view.only_owner(node, scope)
    if found is None:
        return None
    place, rest = found
    function: ast.AST | None = place.node
    if rest and isinstance(node, ast.Attribute) and rest == f"().{node.attr}":
        methods = [one for one in place.node.body if getattr(one, "name", "") == node.attr]
        function = methods[0] if len(methods) == 1 else None
    elif rest:
        return None
    if isinstance(function, ast.FunctionDef):
        wraps = any(view.names_at(place, one) & _WRAPPERS for one in function.decorator_list)
        return function.name if wraps else None
    if isinstance(function, ast.AsyncFunctionDef) and _makes_one(function):
        return function.name if not function.decorator_list else None
    return None


def _makes_one(function: coroutines.FunctionNode) -> bool:
    """Whether a call makes a coroutine: not a generator, which is looped over."""
    return isinstance(function, ast.AsyncFunctionDef) and not _yields(function.body)


def _yields(body: list[ast.stmt]) -> bool:
    waiting: list[ast.AST] = list(body)
    while waiting:
        at = waiting.pop()
        if isinstance(at, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(at, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(at))
    return False


def _is_checked(visit: Visit[ast.Call]) -> bool:
    """Whether it stands where an error is expected."""
    for around in visit.around():
        if isinstance(around.node, (ast.With, ast.AsyncWith)):
            calls = (item.context_expr for item in around.node.items)
            functions = (one.func for one in calls if isinstance(one, ast.Call))
            if any(getattr(one, "attr", getattr(one, "id", "")) in _CHECKED for one in functions):
                return True
    return False


# --- bridges ------------------------------------------------------------------------------------


def _bridges(view: View) -> Iterator[Hit]:
    """Yield the bridges that fail whenever they are used; after a newline the way out."""
    orm, bindings = Orm(view), Bindings(view)
    for visit in view.all(ast.Call):
        names = view.names(visit.node.func, visit.scope)
        if names & _WRAPPERS or names & _RUNNERS:
            yield from _handed(view, orm, visit, min(names & (_WRAPPERS | _RUNNERS)))
        function = coroutines.of(visit)
        if function is None:
            continue
        # What is kept on an object may have been set elsewhere to something else.
        is_one = isinstance(visit.node.func, (ast.Call, ast.Name))
        if f"{_TO_SYNC}.()" in names and is_one and bindings.is_steady(visit.node.func, visit):
            yield Hit(
                f"{function.name}: async_to_sync",
                visit.node.lineno,
                f"runs async_to_sync in the async function {function.name}, where it raises\n"
                "Await the coroutine itself.",
            )
        for name in sorted(names):
            if _STARTS_A_LOOP.fullmatch(name):
                what = name.replace(".()", "()")
                yield Hit(
                    f"{function.name}: {what}",
                    visit.node.lineno,
                    f"calls {what} in the async function {function.name}, whose loop runs already"
                    "\nAwait the coroutine itself.",
                )
    for made in view.all(ast.AsyncFunctionDef):
        for decorator in made.node.decorator_list:
            if view.names(decorator, made.scope) & _WRAPPERS:
                yield Hit(
                    f"decorates {made.node.name}",
                    made.node.lineno,
                    f"wraps the async function {made.node.name} in sync_to_async, which takes "
                    "sync ones\nTake the decorator away.",
                )


def _handed(view: View, orm: Orm, visit: Visit[ast.Call], bridge: str) -> Iterator[Hit]:
    """Look at what a bridge to sync code is given."""
    if not visit.node.args:
        return
    given, short = visit.node.args[0], bridge.rpartition(".")[2]
    if name := _async_function(view, given, visit.scope):
        yield Hit(
            f"{short}({name})",
            visit.node.lineno,
            f"hands the async function {name} to {short}, which takes sync ones\nAwait it.",
        )
    elif isinstance(given, ast.Call):
        kinds = {one.kind: one.what for one in orm.meanings(given, visit.scope)}
        called = orm.is_("query", given.func, visit.scope)
        what = kinds.get("queryset") or (called.what if called else None)
        if what:
            yield Hit(
                f"{short}({what})",
                visit.node.lineno,
                f"calls {what.removesuffix('()')} and hands what it returns to {short}, which "
                "takes a function\nHand over the function, and the arguments to what comes back.",
            )


def _async_function(view: View, node: ast.expr, scope: Scope) -> str | None:
    """Return the name of an async function that an expression certainly is."""
    names = view.names(node, scope)
    return min(names & _COROUTINES) if names & _COROUTINES else _of_tree(view, node, scope)


def _lazy(view: View) -> Iterator[Hit]:
    """Yield the bridges whose result asks the database only later, or was asked before."""
    orm = Orm(view)
    for visit in view.all(ast.Call):
        if not visit.node.args or not view.names(visit.node.func, visit.scope) & _WRAPPERS:
            continue
        given = visit.node.args[0]
        # What is asked is not the lambda's argument, so that the scope around will do.
        body = given.body if isinstance(given, ast.Lambda) else None
        asked = ("queryset", body) if body else ("lazy", given)
        found = orm.is_(*asked, visit.scope)
        if found:
            name = found.what
            yield Hit(
                f"lazy {name}",
                visit.node.lineno,
                f"takes {name} through sync_to_async, which asks the database only later, where "
                "Django refuses it\nEvaluate it inside, as by list(), or loop by async for.",
            )
        elif isinstance(given, ast.Call) and _is_called_early(view, orm, given, visit.scope):
            yield Hit(
                f"called {source.written(given.func)}",
                visit.node.lineno,
                f"hands what {source.written(given.func)}() returns to sync_to_async: it has run "
                "before, in the event loop\nHand over the function itself, unless it makes one.",
            )
    yield from _lazy_functions(view, orm)


def _is_called_early(view: View, orm: Orm, given: ast.Call, scope: Scope) -> bool:
    """Whether a function of the tree is called that makes no function."""
    if orm.is_("queryset", given, scope) or orm.is_("query", given.func, scope):
        return False  # certain, and told of as such
    for place, rest in view.owners(given.func, scope):
        if not rest and isinstance(place.node, ast.FunctionDef) and not place.node.decorator_list:
            inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
            return not any(isinstance(at, inner) for one in place.node.body for at in ast.walk(one))
    return False


def _lazy_functions(view: View, orm: Orm) -> Iterator[Hit]:
    """Yield functions under `@sync_to_async` that return a queryset."""
    wrapped = {
        visit.node
        for visit in view.all(ast.FunctionDef)
        if any(view.names(one, visit.scope) & _WRAPPERS for one in visit.node.decorator_list)
    }
    for visit in view.all(ast.Return) if wrapped else ():
        function = visit.function
        if isinstance(function, ast.FunctionDef) and function in wrapped:
            if found := orm.is_("queryset", visit.node.value, visit.scope):
                yield Hit(
                    f"{function.name}: {found.what}",
                    visit.node.lineno,
                    f"returns {found.what} from {function.name}, which sync_to_async wraps: the "
                    "database is asked only later, where Django refuses it\n"
                    "Return list(...) of it, or the row itself.",
                )
