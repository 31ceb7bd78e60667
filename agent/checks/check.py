"""Define a check: a command for a sandbox, and how its result is read."""

import dataclasses
import json
import math
import os
import posixpath
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, TypeVar

from packaging.utils import canonicalize_name

from agent.checks import report
from agent.models.checks import CheckRun, Status
from agent.models.environment import Contract, Environment
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_OURS,
    SANDBOX_TOOLS,
    SANDBOX_TREE,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.settings import Settings
from agent.setup import sandbox_requests, sandbox_services
from agent.text import sanitise
from repo_config.detect import Project
from repo_config.schema import RepoConfig

#: Limit, in seconds, of each check except the tests.
SECONDS = 600.0
#: A check that has begun gets at least so many seconds, even if the run has less time left.
LEAST_SECONDS = 5.0
#: `limit` of a CheckRun that was ended by the minutes of the whole run, not by its own limit.
MINUTES_LIMIT = "minutes"
_OUTPUT_LIMIT = 60_000
_LONGEST_LINE = 300
#: Maximum number of bytes that `Site.text` reads of a file.
_MOST_BYTES = 256 * 1024
#: Folder with the limits of the container, if the service runs in one.
_CGROUP = Path("/sys/fs/cgroup")
RunT = TypeVar("RunT", bound=CheckRun)


@dataclass(frozen=True)
class Site:
    """Where a check runs and what the repository says about it."""

    tree: Path
    environment: Environment
    config: RepoConfig
    project: Project
    limits: SandboxLimits
    """The operator's limits."""
    at_once: int = 1
    """Number of checks that may run at the same time."""
    looks_early: bool = False
    """Whether the run of tests ends early if half of the first ones fail."""
    until: float = math.inf
    """When the run's minutes end, by the monotonic clock."""

    @property
    def names_tests(self) -> bool:
        """Whether the runner reports each test by name, as pytest and unittest do."""
        return self.project.test_runner in ("pytest", "django")

    @property
    def command_prefix(self) -> tuple[str, ...]:
        """Words before a command, so that it starts in the project's folder."""
        return ("env", "-C", self.project.root) if self.project.root else ()

    def has_package(self, package: str) -> bool:
        """Whether the repository's own environment has a package."""
        return canonicalize_name(package) in self.environment.versions

    def locate_tool(self, package: str) -> str:
        """Return the folder of a tool in the sandbox: its pinned one, the environment, or ours."""
        if package in dict(self.environment.tools):
            return f"{SANDBOX_TOOLS}/{package}"
        return SANDBOX_ENVIRONMENT if self.has_package(package) else SANDBOX_GATE

    def path_of(self, reported: str) -> str:
        """Return the path in the repository for a path that a tool reports.

        Tools report absolute paths, or paths relative to the folder in which they ran.
        """
        if reported[:1] in ("", "/", "<"):
            return reported.removeprefix(f"{SANDBOX_TREE}/")
        return posixpath.normpath(posixpath.join(self.project.root, reported))

    def text(self, path: str) -> str | None:
        """Return the text of a file; None: the tree does not have it."""
        place = self.tree / path
        # A link could lead anywhere on this machine.
        if not (place.is_file() and place.resolve().is_relative_to(self.tree.resolve())):
            return None
        return place.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")

    @property
    def settings_module(self) -> str | None:
        """Django's settings module, the same for every check."""
        return self.project.django.settings_module if self.project.django else None

    def test_limits(self) -> SandboxLimits:
        minutes = self.config.checks.minutes
        seconds = self.limits.seconds if minutes == "auto" else minutes * 60.0
        return self.limit_seconds(seconds).limits

    def tool_limits(self) -> SandboxLimits:
        """Return the limits of all checks but the tests."""
        return self.limit_seconds(SECONDS).limits

    def limit_seconds(self, seconds: float) -> Self:
        left = max(LEAST_SECONDS, self.until - time.monotonic())
        return dataclasses.replace(
            self, limits=replace(self.limits, seconds=min(seconds, self.limits.seconds, left))
        )


@dataclass(frozen=True)
class Selection:
    """Selected tests of a suite: those with these ids, and those in these files, in this order.

    An empty selection selects no test. In a field of type `Selection | None`, None means all.
    """

    ids: tuple[str, ...] = ()
    """As the runner reports them."""
    files: tuple[str, ...] = ()
    """Paths relative to the tree."""


Run_co = TypeVar("Run_co", bound=CheckRun, covariant=True)


