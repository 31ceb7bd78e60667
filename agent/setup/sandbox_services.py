"""Start the servers that a repository's checks need, in every sandbox that runs them.

They run inside the sandbox as its own user, on its own loopback, and end with it. Their programs
are in its root file system, or in Debian packages over it. The table of servers is
`repo_config/servers.toml`; a repository's own servers are command lines.
"""

import hashlib
import json
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pydantic import ValidationError

from agent.errors import EnvironmentFailed
from agent.models.checks import ServerKnock
from agent.models.environment import Environment, SandboxService
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_OURS,
    SANDBOX_OUT,
    Mount,
    SandboxFile,
    SandboxRequest,
    SandboxResult,
)
from agent.setup import server_programs, storage
from agent.setup.build_context import BuildContext, describe_failure
from agent.setup.server_programs import ServerProgram
from agent.text import sanitise
from repo_config.schema import OwnServer, RepoConfig
from repo_config.servers import ServerRow, read_rows

MOST_START_SECONDS = 60
_HOST = "127.0.0.1"
_TEMPLATES = "/services"
_FOLDER = "/tmp/mergewright-services"  # noqa: S108 - in the sandbox, whose /tmp is its own
#: Scripts with which `sandbox_scripts/set_up.py` starts the servers of the repository.
_LATE = f"{_FOLDER}-{{name}}.sh"
_KNOCK = f"{SANDBOX_OUT}/knock.json"
_FAILURE = f"{SANDBOX_OUT}/services-"
_OPEN = ":{:04X} 0*:0000 0A"
_BEGIN = """
mkdir -p {folder}; cd {folder}
{begin}
tar -cf {tar} data
"""
#: A subshell starts the servers and ends, so that they are no children of the command, which may
#: count its children.
_START = """(
fail() {{ printf '%s' "$1" >{failure}; echo "mergewright: $1"; exit 69; }}
start() {{
  title=$1 folder=$2 template=$3; shift 3
  ( rm -rf "$folder"; mkdir -p "$folder" || exit
    [ -z "$template" ] || tar -xof "$template" -C "$folder" || exit
    setsid "$@" </dev/null >>"$folder/log" 2>&1 & printf %s $! >"$folder/number"
  ) || fail "$title cannot be prepared"
}}
await() {{
  title=$1 folder=$2 ready=$3; shift 3
  until grep -qi -e "$ready" "$@" 2>/dev/null; do
    kill -0 "$(cat "$folder/number")" 2>/dev/null ||
      fail "$title ended at once: $(tail -c 4000 "$folder/log")"
    [ "$(date +%s)" -le "$end" ] ||
      fail "$title does not answer: $(tail -c 4000 "$folder/log")"
    sleep 0.01
  done
}}
export MERGEWRIGHT_COMMAND=$$
end=$(($(date +%s) + {seconds}))
{commands}
) || exit 69
"""
_CLEAN = (f"PATH={server_programs.PATH}", "LANG=C.UTF-8", "TZ=UTC")


class ServerAccounts(NamedTuple):
    """The users, passwords and databases that variables name, or else the row's own."""

    users: list[str]
    passwords: list[str]
    databases: list[str]


def provide_services(
    config: RepoConfig, build_context: BuildContext
) -> tuple[tuple[SandboxService, ...], BuildContext]:
    """List the servers of `services`, with their initial data; see `provide_programs`."""
    programs, context = server_programs.provide_programs(config, build_context)
    services = (
        _make_own(entry)
        if isinstance(entry, OwnServer)
        else _make_service(entry, programs[entry], config.variables, context)
        for entry in config.services
    )
    return tuple(services), context


def _make_own(server: OwnServer) -> SandboxService:
    return SandboxService(
        name=server.name,
        title=server.name,
        argv=("bash", "-eo", "pipefail", "-c", server.run),
        is_own=True,
        ports=(server.ready,),
        hosts=(server.name,),
    )


