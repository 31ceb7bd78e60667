"""Servers that a repository's checks need, PostgreSQL and Redis, in every sandbox that runs them.

They run inside the sandbox, from programs of its root file system, as its own user, on its own
loopback. They end with it. Nothing is installed here: a missing server is named, with the package
that provides it.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from agent.errors import EnvironmentFailed
from agent.models.environment import SERVICE_TITLES, SandboxService
from agent.models.sandbox import (
    SANDBOX_OUT,
    Mount,
    Root,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.setup import storage
from agent.setup.build_context import BuildContext, describe_failure
from agent.text import sanitise

#: Names of hosts by which settings written for containers look for them.
_HOSTS = {"postgres": ("db", "postgres", "database"), "redis": ("redis", "cache")}
_PACKAGES = {"postgres": "postgresql", "redis": "redis-server"}
_TEMPLATES = "/services"
_FOLDER = "/tmp/mergewright-services"  # noqa: S108 - in the sandbox, whose /tmp is its own
_FAILURE = f"{SANDBOX_OUT}/services-"
_DEFAULT = "postgres"
_USERS = ("PGUSER", "POSTGRES_USER", "DB_USER")
_DATABASES = ("PGDATABASE", "POSTGRES_DB", "DB_NAME")
_URL = "DATABASE_URL"
_PORTS = {"postgres": 5432, "redis": 6379}
#: As Debian and source builds lay them out.
_FIND = """
for program in /usr/lib/postgresql/*/bin/postgres /usr/local/pgsql/bin/postgres \\
    /usr/local/bin/postgres /usr/local/bin/redis-server /usr/bin/redis-server; do
  case $program in *postgres) beside="${program%/*}/initdb";; *) beside="$program";; esac
  [ -x "$program" ] && [ -x "$beside" ] && echo "$program $("$program" --version)"
done; true
"""
_FOUND = re.compile(r"^(?P<program>\S+) .*?(?:PostgreSQL\) |v=)(?P<version>\d[\w.]*)", re.MULTILINE)
#: Whoever reaches the server is in the sandbox already.
_MAKE_CLUSTER = """
{folder}/initdb --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync \\
    --wal-segsize=1 -D /tmp/data
printf '%s' {statements} | {folder}/postgres --single -D /tmp/data -c exit_on_error=on -F postgres
tar -cf {tar} -C /tmp data
"""
#: Nothing outlives the sandbox, so nothing needs to reach a disk; and equal runs are to see equal
#: query plans, which no worker in the background may change.
_POSTGRES = (
    "listen_addresses=localhost", "unix_socket_directories=/tmp", "fsync=off",
    "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
    "max_logical_replication_workers=0", "min_wal_size=2MB", "max_wal_size=64MB",
    "shared_buffers=32MB", "autovacuum=off", "jit=off", "log_min_messages=log",
)  # fmt: skip
_REDIS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
#: A subshell that ends at once starts the servers: so they belong to the sandbox and not to the
#: command, which may count its children. The shell then becomes the command: nobody stands between
#: it and whoever reads its exit code, and its variables are as they were handed in.
_START = """(
fail() {{ printf '%s' "$1" >{failure}; echo "mergewright: $1"; exit 69; }}
start() {{
  title=$1 folder=$2 template=$3; shift 3
  ( umask 077; rm -rf "$folder"; mkdir -p "$folder" && cd "$folder" || exit
    [ -z "$template" ] || tar -xof "$template" || exit
    env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 TZ=UTC setsid "$@" \\
      </dev/null >>log 2>&1 & printf %s $! >number ) || fail "$title cannot be prepared"
}}
await() {{
  until grep -qi 'ready to accept connections' "$2/log" 2>/dev/null; do
    kill -0 "$(cat "$2/number")" 2>/dev/null || fail "$1 ended at once: $(tail -c 4000 "$2/log")"
    [ "$(date +%s)" -le "$end" ] || fail "$1 does not answer: $(tail -c 4000 "$2/log")"
    sleep 0.01
  done
}}
end=$(($(date +%s) + {seconds}))
{commands}
) || exit 69
exec "$@"
"""


def provide_services(
    asked: Sequence[str], env: Mapping[str, str], build_context: BuildContext
) -> tuple[SandboxService, ...]:
    """Find what `services` asks for, and make what it begins with.

    Raises:
        EnvironmentFailed: One is not to be had; says what would help.
    """
    there = tuple(_list_programs(build_context)) if asked else ()
    given = []
    for wanted in asked:
        program = choose_program(wanted, there, build_context.root)
        if program.name == "postgres":
            program = _provide_cluster(program, env, build_context)
        given.append(program)
    return tuple(given)


def choose_program(wanted: str, there: Sequence[SandboxService], root: Root) -> SandboxService:
    """Choose the newest program that fits what is asked for."""
    name, _, version = wanted.partition(":")
    same = [service for service in there if service.name == name]
    same.sort(key=lambda service: [*map(int, re.findall(r"\d+", service.version))], reverse=True)
    for service in same:
        if not version or f"{service.version}.".startswith(f"{version}."):
            return service
    package = _PACKAGES[name] + (f"-{version}" if version and name == "postgres" else "")
    found = ", ".join(f"{service.version} ({service.program})" for service in same) or "none"
    way = f" Install it with: {root.adding([package])}." if root.more else ""
    raise EnvironmentFailed(
        f"services: {SERVICE_TITLES[name]} {version}".rstrip()
        + f" is not available in a sandbox. Available: {found}.{way}"
    )


def _make_request(script: str, *, seconds: float = 120, collect: str = "") -> SandboxRequest:
    return SandboxRequest(
        argv=("sh", "-ec", script),
        directory="/tmp",  # noqa: S108 - the sandbox's own
        collect=(collect,) if collect else (),
        limits=SandboxLimits(seconds=seconds, returned_bytes=256 * 1024**2),
    )


def _list_programs(build_context: BuildContext) -> Iterator[SandboxService]:
    result = build_context.run(_make_request(_FIND))
    for match in _FOUND.finditer(result.output):
        name = "postgres" if match["program"].endswith("postgres") else "redis"
        yield SandboxService(name=name, program=match["program"], version=match["version"])


def _provide_cluster(
    program: SandboxService, env: Mapping[str, str], build_context: BuildContext
) -> SandboxService:
    """Have a cluster with the users and databases that the repository's variables name."""
    users, databases = list_accounts(env)
    statements = [f"CREATE ROLE {_quote(name)} SUPERUSER LOGIN" for name in users]
    statements += [f"CREATE DATABASE {_quote(name)}" for name in databases]
    of_its_own = {f"CREATE ROLE {_quote(_DEFAULT)} SUPERUSER LOGIN"}
    of_its_own |= {f"CREATE DATABASE {_quote(name)}" for name in (_DEFAULT, "template1")}
    lines = "".join(f"{statement}\n" for statement in statements if statement not in of_its_own)
    tar = f"{SANDBOX_OUT}/cluster.tar"
    script = _MAKE_CLUSTER.format(
        folder=posixpath.dirname(program.program), statements=shlex.quote(lines), tar=tar
    )
    mark = json.dumps([program.version, script, build_context.interpreter.root_mark])
    key = hashlib.sha256(mark.encode()).hexdigest()[:24]
    place = storage.folder(build_context.settings) / "services" / f"postgres-{key}"

    def make(part: Path) -> None:
        build_context.say(f"creating an empty PostgreSQL {program.version} database")
        result = build_context.run(_make_request(script, seconds=300, collect=tar))
        if result.exit_code != 0 or tar not in result.files:
            raise EnvironmentFailed(
                f"services: creating a PostgreSQL database {describe_failure(result)}"
            )
        (part / "cluster.tar").write_bytes(result.files[tar])
        (part / "cluster.tar").chmod(0o644)

    template = storage.provide_folder(build_context.settings, place, make) / "cluster.tar"
    return program.model_copy(
        update={"template": str(template), "user": users[0], "database": databases[0]}
    )


def _quote(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def list_accounts(env: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """List users and databases that variables name, the first of each for whoever names none."""
    try:
        url = urlsplit(env.get(_URL, ""))
    except ValueError as problem:
        raise EnvironmentFailed(f"env: {_URL} is not an address: {problem}.") from problem
    ours = url.scheme.startswith(("postgres", "psql", "postgis"))
    users = [*map(env.get, _USERS), unquote(url.username or "") if ours else ""]
    databases = [*map(env.get, _DATABASES), unquote(url.path.strip("/")) if ours else ""]
    return _names(users), _names(databases)


def _names(given: Sequence[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in given if name)) or [_DEFAULT]


# --- beside a command ------------------------------------------------------------------------


def variables(services: Sequence[SandboxService]) -> dict[str, str]:
    """Say where the servers are, by the names that libraries and projects read.

    Whatever the repository's configuration says by one of these names wins.
    """
    said: dict[str, str] = {}
    for service in services:
        port = _PORTS[service.name]
        if service.name == "postgres":
            for prefix, database in (("PG", "DATABASE"), ("POSTGRES_", "DB"), ("DB_", "NAME")):
                said |= {
                    f"{prefix}HOST": "127.0.0.1",
                    f"{prefix}PORT": str(port),
                    f"{prefix}USER": service.user,
                    f"{prefix}PASSWORD": _DEFAULT,
                    f"{prefix}{database}": service.database,
                }
            user, database = quote(service.user, safe=""), quote(service.database, safe="")
            said[_URL] = f"postgresql://{user}:{_DEFAULT}@127.0.0.1:{port}/{database}"
        else:
            said |= {
                "REDIS_URL": f"redis://127.0.0.1:{port}/0",
                "REDIS_HOST": "127.0.0.1",
                "REDIS_PORT": str(port),
            }
    return said


def add_services(order: SandboxRequest, services: Sequence[SandboxService]) -> SandboxRequest:
    """Have servers started before the order's command begins."""
    if not services:
        return order
    failure = f"{_FAILURE}{secrets.token_hex(16)}"
    commands, waits, mounts = [], [], []
    for service in services:
        folder, template = f"{_FOLDER}/{service.name}", ""
        port = str(_PORTS[service.name])
        if data := service.filled or service.template:
            source = Path(data)
            template = f"{_TEMPLATES}/{service.name}/{source.name}"
            mounts.append(Mount(source=str(source.parent), target=f"{_TEMPLATES}/{service.name}"))
        arguments: tuple[str, ...] = ("--port", port, *_REDIS)
        if service.name == "postgres":
            settings = (word for setting in _POSTGRES for word in ("-c", setting))
            arguments = ("-D", f"{folder}/data", "-p", port, *settings)
        commands.append(
            shlex.join(("start", service.title, folder, template, service.program, *arguments))
        )
        waits.append(shlex.join(("await", service.title, folder)))
    seconds = min(60, int(order.limits.seconds))  # to start in
    script = _START.format(
        failure=failure, seconds=seconds, commands="\n".join([*commands, *waits])
    )
    return order.model_copy(
        update={
            "argv": ("/bin/sh", "-c", script, "sh", *order.argv),
            "mounts": (*order.mounts, *mounts),
            "collect": (*order.collect, failure),
            "company": {service.title: f"{_FOLDER}/{service.name}/number" for service in services},
            "hosts": (
                *order.hosts,
                *(name for service in services for name in _HOSTS[service.name]),
            ),
        }
    )


def locate_cluster(services: Sequence[SandboxService]) -> dict[str, str] | None:
    """Say where a sandbox has PostgreSQL's data, for the script that keeps them."""
    folder = f"{_FOLDER}/postgres"
    place = {"number": f"{folder}/number", "data": f"{folder}/data"}
    return place if any(service.name == "postgres" for service in services) else None


def not_started(order: SandboxRequest, result: SandboxResult) -> str:
    """Say which server did not start, in its own words; empty where the command began."""
    for path, content in result.files.items():
        if path.startswith(_FAILURE) and path in order.collect:
            words = sanitise.strip_terminal_codes(content.decode("utf-8", "replace")).strip()
            return " ".join(words.split())[-1500:]
    return ""
