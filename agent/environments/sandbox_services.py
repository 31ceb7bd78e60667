"""Servers that a repository's checks need, PostgreSQL and Redis: found, prepared, put into orders.

They run inside the sandbox, from programs of its root file system, as the sandbox's own user, on
the sandbox's own loopback, and are gone with it. Nothing is installed here: what is not there is
named, with what would provide it. How they are started is left to
`sandbox_scripts/with_services.py`.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from packaging.version import InvalidVersion, Version

from agent.environments import storage
from agent.environments.build_context import BuildContext
from agent.errors import EnvironmentFailed
from agent.models.environment import SERVICE_TITLES, SandboxService
from agent.models.sandbox import (
    SANDBOX_OURS,
    SANDBOX_OUT,
    Companion,
    Mount,
    Root,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.text import sanitise

#: Names of hosts by which settings written for containers look for them.
_HOSTS = {"postgres": ("db", "postgres", "database"), "redis": ("redis", "cache")}
_PACKAGES = {"postgres": "postgresql", "redis": "redis-server"}
#: Changes when a template means something else than before.
_FORMAT = 1
_SCRIPTS = f"{SANDBOX_OURS}/environments"
_TEMPLATES = "/services"
_ORDER_PATH = "/tmp/mergewright-services.json"  # noqa: S108 - in the sandbox, whose /tmp is its own
_JOB = "/tmp/mergewright-cluster.json"  # noqa: S108
_FOLDER = "/tmp/mergewright-services"  # noqa: S108
_FAILURE = f"{SANDBOX_OUT}/services-"
_START_SECONDS = 60.0
_MOST_WORDS = 1500
_MOST_LAST = 600
_DEFAULT = "postgres"
_USERS = ("PGUSER", "POSTGRES_USER", "DB_USER")
_DATABASES = ("PGDATABASE", "POSTGRES_DB", "DB_NAME")
_URL = "DATABASE_URL"


def provide_services(
    asked: Sequence[str], env: Mapping[str, str], build_context: BuildContext
) -> tuple[SandboxService, ...]:
    """Find what `services` asks for, make what it begins with, and see it start.

    Raises:
        EnvironmentFailed: One is not to be had or does not start; says what would help.
    """
    if not asked:
        return ()
    storage.hold_environment(build_context.settings, storage.PARTS)
    there = _list_programs(build_context)
    root = next(iter(build_context.sandbox.roots()), Root())
    given = []
    for wanted in asked:
        program = choose_program(wanted, there, root)
        if program.name == "postgres":
            program = _provide_cluster(program, env, build_context)
        given.append(program)
    _try_services(tuple(given), build_context)
    return tuple(given)


def choose_program(wanted: str, there: Sequence[SandboxService], root: Root) -> SandboxService:
    """Choose the newest program that fits what is asked for."""
    name, _, version = wanted.partition(":")
    same = sorted((one for one in there if one.name == name), key=_age, reverse=True)
    for one in same:
        if not version or one.version == version or one.version.startswith(f"{version}."):
            return one
    package = _PACKAGES[name] + (f"-{version}" if version and name == "postgres" else "")
    found = ", ".join(f"{one.version} ({one.program})" for one in same) or "none"
    way = f" To provide it: {root.adding([package])}." if root.more else ""
    raise EnvironmentFailed(
        f"services: {SERVICE_TITLES[name]} {version}".rstrip()
        + f" is not to be had in a sandbox. There is: {found}.{way}"
        + (f" Or ask for `{name}` in any version." if same else "")
    )


def _age(one: SandboxService) -> Version:
    with suppress(InvalidVersion):
        return Version(one.version)
    return Version("0")


# --- what is there, and what it begins with --------------------------------------------------


def _make_request(
    build_context: BuildContext, script: str, argument: str = "", **more: object
) -> SandboxRequest:
    """Run a script of ours under the base interpreter; nothing of the repository takes part."""
    argv = (build_context.interpreter.path, "-I", "-S", f"{_SCRIPTS}/{script}", argument)
    scripts = Mount(source=str(storage.scripts(build_context.settings)), target=SANDBOX_OURS)
    order = SandboxRequest(
        argv=argv,
        mounts=(*build_context.interpreter.sandbox_mounts(), scripts),
        limits=SandboxLimits(seconds=120),
        directory="/tmp",  # noqa: S108 - the sandbox's own
    )
    return order.model_copy(update=more)


def _list_programs(build_context: BuildContext) -> tuple[SandboxService, ...]:
    report = f"{SANDBOX_OUT}/report.json"
    order = _make_request(build_context, "find_services.py", collect=(report,))
    found = _run_for_file(order, report, "no list of servers came back", build_context)
    return tuple(SandboxService.model_validate(one) for one in json.loads(found))


def _run_for_file(
    order: SandboxRequest, handed: str, problem: str, build_context: BuildContext
) -> bytes:
    result = build_context.sandbox.run(order)
    if result.exit_code != 0 or handed not in result.files:
        ended = f" at the {result.limit} limit" if result.limit else ""
        raise EnvironmentFailed(f"services: {problem}{ended}:\n{_shorten_output(result.output)}")
    return result.files[handed]


def _provide_cluster(
    program: SandboxService, env: Mapping[str, str], build_context: BuildContext
) -> SandboxService:
    """Have a cluster with the users and databases that the repository's variables name."""
    users, databases = accounts(env)
    job = {
        "folder": posixpath.dirname(program.program),
        "users": [name for name in users if name != _DEFAULT],
        "databases": [name for name in databases if name not in (_DEFAULT, "template1")],
    }
    mark = json.dumps([_FORMAT, program.version, job, build_context.interpreter.root_mark])
    key = hashlib.sha256(mark.encode()).hexdigest()[:24]
    place = storage.folder(build_context.settings) / "services" / f"postgres-{key}"
    with storage.lock_name(build_context.settings, f"service-{key}"):
        if not place.is_dir():
            build_context.say(f"making an empty database of PostgreSQL {program.version}")
            tar = f"{SANDBOX_OUT}/cluster.tar"
            order = _make_request(
                build_context,
                "make_cluster.py",
                _JOB,
                files=(SandboxFile(path=_JOB, content=json.dumps(job).encode()),),
                collect=(tar,),
                limits=SandboxLimits(seconds=300, returned_bytes=256 * 1024**2),
            )
            problem = "PostgreSQL could not make a database"
            content = _run_for_file(order, tar, problem, build_context)
            with storage.reserve_build_folder(build_context.settings, place) as part:
                storage.write_whole(part / "cluster.tar", content)
    template = str(place / "cluster.tar")
    return program.model_copy(
        update={"template": template, "user": users[0], "database": databases[0]}
    )