def _make_service(
    entry: str, program: ServerProgram, env: Mapping[str, str], build_context: BuildContext
) -> SandboxService:
    name = entry.partition(":")[0]
    row, folder = read_rows()[name], f"{_FOLDER}/{name}"
    users, passwords, databases = accounts = list_accounts(row, env)
    values = {
        "program": program.path, "folder": folder, "host": _HOST, "port": str(row.port),
        "user": users[0], "password": passwords[0], "database": databases[0],
    }  # fmt: skip
    quoted = {key: quote(value, safe="") for key, value in values.items()}
    words = (word.format(**values) for word in shlex.split(row.run))
    return SandboxService(
        name=name,
        title=f"{program.title} {program.version}",
        argv=("env", "-i", "-C", folder, *_CLEAN, *words),
        ports=(row.port,),
        ready=row.ready,
        stop=row.stop,
        hosts=row.hosts,
        template=_provide_data(name, program, accounts, values, build_context) if row.begin else "",
        variables={
            key: text.format(**(quoted if "://" in text else values))
            for key, text in row.variables.items()
            # A project that sets some of these does not expect an address that overrides them.
            if "://" not in text or not row.variables.keys() & env
        },
    )


def _provide_data(
    name: str,
    program: ServerProgram,
    accounts: ServerAccounts,
    values: Mapping[str, str],
    build_context: BuildContext,
) -> str:
    """Return the file with a server's initial data, with the accounts that variables name."""
    row, tar = read_rows()[name], f"{SANDBOX_OUT}/data.tar"
    script = _BEGIN.format(folder=values["folder"], begin=row.begin, tar=tar)
    lines = {"users": accounts.users, "databases": accounts.databases}
    environ = {**values, **{key: "\n".join(names) for key, names in lines.items()}}
    parts = (program, script, environ, build_context.interpreter.root_mark, build_context.system)
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
    place = storage.folder(build_context.settings) / "services" / f"{name}-{key}"

    def make(part: Path) -> None:
        build_context.say(f"creating empty data for {program.title} {program.version}")
        request = server_programs.make_request(script, build_context)
        variables = {**request.environ, **environ}
        result = build_context.run(replace(request, environ=variables, collect=(tar,)))
        if result.exit_code != 0 or tar not in result.files:
            raise EnvironmentFailed(
                f"services: creating data for {program.title} {describe_failure(result)}"
            )
        (part / "data.tar").write_bytes(result.files[tar])
        (part / "data.tar").chmod(0o644)

    return str(storage.provide_folder(build_context.settings, place, make) / "data.tar")


def list_accounts(row: ServerRow, env: Mapping[str, str]) -> ServerAccounts:
    """List the accounts that variables name; the first of each is for clients that name none.

    Raises:
        EnvironmentFailed: The value of a variable for an address is not a valid address.
    """
    named: dict[str, list[str]] = {"{user}": [], "{password}": [], "{database}": []}
    for name, text in row.variables.items():
        value = env.get(name, "")
        if text in named:
            # A longer name means the same, such as DB_USERNAME instead of DB_USER.
            # The value of a name with `_FILE` is a path.
            longer = (key for key in env if not key.endswith("_FILE"))
            named[text] += [value, *(env[key] for key in longer if key.startswith(name))]
        elif "://" in text:
            try:
                url = urlsplit(value)
            except ValueError as problem:
                raise EnvironmentFailed(f"env: {name} is not an address: {problem}.") from problem
            if url.scheme.startswith(row.schemes or "\0"):
                named["{user}"].append(unquote(url.username or ""))
                named["{password}"].append(unquote(url.password or ""))
                named["{database}"].append(unquote(url.path.strip("/")))
    defaults = row.user, row.password, row.database
    return ServerAccounts(*(
        list(dict.fromkeys(filter(None, values))) or [default]
        for values, default in zip(named.values(), defaults, strict=True)
    ))  # fmt: skip


# --- while a command runs --------------------------------------------------------------------


def variables(services: Sequence[SandboxService]) -> dict[str, str]:
    """Return variables with the servers' addresses, by names that libraries and projects read.

    Variables of the repository's configuration override them.
    """
    return {name: text for service in services for name, text in service.variables.items()}


def add_services(
    order: SandboxRequest, services: Sequence[SandboxService], *, own_late: bool = False
) -> SandboxRequest:
    """Add servers that start before the order's command.

    Args:
        own_late: The command itself starts the repository's own servers, once it has read its
            order, which they must not see, or has installed what they need.
    """
    if not services:
        return order
    failure = f"{_FAILURE}{secrets.token_hex(16)}"
    data = (
        Mount(source=str(Path(file).parent), target=f"{_TEMPLATES}/{service.name}")
        for service in services
        if (file := service.filled or service.template)
    )
    late = [service for service in services if service.is_own and own_late]
    early = [service for service in services if service not in late]
    argv, files = order.argv, order.files
    if early:
        # exec replaces the shell, so the exit code is the command's own.
        script = f'{_write_start(early, order, failure)}exec "$@"\n'
        argv = ("/bin/sh", "-c", script, "sh", *argv)
    for service in late:
        content = _write_start([service], order, failure).encode()
        files = (*files, SandboxFile(path=_LATE.format(name=service.name), content=content))
    notes = (_KNOCK for service in services if not service.ports)
    hosts = (host for service in services for host in service.hosts)
    return replace(
        order,
        argv=argv,
        files=files,
        mounts=(*order.mounts, *data),
        collect=(*order.collect, failure, *notes),
        hosts=(*order.hosts, *dict.fromkeys(hosts)),
    )


