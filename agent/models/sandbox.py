"""Sandboxes: requests, their results, and sessions that stay open."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from agent.models.change import Change, Finding
from agent.models.environment import Checkout, Layer
from agent.models.record import Record

# Paths in every sandbox. Virtual environments contain absolute paths, so these never change.
SANDBOX_TREE = "/work"
"""Private, writable copy of the work tree; also the working directory."""
SANDBOX_ENVIRONMENT = "/env"
"""The repository's environment, read-only (writable only while it is built)."""
SANDBOX_GATE = "/gate"
"""Our own pinned tools; read-only."""
SANDBOX_TOOLS = "/tools"
"""A folder for each tool that a repository pins; read-only."""
SANDBOX_OURS = "/mergewright"
"""Our own scripts for sandboxes; read-only."""
SANDBOX_HOME = "/home/sandbox"
"""Home of its user; not below /tmp, since some tests distinguish the two."""
SANDBOX_OUT = "/out"
"""Empty and writable, for files that are to be returned."""


class Mount(Record):
    source: str
    target: str
    writable: bool = False


class Outlet(Record):
    """Connection to package indexes; the sandbox has HTTP(S)_PROXY then."""

    socket: str
    certificates: str
    """File with the gateway's certificate authority."""


class Root(Record):
    name: str = ""
    """Name for `SandboxRequest.root`; empty: the default. Of an image: the minor version of its
    Python."""
    folder: str | None = None
    """Its folder on this machine, `/` for the machine's own; None: it is an image."""
    mark: str = ""
    """Identifies the content of an image."""
    more: str = ""
    """Command that adds Debian packages, without their names."""
    can_lay: bool = False
    """Whether Debian packages can be laid over its /usr; see `SandboxRequest.system`."""

    def adding(self, packages: Sequence[str]) -> str:
        return " ".join((self.more, *packages)) if self.more else ""


class SandboxFile(Record):
    path: str
    """Absolute path in the sandbox, below a writable place."""
    content: bytes


class SandboxLimits(Record):
    """Limits of one command; reaching one ends the sandbox and is named in the result."""

    seconds: float = 600.0
    memory_bytes: int = 4 * 1024**3
    processes: int = 1024
    disk_bytes: int = 2 * 1024**3
    """Size of each writable folder."""
    output_bytes: int = 512 * 1024
    """Bytes of output that are kept, half from the beginning and half from the end."""
    returned_bytes: int = 64 * 1024**2
    """Maximum size of all returned files together."""
    returned_files: int = 200


class SandboxRequest(Record):
    argv: tuple[str, ...]
    environ: dict[str, str] = {}
    """All environment variables but PATH, HOME, LANG and TMPDIR, which the sandbox sets unless
    they are here."""
    tree: str | None = None
    checkout: Checkout | None = None
    """Base commit of a session, which stays open for several commands; else None."""
    root: str = ""
    mounts: tuple[Mount, ...] = ()
    files: tuple[SandboxFile, ...] = ()
    layers: tuple[Layer, ...] = ()
    """Layers of SANDBOX_TREE and SANDBOX_HOME; a later one hides files of earlier ones."""
    system: str = ""
    """Host folder: its `files/usr` is laid over /usr, with its `ld.so.cache`. Only for a root that
    `can_lay`. Empty: none."""
    directory: str = SANDBOX_TREE
    hosts: tuple[str, ...] = ()
    """Further host names of the sandbox."""
    outlet: Outlet | None = None
    """None: no network."""
    collect: tuple[str, ...] = ()
    """Absolute sandbox paths of regular files to return; `*` as the last part means all files of a
    folder. Below SANDBOX_TREE only new and changed files are returned."""
    lists_new: bool = False
    limits: SandboxLimits = SandboxLimits()


class SandboxResult(Record):
    exit_code: int | None
    """Exit code of the command, negative for a signal; None: a limit ended it."""
    output: str
    """Beginning and end of stdout and stderr together, undecodable bytes replaced."""
    output_bytes: int
    seconds: float
    limit: str | None = None
    """The limit that was reached: `time`, `memory`, `processes`, `disk` or `returned`."""
    files: dict[str, bytes] = {}
    """Returned files by absolute sandbox path."""
    refused: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    """The first new files that the command left in the tree, relative to its root."""


class Flag(Protocol):
    def is_set(self) -> bool: ...


#: Receives output while the command runs, piece by piece.
Hear = Callable[[bytes], None]


class Sandbox(Protocol):
    """Opens sandboxes."""

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        """Run one command in a new sandbox, and remove the sandbox in any case. Thread-safe.

        Args:
            order: The command with its mounts, files and limits.
            cancelled: When it is set, the sandbox is removed within half a second.
            hear: Called in this thread with every piece of the output, also with pieces that the
                result leaves out. It must be quick and may not raise: the sandbox's output waits
                meanwhile.

        Raises:
            SandboxMissing: No sandbox can be opened here; the message says what to install.
            SandboxLost: The sandbox ended without proof that the command started, or was cancelled.
        """
        ...

    def roots(self) -> tuple[Root, ...]: ...


class CommandResult(Record):
    output: str
    """stdout and stderr together, undecodable bytes replaced; long output lacks its middle."""
    exit_code: int | None
    """Negative for a signal; None: the command or its sandbox was ended."""
    timed_out: bool = False
    omitted_bytes: int = 0
    """Bytes that `output` leaves out."""


class CollectedChange(Record):
    """Differences between the base commit and a session's tree."""

    change: Change
    findings: tuple[Finding, ...]
    """Findings on what is not part of the change: links, binary files, modes, too many files."""
    ignored: tuple[str, ...]
    """New files that the base's .gitignore names; a folder of such files ends with a slash."""


class _EitherFlag(NamedTuple):
    first: Flag
    second: Flag

    def is_set(self) -> bool:
        return self.first.is_set() or self.second.is_set()


class Stoppable:
    """Opens the sandboxes of one run, which are also removed when the run is stopped."""

    def __init__(self, sandbox: Sandbox, stopped: Flag) -> None:
        self._sandbox = sandbox
        self._stopped = stopped
        self.roots = sandbox.roots

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        either = _EitherFlag(self._stopped, cancelled) if cancelled else self._stopped
        return self._sandbox.run(order, either, hear)
