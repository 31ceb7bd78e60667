"""Keep the database's sync interfaces out of async functions.

Django refuses a query in a coroutine when it runs (`SynchronousOnlyOperation`), so it blocks here,
as far as the model is certain. A sync session of SQLAlchemy works and holds up every other request
meanwhile: that is for the reviewer. What stands in a plain function or a lambda inside, to be
handed to a thread, is none. Tests show it themselves when they run, and are left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import layout
from agent.policy.contract import coroutines
from agent.policy.contract.coroutines import Bindings
from agent.policy.contract.django_orm import Orm
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

ASYNC_QUERY = Rule(
    id="async-query",
    demands="Async functions ask Django's database by async methods or through `sync_to_async`.",
    severity=Severity.BLOCK,
    bad="async def detail(request, pk):\n    order = Order.objects.get(pk=pk)",
    good="async def detail(request, pk):\n    order = await Order.objects.aget(pk=pk)",
)
ASYNC_SESSION = Rule(
    id="async-session",
    demands="Async functions use no sync session or connection of SQLAlchemy.",
    severity=Severity.REVIEW,
    bad="async def orders(db: Session):\n    return db.scalars(select(Order)).all()",
    good="async def orders(db: AsyncSession):\n    return (await db.scalars(select(Order))).all()",
)
RULES = (ASYNC_QUERY, ASYNC_SESSION)

_FUNCTIONS = {
    "django.shortcuts.get_object_or_404": "aget_object_or_404",
    "django.shortcuts.get_list_or_404": "aget_list_or_404",
    "django.contrib.auth.authenticate": "aauthenticate",
    "django.contrib.auth.login": "alogin",
    "django.contrib.auth.logout": "alogout",
    "django.db.connection.cursor": "",
    "django.db.transaction.atomic": "",
}
_EVALUATE = frozenset(
    f"builtins.{name}"
    for name in (
        "bool", "dict", "frozenset", "len", "list", "max", "min", "set", "sorted", "sum", "tuple",
    )
)  # fmt: skip
_SESSION = re.compile(
    r"(?:sqlalchemy\.(?:orm\.(?:session\.)?(?:Session\.\(\)|sessionmaker\.\(\)\.\(\)"
    r"|scoped_session\.\(\)(?:\.\(\))?)|create_engine\.\(\)(?:\.(?:connect|begin)\.\(\))?)"
    r"|sqlmodel\.(?:orm\.session\.)?(?:Session\.\(\)|create_engine\.\(\)(?:\.(?:connect|begin)\.\(\))?)"
    r"|flask_sqlalchemy\.SQLAlchemy\.\(\)\.session)"
    r"\.(\w+)"
)
_SESSION_CALLS = frozenset(
    {
        "bulk_insert_mappings", "bulk_save_objects", "bulk_update_mappings", "commit", "connect",
        "delete", "exec", "execute", "flush", "get", "get_one", "merge", "query", "raw_connection",
        "refresh", "rollback", "scalar", "scalars",
    }
)  # fmt: skip


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new query in an async function."""

    def by_django(file: PythonFile) -> bool:
        # Its models may come from elsewhere; a project without Django has none.
        is_django = proposal.project.framework == "django" or b"django" in (file.file.after or b"")
        return is_django and not layout.is_test(file.path)

    for file, hit in proposal.fresh(queries, by_django):
        what, _, fix = hit.message.partition("\n")
        yield ASYNC_QUERY.at(file.path, what, fix, hit.line)
    for file, hit in proposal.fresh(_sessions, lambda file: not layout.is_test(file.path)):
        yield ASYNC_SESSION.at(
            file.path,
            f"{hit.message}, which holds up every other request meanwhile",
            "Use an AsyncSession, write the function without async, or hand the work to a thread.",
            hit.line,
        )


