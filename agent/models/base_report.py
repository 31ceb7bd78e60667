"""A report on a base commit: its checks, and what it takes to run them."""

from agent.models.checks import Status
from agent.models.record import Record


class BaseCheck(Record):
    name: str
    """Name of the check."""
    command: str
    """Command that shows the same result."""
    result: Status
    """`passed`, `failed`, `unverified`, or `not measurable`: the tool itself failed."""
    counts: str
    """Number of tests by outcome, or of findings; empty if neither is known."""
    reason: str
    """Why the result is not known, or the check failed as a whole."""
    failing: tuple[str, ...]
    """Tests that fail already; of findings, the files with their numbers, the largest first."""
    failing_count: int
    """Number of tests and findings that fail already."""
    causes: tuple[str, ...] = ()
    """Why tests fail: each kind of error with its number of tests, at most 5."""
    seconds: float
    """Duration when it was measured."""


class BaseReport(Record):
    commit: str = ""
    """The base commit."""
    branch: str | None = None
    """Branch of the base commit."""
    config_file: str | None = None
    """File with the configuration that was used; None: there is none."""
    set_up: str = ""
    """Where the set-up comes from."""
    python: str = ""
    """Version of Python; empty if nothing was run."""
    setup: tuple[str, ...] = ()
    """Set-up commands."""
    setup_seconds: float = 0.0
    """Duration of the set-up commands when they ran."""
    packages: int = 0
    """Number of installed Python packages."""
    system_packages: tuple[str, ...] = ()
    """Installed Debian packages."""
    services: tuple[str, ...] = ()
    """Servers that were started."""
    hosts: tuple[str, ...] = ()
    """Hosts that the set-up commands read from."""
    left_out: tuple[str, ...] = ()
    """What could not be installed, with the reason."""
    checks: tuple[BaseCheck, ...] = ()
    """The checks, in the order of the table."""
    attempt_seconds: float = 0.0
    """Seconds that checking one change may take: twice the slowest check, and 30."""
    minutes: int = 0
    """Maximum minutes of a ticket (`limits.minutes`)."""
    usd: float = 0.0
    """Maximum dollars of a ticket (`limits.usd`)."""
    unrun: dict[str, tuple[str, ...]] = {}
    """Hooks and CI steps that are not run, by kind."""
    absent: tuple[str, ...] = ()
    """Submodules and files that are not in the checkout."""
    configuration: str = ""
    """The proposed `.github/mergewright.yml`."""