class Check(Protocol[Run_co]):
    """A check of a repository. Instances have no state."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> type[Run_co]:
        """The type of its results."""
        ...

    def explain_absence(self, site: Site) -> str:
        """Return why the repository does not have this check; "": it has it."""
        ...

    def command(self, site: Site) -> tuple[str, ...]:
        """Return the command by which a person gets the same result."""
        ...

    def make_request(self, site: Site) -> SandboxRequest: ...

    def read_result(self, site: Site, result: SandboxResult) -> Run_co:
        """Read the sandbox's result, into which the repository's code may have written anything."""
        ...


# --- requests -------------------------------------------------------------------------------------


def get_variables(site: Site) -> dict[str, str]:
    """Return the environment variables of every check: of services and of the configuration."""
    return {**sandbox_services.variables(site.environment.services), **site.config.variables}


def request_script(
    site: Site, script: tuple[str, ...], limits: SandboxLimits, options: Mapping[str, object]
) -> SandboxRequest:
    """Compose the request for one of our scripts in the repository's environment.

    Args:
        options: Further values for the script, besides the paths of tree, report and packages.
    """
    gate = site.environment.get_packages(SANDBOX_GATE)
    request = {"report": report.PATH, "tree": SANDBOX_TREE, "gate": gate, **options}
    name, *arguments = script
    # A .pyc file in the tree may declare that Python need not compare it with its source.
    flags = ("--check-hash-based-pycs", "always")
    order = sandbox_requests.make_request(
        site.environment,
        site.tree,
        (sandbox_requests.PYTHON, *flags, f"{SANDBOX_OURS}/checks/{name}", *arguments),
        environ=get_variables(site),
        limits=limits,
        files=(SandboxFile(path=report.REQUEST_PATH, content=json.dumps(request).encode()),),
        collect=(report.PATH,),
        folder=site.project.root,
    )
    return sandbox_services.add_services(order, site.environment.services)


def count_sandboxes(settings: Settings) -> int:
    """Return how many sandboxes of a run may be open at the same time."""
    processors = count_processors()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        # Without a limit the file has the word "max", and the host's memory counts.
        memory = min(memory, int((_CGROUP / "memory.max").read_text()))
    fitting = memory // (settings.sandbox_memory_mb * 1024**2)
    share = min(processors, fitting) // settings.max_runs
    return min(max(2, share), processors)


def count_processors() -> int:
    """Return how many processors this process may use."""
    count = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        # "200000 100000": microseconds of work in each period; "max 100000": no limit.
        quota, period = map(int, (_CGROUP / "cpu.max").read_text().split())
        count = min(count, math.ceil(quota / period))
    return count


def make_site(
    tree: Path,
    environment: Environment,
    contract: Contract,
    settings: Settings,
    until: float = math.inf,
) -> Site:
    config = contract.config
    if config.checks.minutes == "auto":
        # Half of the run's minutes is for the tests, the other half for everything else.
        checks = replace(config.checks, minutes=max(1, settings.max_minutes // 2))
        config = replace(config, checks=checks)
    return Site(
        tree=tree,
        environment=environment,
        config=config,
        project=contract.project,
        limits=get_granted_limits(settings),
        at_once=count_sandboxes(settings),
        until=until,
    )


def get_granted_limits(settings: Settings) -> SandboxLimits:
    """Return the operator's limits for a check."""
    return SandboxLimits(
        seconds=settings.max_minutes * 60.0,
        memory_bytes=settings.sandbox_memory_mb * 1024**2,
        processes=settings.sandbox_processes,
        disk_bytes=settings.sandbox_disk_mb * 1024**2,
    )


# --- results --------------------------------------------------------------------------------------


def explain_limit(name: str, limit: str, limits: SandboxLimits) -> str:
    """Describe the limit that ended a check."""
    seconds = limits.seconds
    amounts = {
        "time": f"after {seconds / 60:g} minutes" if seconds > 60 else f"after {seconds:g} seconds",
        "memory": f"at the limit of {limits.memory_bytes // 1024**2} MB of memory",
        "processes": f"at the limit of {limits.processes} processes",
        "disk": f"at the limit of {limits.disk_bytes // 1024**2} MB of disk",
        "returned": "because of more output files than allowed",
    }
    return f"{name} ended {amounts.get(limit, f'at the {limit} limit')}"


def make_result(
    check: Check[RunT],
    site: Site,
    result: SandboxResult,
    status: Status,
    reason: str = "",
) -> RunT:
    """Make the result of a check from that of its sandbox."""
    return check.kind(
        name=check.name,
        status=status,
        exit_code=result.exit_code,
        seconds=result.seconds,
        command=check.command(site),
        reason=reason,
        output=shorten_output(result.output),
    )


def shorten_output(text: str) -> str:
    """Return the beginning and the end of an output, as results keep it."""
    return sanitise.shorten_middle(text, _OUTPUT_LIMIT, where="not kept")


def get_last_lines(result: SandboxResult | CheckRun) -> str:
    """Return the last three lines of an output that have words, joined into one line."""
    lines = [line.strip() for line in sanitise.strip_terminal_codes(result.output).splitlines()]
    words = [line[:_LONGEST_LINE] for line in lines if line.strip("=-_^~ ")]
    return " / ".join(words[-3:]) or f"nothing was printed, exit code {result.exit_code}"


def find_error_line(output: str) -> str:
    """Return the line that explains an error: the last one with the word "error", or the last."""
    lines = sanitise.strip_terminal_codes(output).strip().splitlines() or [""]
    marked = (line for line in reversed(lines) if "error" in line.lower())
    return next(marked, lines[-1]).strip()[:300] or "nothing was printed"
