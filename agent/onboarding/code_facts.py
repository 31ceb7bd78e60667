"""What is counted over code: HTTP client, logging, background tasks, factories, views, modes.

A value is a fact where one answer clearly outweighs all others in the application itself; tests,
examples and scripts do not count. Anything else stays open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from agent.onboarding.facts import Evidence, Fact, places
from agent.onboarding.survey import Place, Source
from agent.policy.contract import handlers

#: So many times as often as all others together, for one answer to be the project's.
_CLEARLY = 4
#: Fewer tests, views or functions that answer requests show no way of the project's.
_ENOUGH = 3
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
    r"@\s*[\w.]+\.\w+\s*\(|\b(?:request|req)\b|View|Consumer|RequestHandler|Endpoint"
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
_LOGGER = re.compile(r"\b(getLogger|get_logger)\(")
_ASYNC = re.compile(r"^[ \t]*async def ", re.MULTILINE)
_VIEW = re.compile(
    r"^(?:(?:async )?def (?!_)\w+\(\s*request\b|class \w+\((?P<bases>[^)]*View(?:Set)?\b[^)]*)\):)",
    re.MULTILINE,
)
#: What the configuration has a word for.
_WORDS = {
    "http_client": frozenset(_CLIENTS),
    "logging": frozenset({"structlog", "logging"}),
    "background_tasks": frozenset(_TASKS),
    "tests.factories": frozenset(_FACTORIES),
    "django.views": frozenset({"class", "function"}),
}
#: What a file uses, each with its place.
Uses = Iterator[tuple[str, Place]]


def counted(evidence: Evidence) -> Iterator[Fact]:
    """Yield what the code shows."""
    application, tests = evidence.survey.application, evidence.survey.tests
    talking = _count_uses(application, lambda source: _find_imported(source, _CLIENTS, _NO_CLIENTS))
    needed = {one.name for one in evidence.declared if one.runtime}
    if any(name in needed or len(found) > 1 for name, found in talking.items()):
        # A single file may do so for the sake of something else that it uses.
        yield from _choose_dominant(
            "http_client", talking, "files of the application that talk HTTP import it"
        )
    loggers = _count_uses(application, _find_loggers)
    yield from _choose_dominant(
        "logging", loggers, "files of the application that make loggers use it"
    )
    tasks = _count_uses(application, lambda source: _find_imported(source, _TASKS))
    yield from _choose_dominant(
        "background_tasks", tasks, "files of the application with tasks use it"
    )
    factories = _count_uses(tests, lambda source: _find_imported(source, _FACTORIES))
    if max(map(len, factories.values()), default=0) >= _ENOUGH:
        yield from _choose_dominant(
            "tests.factories", factories, "files of tests with factories use it", sure=False
        )
    yield from _count_modes(evidence)
    if evidence.project.framework == "django":
        views = _count_views(evidence)
        if max(map(len, views.values()), default=0) >= _ENOUGH:
            yield from _choose_dominant("django.views", views, "views are")


def _count_uses(
    sources: Iterable[Source], uses: Callable[[Source], Uses]
) -> dict[str, list[Place]]:
    """Find each use, with the first place of every file that has it."""
    found: dict[str, list[Place]] = {}
    for source in sources:
        for use, place in dict(sorted(uses(source), reverse=True)).items():
            found.setdefault(use, []).append(place)
    return found


def _find_loggers(source: Source) -> Uses:
    """What loggers are made with."""
    modules = {name.partition(".")[0] for name, _ in source.imports}
    for match, place in source.find(_LOGGER):
        if "structlog" in modules:
            yield "structlog", place
        elif "logging" in modules and match[1] == "getLogger":
            yield "logging", place
    yield from _find_imported(source, {"loguru": ("loguru",)})


def _find_imported(
    source: Source, wanted: Mapping[str, tuple[str, ...]], without: tuple[str, ...] = ()
) -> Uses:
    for name, place in source.imports:
        if without and name.startswith(without):
            continue
        for kind, modules in wanted.items():
            if any(name == module or name.startswith(f"{module}.") for module in modules):
                yield kind, place


def _choose_dominant(
    key: str, found: dict[str, list[Place]], what: str, *, sure: bool = True
) -> Iterator[Fact]:
    """The one answer that outweighs all others, if there is one."""
    if not found:
        return
    best = max(sorted(found), key=lambda one: len(found[one]))
    total = sum(map(len, found.values()))
    if best in _WORDS[key] and len(found[best]) >= _CLEARLY * (total - len(found[best])):
        why = f"{len(found[best])} of {total} {what}: {places(found[best])}"
        yield Fact(key=key, value=best, why=why, sure=sure)


def _count_views(evidence: Evidence) -> dict[str, list[Place]]:
    """Find the views of a Django project, by what they are written as."""
    found: dict[str, list[Place]] = {}
    for source in evidence.survey.application:
        if "view" in source.path.lower() or "api" in source.path.lower():
            for match, place in source.find(_VIEW):
                found.setdefault("class" if match["bases"] else "function", []).append(place)
    return found


def _count_modes(evidence: Evidence) -> Iterator[Fact]:
    """Yield the mode of what answers requests, as the rule on concurrency finds it.

    Where both stand beside each other it is left to a person.
    """
    found: dict[str, list[Place]] = {"sync": [], "async": []}
    is_django = evidence.project.framework == "django"
    for source in evidence.survey.application:
        view = evidence.view(source.path) if _HINT.search(source.text) else None
        for handler in handlers.find_handlers(view, is_django=is_django) if view else ():
            if handler.kind != "websocket":
                place = Place(source.path, handler.visit.node.lineno)
                found["async" if handler.is_async else "sync"].append(place)
    few, much = sorted(found, key=lambda mode: (len(found[mode]), mode == "sync"))
    total = sum(map(len, found.values()))
    if total < _ENOUGH:
        return
    why = f"{len(found['async'])} of {total} functions that answer requests are async"
    if found[few]:
        why += f"; {few} ones stand beside the others: {places(found[few])}"
    elif much == "sync":
        # Such as middleware that serves both, which a mode of sync would forbid to go on so.
        waiting = [place for one in evidence.survey.application for _, place in one.find(_ASYNC)]
        found[few] = waiting
        why += f", but others are: {places(waiting)}" if waiting else ""
    yield Fact(key="concurrency.mode", value=much, why=why, sure=not found[few])