def queries(view: View) -> Iterator[Hit]:
    """Yield the queries of Django in async functions; after a newline the way out."""
    if not coroutines.has_any(view):
        return
    orm, bindings = Orm(view), Bindings(view)
    for visit, node in _asked(view):
        function = coroutines.of(visit)
        if function is None or not bindings.is_steady(node, visit):
            continue
        found = asks(view, orm, visit)
        if found is None:
            continue
        what, twin = found
        way = f"Await {twin} in its place, or" if twin else "Put it into a plain function and"
        says = (
            f"asks the database by {what} in the async function {function.name}, where Django "
            f"refuses it\n{way} call it through sync_to_async."
        )
        yield Hit(f"{function.name}: {what}", _line(visit), says)


def _line(visit: Visit[ast.AST]) -> int:
    node = visit.node.iter if isinstance(visit.node, ast.comprehension) else visit.node
    return int(getattr(node, "lineno", 1))


def _asked(view: View) -> Iterator[tuple[Visit[ast.AST], ast.expr]]:
    """Yield what may ask the database, with the expression that tells."""
    for call in view.all(ast.Call):
        yield call, call.node.func
    for loop in view.all(ast.For):
        yield loop, loop.node.iter
    for part in view.all(ast.comprehension):
        yield part, part.node.iter
    for item in view.all(ast.Subscript):
        yield item, item.node.value


def asks(view: View, orm: Orm, visit: Visit[ast.AST]) -> tuple[str, str | None] | None:
    """Say by what a call, a loop or an index asks Django's database, and its async twin."""
    node = visit.node
    if isinstance(node, ast.Call):
        return _call_asks(view, orm, visit, node)
    asked: ast.expr | None = None
    if isinstance(node, ast.For) or (isinstance(node, ast.comprehension) and not node.is_async):
        asked = node.iter
    elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        asked = node.value
    if asked is None or not (found := orm.is_("queryset", asked, visit.scope)):
        return None
    twin = None if isinstance(node, ast.Subscript) else "each row (async for)"
    return found.what, twin


def _call_asks(
    view: View, orm: Orm, visit: Visit[ast.AST], node: ast.Call
) -> tuple[str, str | None] | None:
    names = view.names(node.func, visit.scope)
    for name in names & _FUNCTIONS.keys():
        is_entered = visit.up is not None and isinstance(visit.up.node, ast.withitem)
        if name.endswith(".atomic") and not is_entered:
            continue
        if not coroutines.is_awaited(visit):
            return name.removeprefix("django."), _FUNCTIONS[name] or None
    if names & _EVALUATE and len(node.args) == 1:
        found = orm.is_("queryset", node.args[0], visit.scope)
        return (f"{found.what}, which {_last(names)}() reads", None) if found else None
    if isinstance(node.func, ast.Attribute):
        found = orm.is_("query", node.func, visit.scope)
        if found and (found.plain or not coroutines.is_awaited(visit)):
            return found.what, found.twin
    return None


def _last(names: frozenset[str]) -> str:
    return min(name.rpartition(".")[2] for name in names & _EVALUATE)


def _sessions(view: View) -> Iterator[Hit]:
    for visit, function in coroutines.calls(view):
        if what := session(view, visit):
            says = f"uses the sync {what} in the async function {function.name}"
            yield Hit(f"{function.name}: {what}", visit.node.lineno, says)


def session(view: View, visit: Visit[ast.Call]) -> str | None:
    """Say which method of a sync session or connection of SQLAlchemy a call runs."""
    if not isinstance(visit.node.func, ast.Attribute) or visit.node.func.attr not in _SESSION_CALLS:
        return None
    for name in view.names(visit.node.func, visit.scope):
        match = _SESSION.fullmatch(name)
        # A sessionmaker may make async ones.
        if match and not ("sessionmaker" in name and b"AsyncSession" in view.content):
            return f"{'session' if 'ession' in name else 'connection'} of SQLAlchemy by {match[1]}"
    return None