def _write_start(services: Sequence[SandboxService], order: SandboxRequest, failure: str) -> str:
    """Write the shell commands that start servers, all at once, and wait for them."""
    starts: list[str] = []
    waits: list[str] = []
    for service in services:
        folder, data = f"{_FOLDER}/{service.name}", service.filled or service.template
        template = f"{_TEMPLATES}/{service.name}/{Path(data).name}" if data else ""
        starts.append(shlex.join(("start", service.title, folder, template, *service.argv)))
        # In these files, the kernel lists a port that accepts connections in this form.
        signs = [service.ready] if service.ready else [_OPEN.format(port) for port in service.ports]
        files = (f"{folder}/log",) if service.ready else ("/proc/net/tcp", "/proc/net/tcp6")
        waits += (shlex.join(("await", service.title, folder, sign, *files)) for sign in signs)
    seconds = min(MOST_START_SECONDS, int(order.limits.seconds))
    commands = "\n".join([*starts, *waits])
    return _START.format(failure=failure, seconds=seconds, commands=commands)


def locate_data(services: Sequence[SandboxService]) -> Iterator[dict[str, str]]:
    """Yield where a sandbox has the data of servers, for the script that stores the data."""
    for service in services:
        if service.template:
            folder = f"{_FOLDER}/{service.name}"
            yield {
                "name": service.name, "number": f"{folder}/number", "stop": service.stop,
                "data": f"{folder}/data",
            }  # fmt: skip


# --- servers that are not configured -----------------------------------------------------------


def make_listener(environment: Environment) -> SandboxService:
    """Make a listener on the ports of servers, which ends a command that connects to one."""
    rows = read_rows()
    taken = {port for service in environment.services for port in service.ports}
    names: dict[int | str, str] = {}
    for name, row in rows.items():
        if row.port not in taken:
            names.setdefault(row.port, name)
            if row.socket:
                names.setdefault(row.socket, name)
    order = json.dumps({"places": [*names.items()], "knock": _KNOCK})
    script = f"{SANDBOX_OURS}/setup/listen.py"
    listened = [rows[name] for name in dict.fromkeys(names.values())]
    return SandboxService(
        name="listener",
        title="the listener for servers",
        argv=(environment.interpreter.path, "-I", "-S", script, order),
        ports=(),
        ready="listening",
        hosts=tuple(host for row in listened for host in row.hosts),
        variables={key: text for row in listened for key, text in row.socket_variables.items()},
    )


def read_knock(order: SandboxRequest, result: SandboxResult) -> ServerKnock | None:
    """Read which server the command connected to; foreign code may have written the note."""
    if _KNOCK in order.collect and _KNOCK in result.files:
        with suppress(ValidationError):
            knock = ServerKnock.model_validate_json(result.files[_KNOCK][:10_000])
            return knock if knock.name in read_rows() else None
    return None


def configure_knocks(knocks: Sequence[ServerKnock]) -> dict[str, object]:
    """Write the configuration of servers that commands connected to, with the clients' accounts."""
    env: dict[str, str] = {}
    for knock in knocks:
        accounts = {"{user}": knock.user, "{database}": knock.database}
        for name, text in read_rows()[knock.name].variables.items():
            if value := accounts.pop(text, ""):
                env[name] = value
    return {"services": [knock.name for knock in knocks], **({"env": env} if env else {})}


def not_started(order: SandboxRequest, result: SandboxResult) -> str:
    """Return which server did not start, with its last output; empty: the command started."""
    for path, content in result.files.items():
        if path.startswith(_FAILURE) and path in order.collect:
            words = sanitise.strip_terminal_codes(content.decode("utf-8", "replace")).strip()
            return " ".join(words.split())[-1500:]
    return ""
