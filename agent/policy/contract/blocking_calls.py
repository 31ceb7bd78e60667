"""Keep calls that wait out of the event loop, where everything else then waits with them.

A sleep, a request by a sync client or a prompt in a coroutine stops every other one of the process,
and no test with a single client shows it. A call hidden one function deep does the same. Files,
processes and sync database drivers wait as well, mostly for shorter, and are for the reviewer.
What is handed to a thread is no call here. Tests, scripts and what runs once at the start are left
out; queries of an ORM are left to `async_queries`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import layout
from agent.policy.contract import async_queries, coroutines
from agent.policy.contract.django_orm import Orm
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

BLOCKING_CALL = Rule(
    id="blocking-call",
    demands="Async functions neither sleep, nor ask a person or another host, by a sync call.",
    severity=Severity.BLOCK,
    bad="async def poll():\n    time.sleep(5)",
    good="async def poll():\n    await asyncio.sleep(5)",
)
BLOCKING_IO = Rule(
    id="blocking-io",
    demands="Async functions wait for no file, process or database driver by a sync call.",
    severity=Severity.REVIEW,
    bad="async def report():\n    return Path('report.csv').read_text()",
    good="async def report():\n    return await asyncio.to_thread(Path('report.csv').read_text)",
)
BLOCKING_DEEP = Rule(
    id="blocking-deep",
    demands="Async functions call no function of their module that waits by a sync call.",
    severity=Severity.REVIEW,
    bad="def fetch():\n    return requests.get(URL)\n\nasync def show():\n    return fetch()",
    good="async def show():\n    return await asyncio.to_thread(fetch)",
)
RULES = (BLOCKING_CALL, BLOCKING_IO, BLOCKING_DEEP)

_METHODS = r"(?:get|post|put|patch|delete|head|options|request|send|stream)"
_WAITS = re.compile(
    rf"time\.sleep|builtins\.input|getpass\.getpass"
    rf"|requests\.(?:api\.)?{_METHODS}|requests\.(?:sessions\.)?[sS]ession\.\(\)\.{_METHODS}"
    rf"|httpx\.{_METHODS}|httpx\.Client\.\(\)\.{_METHODS}"
    r"|urllib\.request\.(?:urlopen|urlretrieve)|urllib3\.request"
    r"|urllib3\.PoolManager\.\(\)\.(?:request|urlopen)"
    r"|http\.client\.HTTPS?Connection\.\(\)\.(?:request|getresponse)"
)
_IO = re.compile(
    r"builtins\.open|io\.open|gzip\.open"
    r"|shutil\.(?:copy|copy2|copyfile|copytree|move|rmtree|make_archive|unpack_archive)"
    r"|subprocess\.(?:run|call|check_call|check_output|getoutput|getstatusoutput)"
    r"|subprocess\.Popen\.\(\)\.(?:wait|communicate)|os\.(?:system|wait|waitpid)"
    r"|socket\.(?:create_connection|getaddrinfo|gethostbyname)"
    r"|socket\.socket\.\(\)\.(?:connect|accept|recv|recvfrom|send|sendall|sendto)"
    r"|threading\.(?:Thread|Timer)\.\(\)\.join|threading\.(?:Event|Condition|Barrier)\.\(\)\.wait"
    r"|smtplib\.SMTP(?:_SSL)?|django\.core\.mail\.(?:send_mail|send_mass_mail|mail_admins)"
    r"|(?:psycopg2|psycopg|pymysql|MySQLdb|pymssql|oracledb)\.connect|psycopg\.Connection\.connect"
    r"|redis\.(?:Redis|StrictRedis|from_url)\.\(\)\.(?:get|set|mget|mset|hget|hset|hgetall|incr"
    r"|decr|delete|exists|expire|lpush|rpush|lpop|rpop|blpop|brpop|publish|ping|keys|scan|eval)"
)
_FILE_METHODS = frozenset({"read_text", "read_bytes", "write_text", "write_bytes"})
_INSTEAD = {
    "time": "Await asyncio.sleep.",
    "requests": "Await an async client, or hand the call to asyncio.to_thread.",
    "httpx": "Await an httpx.AsyncClient.",
}
_TO_THREAD = "Await an async way to do it, or hand the call to asyncio.to_thread."


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new call in an async function that holds up the event loop."""

    def serves(file: PythonFile) -> bool:
        return not layout.is_apart(file.path)

    def deep(view: View) -> Iterator[Hit]:
        return _deep(view, is_django=proposal.project.framework == "django")

    for file, hit in proposal.fresh(_waits, serves):
        library = hit.what.partition(": ")[2].partition(".")[0]
        fix = _INSTEAD.get(library, _TO_THREAD)
        yield BLOCKING_CALL.at(file.path, hit.message, fix, hit.line)
    for file, hit in proposal.fresh(_io, serves):
        yield BLOCKING_IO.at(file.path, hit.message, _TO_THREAD, hit.line)
    for file, hit in proposal.fresh(deep, serves):
        yield BLOCKING_DEEP.at(
            file.path,
            hit.message,
            "Hand it to asyncio.to_thread (in Django to sync_to_async), or make it async.",
            hit.line,
        )