def accounts(env: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """List users and databases that variables name, the first of each for whoever names none."""
    try:
        url = urlsplit(env.get(_URL, ""))
    except ValueError as problem:
        raise EnvironmentFailed(f"env: {_URL} is not an address: {problem}.") from problem
    ours = url.scheme.startswith(("postgres", "psql", "postgis"))
    users = [env.get(name, "") for name in _USERS]
    databases = [env.get(name, "") for name in _DATABASES]
    if ours:
        users.append(unquote(url.username or ""))
        databases.append(unquote(url.path.strip("/")))
    return _names(users), _names(databases)


def _names(given: list[str]) -> list[str]:
    return list(dict.fromkeys(name for name in given if name)) or [_DEFAULT]


def _try_services(services: tuple[SandboxService, ...], build_context: BuildContext) -> None:
    """Start them once, under the limits of a check and without any: what is short is said early."""
    given = build_context.settings
    limits = SandboxLimits(
        memory_bytes=given.sandbox_memory_mb * 1024**2,
        processes=given.sandbox_processes,
        disk_bytes=given.sandbox_disk_mb * 1024**2,
    )
    order = _make_request(build_context, "find_services.py", limits=limits, argv=("true",))
    order = add_services(order, services, build_context.interpreter.path)
    result = build_context.sandbox.run(order)
    if result.exit_code == 0:
        return
    names = " and ".join(SERVICE_TITLES[one.name] for one in services)
    if result.limit is None:
        words = not_started(order, result) or _shorten_output(result.output)
        raise EnvironmentFailed(f"services: {names} did not start in a sandbox: {words}")
    raise EnvironmentFailed(
        f"services: {names} cannot be started within the limits of a sandbox: it reached the one on"
        f" {result.limit}. The operator may raise MERGEWRIGHT_SANDBOX_PROCESSES,"
        " MERGEWRIGHT_SANDBOX_MEMORY_MB or MERGEWRIGHT_SANDBOX_DISK_MB."
    )


def _shorten_output(output: str) -> str:
    return sanitise.strip_terminal_codes(output).strip()[-_MOST_WORDS:]


# --- beside a command ------------------------------------------------------------------------


def variables(services: Sequence[SandboxService]) -> dict[str, str]:
    """Say where the servers are, by the names that libraries and projects read.

    Whatever the repository's configuration says by one of these names wins.
    """
    said: dict[str, str] = {}
    for one in services:
        if one.name == "postgres":
            for prefix, database in (("PG", "DATABASE"), ("POSTGRES_", "DB"), ("DB_", "NAME")):
                said |= {
                    f"{prefix}HOST": "127.0.0.1",
                    f"{prefix}PORT": "5432",
                    f"{prefix}USER": one.user,
                    f"{prefix}PASSWORD": _DEFAULT,
                    f"{prefix}{database}": one.database,
                }
            user, database = quote(one.user, safe=""), quote(one.database, safe="")
            said[_URL] = f"postgresql://{user}:{_DEFAULT}@127.0.0.1:5432/{database}"
        else:
            said |= {
                "REDIS_URL": "redis://127.0.0.1:6379/0",
                "REDIS_HOST": "127.0.0.1",
                "REDIS_PORT": "6379",
            }
    return said


def add_services(
    order: SandboxRequest, services: Sequence[SandboxService], python: str
) -> SandboxRequest:
    """Have servers started before the order's command begins."""
    if not services:
        return order
    failure = f"{_FAILURE}{secrets.token_hex(16)}"
    told, company, templates = [], [], []
    for one in services:
        folder = f"{_FOLDER}/{one.name}"
        places = {"number": f"{folder}/number", "log": f"{folder}/log"}
        company.append(Companion(name=one.title, **places))
        template = ""
        if one.template:
            source = Path(one.template)
            template = f"{_TEMPLATES}/{one.name}/{source.name}"
            templates.append(Mount(source=str(source.parent), target=f"{_TEMPLATES}/{one.name}"))
        names = {"name": one.name, "title": one.title, "program": one.program}
        told.append({**names, **places, "template": template, "folder": folder})
    seconds = min(_START_SECONDS, order.limits.seconds)
    content = json.dumps({"services": told, "seconds": seconds, "failure": failure}).encode()
    return order.model_copy(
        update={
            "argv": (python, "-I", "-S", f"{_SCRIPTS}/with_services.py", *order.argv),
            "mounts": (*order.mounts, *templates),
            "files": (*order.files, SandboxFile(path=_ORDER_PATH, content=content)),
            "collect": (*order.collect, failure),
            "company": (*order.company, *company),
            "hosts": (*order.hosts, *(name for one in services for name in _HOSTS[one.name])),
        }
    )


def not_started(order: SandboxRequest, result: SandboxResult) -> str:
    """Say which server did not start, in its own words; empty where the command began."""
    for path, content in result.files.items():
        if path.startswith(_FAILURE) and path in order.collect:
            words = sanitise.strip_terminal_codes(content.decode("utf-8", "replace")).strip()
            return " ".join(words.split())[-_MOST_WORDS:]
    return ""


def describe_ended(result: SandboxResult, during: str) -> str:
    """Say which servers ended before the command did, with their last words; empty where none."""
    return "; ".join(
        f"{name} ended during {during}. The last it said: {_last_words(log)}"
        for name, log in result.gone.items()
    )


def _last_words(log: str) -> str:
    lines = [
        line.strip() for line in sanitise.strip_terminal_codes(log).splitlines() if line.strip()
    ]
    return " / ".join(lines[-3:])[-_MOST_LAST:] or "nothing"
