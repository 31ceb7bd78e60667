"""Gaps that show in the code: mixed ways, migrations to squash, factories, recorded replies.

Counted as in `code_facts`, over the application and its tests.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.contract import code_facts
from agent.contract.facts import Evidence
from agent.contract.gaps import Aspect, gap, ready, unknown
from agent.contract.survey import Place

#: Migrations of one app from which on a new database takes long, and reading them longer.
_MANY_MIGRATIONS, _TOO_MANY = 50, 150
_MIGRATION = re.compile(r"(?P<folder>.*/)?migrations/\d{4}_\w+\.py")
_RECORDERS = (
    "vcr", "pytest_recording", "responses", "respx", "requests_mock", "pytest_httpx", "httpretty",
    "aioresponses", "betamax", "pook", "mocket", "httmock", "pytest_httpserver", "pytest_vcr",
)  # fmt: skip
_RECORDER_PACKAGES = frozenset(
    {name.replace("_", "-") for name in _RECORDERS} | {"vcrpy", "pytest-recording"}
)
_CASSETTES = re.compile(r"(?:^|/)(?:cassettes?|vcr_cassettes|recordings)/")
_FACTORIES = ("factory", "model_bakery", "mixer", "polyfactory", "pytest_factoryboy")
_ASYNC_ORM = re.compile(
    r"(?:aget|acreate|aupdate|adelete|acount|aexists|afirst|alast|asave|abulk_create|abulk_update"
    r"|aget_or_create|aupdate_or_create|arefresh_from_db|aiterator|aaggregate)"
)
_SYNC_SESSION = frozenset(
    {"sqlalchemy.create_engine", "sqlalchemy.orm.Session", "sqlalchemy.orm.sessionmaker",
     "sqlmodel.Session", "sqlmodel.create_engine"}
)  # fmt: skip
_CREATES = re.compile(r"\.objects\.create\w*\(")
_OFTEN = 3
_ASYNC_SESSION = "sqlalchemy.ext.asyncio."


def told_by_code(evidence: Evidence) -> Iterator[Aspect]:
    """Yield what the code tells."""
    yield _clients(evidence)
    yield _modes(evidence)
    yield _orm(evidence)
    yield _tasks(evidence)
    if evidence.project.framework == "django":
        yield _migrations(evidence)
    yield _factories(evidence)
    yield _recorded(evidence)


def _clients(evidence: Evidence) -> Aspect:
    name, found = "one HTTP client", code_facts.clients(evidence.survey)
    if not found:
        return ready(name, "the application talks to nobody over HTTP")
    if len(found) == 1:
        [(client, where)] = found.items()
        return ready(name, f"{client} alone", where)
    counts = sorted(found.items(), key=lambda one: -len(one[1]))
    shown = ", ".join(f"{client} in {_files(where)}" for client, where in counts)
    others = [place for _, where in counts[1:] for place in where]
    best = counts[0][0]
    return gap(
        name,
        "medium",
        f"several HTTP clients are in use: {shown}",
        others,
        f"Use one HTTP client: {best}",
        f"Move the places below to {best}, or decide for another client and move all. Time-outs,"
        " retries and test doubles are then set in one place. Done when `http_client` in"
        " .github/mergewright.yml holds it and nothing else is imported.",
    )


def _files(where: list[Place]) -> str:
    return f"{len(where)} file{'s' if len(where) != 1 else ''}"


def _modes(evidence: Evidence) -> Aspect:
    name, found = "sync or async", code_facts.answering(evidence)
    sync = [place for several in found.sync.values() for place in several]
    waits = [place for several in found.waits.values() for place in several]
    if not sync and not waits:
        return ready(name, "nothing answers requests")
    keys = [fact.key for fact in code_facts.concurrency(evidence)]
    if not sync or not waits:
        return ready(name, f"all that answers requests is {'async' if waits else 'sync'}")
    if "concurrency.overrides" in keys:
        return ready(name, "both, each in folders of its own")
    rarer = waits if len(waits) <= len(sync) else sync
    return gap(
        name,
        "medium",
        f"of what answers requests {len(waits)} are async and {len(sync)} are not, side by side",
        rarer,
        "Decide where code is async",
        "Say for each folder whether what answers requests there is async, move what is otherwise,"
        " and put it into `concurrency` of .github/mergewright.yml. Done when `mergewright config"
        " detect` finds one mode for each folder.",
    )


def _orm(evidence: Evidence) -> Aspect:
    """Both ways to talk to the database in one application."""
    name = "one ORM mode"
    sync: list[Place] = []
    waits: list[Place] = []
    for source in evidence.survey.application:
        for full, line in source.imports:
            if full.startswith(_ASYNC_SESSION):
                waits.append(Place(source.path, line))
            elif full in _SYNC_SESSION:
                sync.append(Place(source.path, line))
        for call in source.calls:
            if isinstance(call.func, ast.Attribute) and _ASYNC_ORM.fullmatch(call.func.attr):
                waits.append(source.at(call))
    is_django = evidence.project.framework == "django"
    if not waits or (not sync and not is_django):
        return ready(name, "async alone" if waits else "sync alone, or no ORM")
    return gap(
        name,
        "low" if is_django else "medium",
        f"queries are made both ways; {len(waits)} places are async",
        waits if is_django else [*waits, *sync],
        "Decide where queries are async",
        "Keep async queries to the folders whose code is async, and share no function that asks the"
        " database between both. Done when no folder has both.",
    )


def _tasks(evidence: Evidence) -> Aspect:
    name, found = "one system of background tasks", code_facts.tasks(evidence.survey)
    if len(found) < 2:
        return ready(name, next(iter(found), "none is seen"))
    shown = ", ".join(f"{kind} in {_files(where)}" for kind, where in found.items())
    return gap(
        name,
        "low",
        f"several systems are in use: {shown}",
        [place for where in found.values() for place in where],
        "Use one system of background tasks",
        "Decide which work goes where, and name it in `background_tasks` of"
        " .github/mergewright.yml. Done when new tasks have one place to go.",
    )


def _migrations(evidence: Evidence) -> Aspect:
    name = "migrations"
    found: dict[str, int] = {}
    for path in evidence.whole.paths:
        if match := _MIGRATION.fullmatch(path):
            folder = f"{match['folder'] or ''}migrations"
            found[folder] = found.get(folder, 0) + 1
    many = {folder: count for folder, count in found.items() if count >= _MANY_MIGRATIONS}
    if not many:
        most = max(found.values(), default=0)
        return ready(name, f"{most} in the app with most" if most else "there are none")
    shown = ", ".join(f"{count} in {folder}" for folder, count in many.items())
    return gap(
        name,
        "medium" if max(many.values()) >= _TOO_MANY else "low",
        f"every test database is made by many migrations: {shown}",
        list(many),
        "Squash old migrations",
        "Run `manage.py squashmigrations` for the apps below up to a release that everybody has,"
        " and remove the old files after the next one. Done when a test database takes seconds.",
    )


def _factories(evidence: Evidence) -> Aspect:
    name = "factories for test data"
    if evidence.project.framework != "django" or not evidence.survey.tests:
        return ready(name, "not asked for here")
    found = [
        Place(source.path, line)
        for source in evidence.survey.tests
        for full, line in source.imports
        if full.partition(".")[0] in _FACTORIES
    ]
    if found:
        return ready(name, "tests make their data by factories", found)
    by_hand = [
        source.path
        for source in evidence.survey.tests
        if len(_CREATES.findall(evidence.whole.text(source.path))) >= _OFTEN
    ]
    if len(by_hand) < _OFTEN:
        return ready(name, "little data is made by hand")
    return gap(
        name,
        "low",
        "tests make their data by hand, so that a new required field touches each of them",
        by_hand,
        "Make test data by factories",
        "Add factory_boy or model_bakery, and a factory for each model that several tests make."
        " Done when new tests can be written without copying set-up code.",
    )


def _recorded(evidence: Evidence) -> Aspect:
    name = "recorded replies"
    if not code_facts.clients(evidence.survey):
        return ready(name, "the application talks to nobody over HTTP")
    if not evidence.survey.tests:
        return unknown(name, "there are no tests")
    found: list[object] = [
        Place(source.path, line)
        for source in evidence.survey.tests
        for full, line in source.imports
        if full.partition(".")[0] in _RECORDERS
    ]
    found += [path for path in evidence.files.paths if _CASSETTES.search(path)][:5]
    found += [one.origin for one in evidence.declared if one.name in _RECORDER_PACKAGES]
    if found:
        return ready(name, "tests replay what others would answer", found)
    return gap(
        name,
        "medium",
        "the application talks HTTP, and no test was seen to replay answers; rooms have no network",
        [place for where in code_facts.clients(evidence.survey).values() for place in where][:5],
        "Record what other services answer in tests",
        "Let tests replay recorded answers (responses, respx or pytest-recording), so that they run"
        " without network. Done when `pytest --disable-socket` passes.",
    )