def _waits(view: View) -> Iterator[Hit]:
    return _direct(view, _WAITS)


def _io(view: View) -> Iterator[Hit]:
    return _direct(view, _IO)


def _direct(view: View, pattern: re.Pattern[str]) -> Iterator[Hit]:
    """Yield the calls of async functions that match, unless they are awaited."""
    for visit, function in coroutines.calls(view):
        what = _matching(view, visit, pattern)
        if what and not coroutines.runs_once(view, function, view.scope):
            says = f"calls {what} in the async function {function.name}, where all others then wait"
            yield Hit(f"{function.name}: {what}", visit.node.lineno, says)


def _matching(view: View, visit: Visit[ast.Call], pattern: re.Pattern[str]) -> str | None:
    function = visit.node.func
    for name in sorted(view.names(function, visit.scope)):
        if pattern.fullmatch(name):
            return name.removeprefix("builtins.").replace(".()", "()")
    is_path = isinstance(function, ast.Attribute) and function.attr in _FILE_METHODS
    if is_path and isinstance(function, ast.Attribute) and pattern is _IO:
        return f"Path.{function.attr}"
    return None


def _deep(view: View, *, is_django: bool) -> Iterator[Hit]:
    """Yield the calls in async functions of plain ones that wait."""
    if not coroutines.has_any(view):
        return
    inside: dict[ast.AST, list[Visit[ast.Call]]] | None = None
    reasons: dict[ast.AST, str | None] = {}
    orm = Orm(view) if is_django or b"django" in view.content else None
    for visit in view.all(ast.Call):
        function = coroutines.of(visit)
        callee = coroutines.called(view, visit) if function else None
        if function is None or not isinstance(callee, ast.FunctionDef):
            continue
        if inside is None:
            inside = _by_function(view)
        if callee not in reasons:
            calls = inside.get(callee, [])
            reasons[callee] = next((why for one in calls if (why := _why(view, orm, one))), None)
        reason = reasons[callee]
        if reason and not coroutines.runs_once(view, function, view.scope):
            says = (
                f"calls {callee.name} in the async function {function.name}; it calls {reason}, "
                "and all others then wait"
            )
            yield Hit(f"{function.name}: {callee.name}: {reason}", visit.node.lineno, says)


def _by_function(view: View) -> dict[ast.AST, list[Visit[ast.Call]]]:
    found: dict[ast.AST, list[Visit[ast.Call]]] = defaultdict(list)
    for visit in view.all(ast.Call):
        if isinstance(visit.function, ast.FunctionDef):
            found[visit.function].append(visit)
    return found


def _why(view: View, orm: Orm | None, visit: Visit[ast.Call]) -> str | None:
    """Say what a call in a plain function waits for."""
    if what := _matching(view, visit, _WAITS) or _matching(view, visit, _IO):
        return what
    if what := async_queries.session(view, visit):
        return f"the {what}"
    asked = async_queries.asks(view, orm, visit) if orm else None
    return asked[0] if asked else None
