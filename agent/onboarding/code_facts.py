"""What is counted over code: HTTP client, logging, concurrency, background tasks, factories.

A value is a fact where one answer clearly outweighs all others in the application itself; tests,
examples and scripts do not count. Anything else stays open.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.onboarding.facts import Evidence, Fact, places
from agent.onboarding.survey import Place, Source, Survey
from agent.policy.contract import handlers

#: So many times as often as all others together, for one answer to be the project's.
_CLEARLY = 4
_ENOUGH_HANDLERS = 3
#: Modules that talk HTTP, by the client that they belong to.
_CLIENTS: dict[str, tuple[str, ...]] = {
    "httpx": ("httpx", "httpcore", "httpx_sse", "httpx_ws", "hishel"),
    "requests": ("requests", "requests_toolbelt", "requests_cache", "cachecontrol"),
    "aiohttp": ("aiohttp", "aiohttp_client_cache"),
    "urllib3": ("urllib3",),
    "another": ("urllib.request", "http.client", "httplib2", "pycurl", "tornado.httpclient"),
}
#: What they hold besides: a server, and what requests itself tells its users to take.
_NO_CLIENTS = ("aiohttp.web", "aiohttp.test_utils", "urllib3.util", "urllib3.exceptions")
#: What a file has that answers requests; others are not looked into.
_HINT = re.compile(
    rb"@\s*[\w.]+\.\w+\s*\(|\b(?:request|req)\b|View|Consumer|RequestHandler|Endpoint"
)
_TASKS: dict[str, tuple[str, ...]] = {
    "celery": ("celery",),
    "background-tasks": (
        "fastapi.BackgroundTasks",
        "fastapi.background.BackgroundTasks",
        "starlette.background",
    ),
    "rq": ("rq", "django_rq", "flask_rq2"),
    "dramatiq": ("dramatiq", "django_dramatiq"),
}
_FACTORIES: dict[str, tuple[str, ...]] = {
    "factory_boy": ("factory", "pytest_factoryboy"),
    "model_bakery": ("model_bakery",),
    "mixer": ("mixer",),
    "polyfactory": ("polyfactory",),
}
_ENOUGH_TESTS = 3
#: What the configuration has a word for.
_WORDS = {
    "http_client": frozenset(_CLIENTS),
    "logging": frozenset({"structlog", "logging"}),
    "background_tasks": frozenset(_TASKS),
    "tests.factories": frozenset(_FACTORIES),
}
#: What a file uses, each with its line.
Uses = Iterator[tuple[str, int]]


def counted(evidence: Evidence) -> Iterator[Fact]:
    """Yield what the code shows."""
    application, tests = evidence.survey.application, evidence.survey.tests
    talking = _count_uses(application, _find_clients)
    needed = {one.name for one in evidence.declared if one.runtime}
    if any(name in needed or len(found) > 1 for name, found in talking.items()):
        # A single file may do so for the sake of something else that it uses.
        yield from _choose_dominant(
            "http_client", talking, "of the application that talk HTTP import"
        )
    loggers = _count_uses(application, _find_loggers)
    yield from _choose_dominant("logging", loggers, "of the application that make loggers use")
    tasks = _count_uses(application, lambda source: _find_imported(source, _TASKS))
    yield from _choose_dominant("background_tasks", tasks, "of the application with tasks use")
    factories = _count_uses(tests, lambda source: _find_imported(source, _FACTORIES))
    if max(map(len, factories.values()), default=0) >= _ENOUGH_TESTS:
        yield from _choose_dominant(
            "tests.factories", factories, "of tests with factories use", sure=False
        )
    yield from concurrency(evidence)


def _count_uses(sources: list[Source], uses: Callable[[Source], Uses]) -> dict[str, list[Place]]:
    """Find each use, with the first line of every file that has it."""
    found: dict[str, list[Place]] = {}
    for source in sources:
        for use, line in dict(sorted(uses(source), reverse=True)).items():
            found.setdefault(use, []).append(Place(source.path, line))
    return found


def _find_clients(source: Source) -> Uses:
    return _find_imported(source, _CLIENTS, _NO_CLIENTS)


def _find_loggers(source: Source) -> Uses:
    """What loggers are made with."""
    for call in source.calls:
        name = source.dotted(call.func)
        if name in ("logging.getLogger", "structlog.get_logger", "structlog.getLogger"):
            yield name.partition(".")[0], call.lineno
    yield from _find_imported(source, {"loguru": ("loguru",)})


def _find_imported(
    source: Source, wanted: dict[str, tuple[str, ...]], without: tuple[str, ...] = ()
) -> Uses:
    for name, line in source.imports:
        if without and name.startswith(without):
            continue
        for kind, modules in wanted.items():
            if any(name == module or name.startswith(f"{module}.") for module in modules):
                yield kind, line


def _choose_dominant(
    key: str, found: dict[str, list[Place]], what: str, *, sure: bool = True
) -> Iterator[Fact]:
    """The one answer that outweighs all others, if there is one."""
    if not found:
        return
    best = max(sorted(found), key=lambda one: len(found[one]))
    total = sum(map(len, found.values()))
    if best in _WORDS[key] and len(found[best]) >= _CLEARLY * (total - len(found[best])):
        why = f"{len(found[best])} of {total} files {what} it: {places(found[best])}"
        yield Fact(key=key, value=best, why=why, sure=sure)


# --- concurrency ------------------------------------------------------------------------------


@dataclass
class Answering:
    """The functions that answer requests, by the folder of their file."""

    sync: dict[str, list[Place]] = field(default_factory=dict)
    waits: dict[str, list[Place]] = field(default_factory=dict)
    """Those that are `async def`."""


def answering(evidence: Evidence) -> Answering:
    """Find what answers requests, as the rule on concurrency does."""
    found = Answering()
    is_django = evidence.project.framework == "django"
    for source in evidence.survey.application:
        if not _HINT.search(evidence.tree.read(source.path)):
            continue
        view = evidence.view(source.path)
        for handler in handlers.of(view, is_django=is_django) if view else ():
            if handler.kind != "websocket":
                side = found.waits if handler.is_async else found.sync
                folder = posixpath.dirname(source.path)
                side.setdefault(folder, []).append(source.at(handler.visit.node))
    return found


def concurrency(evidence: Evidence) -> Iterator[Fact]:
    """Yield the mode of what answers requests, and where it is another.

    Where both mix it is left to a person, and where nothing answers requests there is none.
    """
    found = answering(evidence)
    sync, waits = sum(map(len, found.sync.values())), sum(map(len, found.waits.values()))
    if sync + waits < _ENOUGH_HANDLERS:
        return
    mode, much, few = ("async", found.waits, found.sync)
    if sync >= waits:
        mode, much, few = ("sync", found.sync, found.waits)
    other = "async" if mode == "sync" else "sync"
    apart = _apart(few, much)
    left = [one for folder in few if not _below(folder, apart) for one in few[folder]]
    why, sure = f"{waits} of {sync + waits} functions that answer requests are async", True
    if len(left) * _CLEARLY * 2 > max(sync, waits):
        why, sure = f"{why}, and {other} ones stand beside the others: {places(left)}", False
    elif mode == "sync" and (waiting := _waiting(evidence.survey, apart)):
        # Such as middleware that serves both, which a mode of sync would forbid to go on so.
        some = "1 other function is" if len(waiting) == 1 else f"{len(waiting)} others are"
        why, sure = f"{why}, but {some}: {places(waiting)}", False
    yield Fact(key="concurrency.mode", value=mode, why=why, sure=sure)
    if apart:
        patterns = [f"{folder}/**" for folder in apart]
        first = [places_[0] for folder, places_ in few.items() if _below(folder, apart)]
        why = f"all functions that answer requests there are {other}: {places(first)}"
        override = {"paths": patterns, "mode": other}
        yield Fact(key="concurrency.overrides", value=[override], why=why)


def _waiting(survey: Survey, apart: list[str]) -> list[Place]:
    """Every `async def` of the application that is in none of some folders."""
    return [
        source.at(node)
        for source in survey.application
        if not _below(posixpath.dirname(source.path), apart)
        for node in source.functions
        if isinstance(node, ast.AsyncFunctionDef)
    ]


def _apart(few: dict[str, list[Place]], much: dict[str, list[Place]]) -> list[str]:
    """The highest folders in which all handlers are of the rarer kind, and several."""
    parents = {
        "/".join(folder.split("/")[:depth])
        for folder in few
        for depth in range(1, folder.count("/") + 2)
    }
    clean = [
        one
        for one in sorted(parents - {""}, key=len)
        if not any(_below(folder, [one]) for folder in much)
        and sum(len(few[folder]) for folder in few if _below(folder, [one])) >= _ENOUGH_HANDLERS
    ]
    return [one for one in clean if not _below(posixpath.dirname(one), clean)]


def _below(folder: str, tops: list[str]) -> bool:
    return any(folder == top or folder.startswith(f"{top}/") for top in tops)
