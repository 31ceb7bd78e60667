"""Find the programs of servers in sandboxes, and add Debian packages for missing ones."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.errors import EnvironmentFailed
from agent.models.sandbox import SandboxLimits, SandboxRequest
from agent.setup import system_packages
from agent.setup.build_context import BuildContext
from repo_config.schema import RepoConfig
from repo_config.servers import read_rows

PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/bin"
_FIND = """
for program in {programs}; do
  [ -x "$program" ] && echo "{name} $program $({ask} 2>&1 | tr '\\n' ' ')"
done
"""


class ServerProgram(NamedTuple):
    path: str
    version: str
    title: str

    def read_numbers(self) -> list[int]:
        """Return the numbers of its version, in order."""
        return [*map(int, re.findall(r"\d+", self.version))]


def provide_programs(
    config: RepoConfig, build_context: BuildContext
) -> tuple[dict[str, ServerProgram], BuildContext]:
    """Choose a program for each server of the table that `services` names.

    Returns:
        Programs by the entries of `services`; and the build context, with Debian packages over
        /usr: those that the configuration names, and those of servers that sandboxes lack.

    Raises:
        EnvironmentFailed: A server or a package is not available; with the way to install it.
    """
    named, key = config.python.system_packages, "python.system_packages"
    wanted = [entry for entry in config.services if isinstance(entry, str)]
    context = _add_packages(named, key, build_context)
    available = _find_programs(wanted, context)
    if missing := [entry for entry in wanted if not choose_program(entry, available)]:
        packages = (name for entry in missing for name in _list_packages(entry))
        key = " ".join(_describe_missing(entry, available) for entry in missing)
        context = _add_packages((*named, *packages), key, build_context)
        available = _find_programs(wanted, context)
    programs = {}
    for entry in wanted:
        if (program := choose_program(entry, available)) is None:
            raise EnvironmentFailed(_describe_missing(entry, available))
        programs[entry] = program
    return programs, context


def _add_packages(names: Sequence[str], key: str, build_context: BuildContext) -> BuildContext:
    """Add Debian packages to a build context; `key` begins the message of an error."""
    try:
        return dataclasses.replace(
            build_context, system=system_packages.provide_layer(names, build_context)
        )
    except EnvironmentFailed as problem:
        raise EnvironmentFailed(f"{key}: {problem.message}") from problem


def _describe_missing(entry: str, available: Mapping[str, Sequence[ServerProgram]]) -> str:
    name, _, version = entry.partition(":")
    programs = available.get(name, ())
    listed = ", ".join(f"{program.version} ({program.path})" for program in programs)
    wanted = f"{read_rows()[name].title} {version}".rstrip()
    return f"services: no {wanted} in sandboxes. Available: {listed or 'none'}"


def _list_packages(entry: str) -> tuple[str, ...]:
    name, _, version = entry.partition(":")
    row = read_rows()[name]
    if not version or not row.versioned:
        return row.packages
    return tuple(package.format(version=version) for package in row.versioned)


def choose_program(
    entry: str, available: Mapping[str, Sequence[ServerProgram]]
) -> ServerProgram | None:
    """Return the newest program of a server and version; None: there is none."""
    name, _, version = entry.partition(":")
    start = f"{version}." if version else ""
    programs = available.get(name, ())
    fitting = (program for program in programs if f"{program.version}.".startswith(start))
    return max(fitting, key=ServerProgram.read_numbers, default=None)


def _find_programs(
    wanted: Sequence[str], build_context: BuildContext
) -> dict[str, list[ServerProgram]]:
    """List the programs of servers in sandboxes, by the names of their rows."""
    programs: dict[str, list[ServerProgram]] = {}
    rows = {name: read_rows()[name] for name in (entry.partition(":")[0] for entry in wanted)}
    if not rows:
        return programs
    script = "".join(
        _FIND.format(name=name, programs=" ".join(row.programs), ask=row.ask)
        for name, row in rows.items()
    )
    for line in build_context.run(make_request(f"{script}true", build_context)).output.split("\n"):
        name, path, answer = (*line.split(" ", 2), "", "")[:3]
        if name in rows and (match := re.search(rows[name].version, answer)):
            title = match.groupdict().get("title", rows[name].title)
            programs.setdefault(name, []).append(ServerProgram(path, match["version"], title))
    return programs


def make_request(script: str, build_context: BuildContext) -> SandboxRequest:
    """Compose the request for a shell script that works with servers' programs."""
    return SandboxRequest(
        argv=("sh", "-ec", script),
        environ={"PATH": PATH},
        directory="/tmp",  # noqa: S108 - the sandbox's own
        system=build_context.system,
        limits=SandboxLimits(seconds=300, returned_bytes=256 * 1024**2),
    )
