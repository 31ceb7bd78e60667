"""Sandboxes: the order for one, what comes out of it, and one that stays open."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from agent.models.change import Change, Finding
from agent.models.environment import Checkout, Layer
from agent.models.record import Record

# Where things are inside every sandbox. Virtual environments contain absolute paths, so these are
# the same in all phases.
SANDBOX_TREE = "/work"
"""A private, writable copy of the work tree; also the working directory."""
SANDBOX_ENVIRONMENT = "/env"
"""The repository's environment, read-only (writable only while it is built)."""
SANDBOX_GATE = "/gate"
"""Our own pinned tools, read-only."""
SANDBOX_TOOLS = "/tools"
"""A folder for each tool that a repository pins, read-only."""
SANDBOX_OURS = "/mergewright"
"""Our own scripts that run inside the sandbox, read-only."""
SANDBOX_HOME = "/home/sandbox"
"""Home of the user in it; not below /tmp, since some tests tell the two apart."""
SANDBOX_OUT = "/out"
"""Empty and writable: where a command leaves files that are to be returned."""


class Mount(Record):
    source: str
    target: str
    writable: bool = False


class Outlet(Record):
    """The way to package indexes; the sandbox then gets HTTP(S)_PROXY."""

    socket: str
    certificates: str
    """File with the authority that the gateway speaks by."""


class Root(Record):
    name: str = ""
    """For `SandboxRequest.root`; empty: what sandboxes have when nothing is said. Of an image: the
    minor version of its Python."""
    folder: str | None = None
    """Where it is on this machine, whose own is `/`; None: in an image."""
    mark: str = ""
    """Mark of an image: changes whenever it does."""
    more: str = ""
    """Command that adds Debian packages; their names follow."""
    can_lay: bool = False
    """Whether sandboxes can have more laid over its /usr; see `SandboxRequest.system`."""

    def adding(self, packages: Sequence[str]) -> str:
        return " ".join((self.more, *packages)) if self.more else ""


class SandboxFile(Record):
    path: str
    """Absolute path in the sandbox, below a writable place."""
    content: bytes


class SandboxLimits(Record):
    """What one command may use; reaching one ends the sandbox and is named in the result."""

    seconds: float = 600.0
    memory_bytes: int = 4 * 1024**3
    processes: int = 1024
    disk_bytes: int = 2 * 1024**3
    """Size of each writable place."""
    output_bytes: int = 512 * 1024
    """Kept of what is printed: the first and the last half of this; the rest is counted."""
    returned_bytes: int = 64 * 1024**2
    """Maximum size of all returned files together."""
    returned_files: int = 200


class SandboxRequest(Record):
    argv: tuple[str, ...]
    environ: dict[str, str] = {}
    """The whole environment besides PATH, HOME, LANG and TMPDIR, which the sandbox sets unless
    they are given here."""
    tree: str | None = None
    checkout: Checkout | None = None
    """The commit below the tree of a session, which stays open for several commands; else None."""
    root: str = ""
    mounts: tuple[Mount, ...] = ()
    files: tuple[SandboxFile, ...] = ()
    layers: tuple[Layer, ...] = ()
    """Layers of SANDBOX_TREE and SANDBOX_HOME, the later over the earlier."""
    system: str = ""
    """Host folder whose `files/usr` is laid over /usr, with `ld.so.cache` for all of it; only for a
    root that can have it. Empty: none."""
    directory: str = SANDBOX_TREE
    hosts: tuple[str, ...] = ()
    """Further names by which the sandbox knows itself."""
    outlet: Outlet | None = None
    """None: no network."""
    collect: tuple[str, ...] = ()
    """Absolute paths in the sandbox of regular files that are returned; `*` as the last part
    means all files of a folder. Below SANDBOX_TREE only files that are new or differ from the
    tree that was given."""
    lists_new: bool = False
    limits: SandboxLimits = SandboxLimits()


class SandboxResult(Record):
    exit_code: int | None
    """The command's own exit code, negative for a signal; None when a limit ended it."""
    output: str
    """stdout and stderr together, head and tail, undecodable bytes replaced."""
    output_bytes: int
    seconds: float
    limit: str | None = None
    """`time`, `memory`, `processes`, `disk` or `returned` when that limit was hit."""
    files: dict[str, bytes] = {}
    """Returned files by absolute path in the sandbox."""
    refused: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    """Files that the command left in the tree, from its root; the first of them."""


class Flag(Protocol):
    def is_set(self) -> bool: ...


#: Takes what a sandbox prints while its command runs, in the pieces in which it comes.
Hear = Callable[[bytes], None]


class Sandbox(Protocol):
    """Opens sandboxes. Raises SandboxMissing when there is no way to open one."""

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        """Run one command in a fresh sandbox and take the sandbox down, whatever happens.

        Several threads may do so at a time.

        Args:
            order: What to run, and with what.
            cancelled: Once it is set, the sandbox is taken down within half a second.
            hear: Called in this thread with every piece of the output, also with those which the
                result leaves out. It has to be quick and may not raise: what the sandbox prints
                meanwhile waits.

        Raises:
            SandboxMissing: No sandbox can be opened here; the message says what to install.
            SandboxLost: The sandbox ended without proof that the command started, or was cancelled.
        """
        ...

    def roots(self) -> tuple[Root, ...]: ...


class CommandResult(Record):
    output: str
    """stdout and stderr together, undecodable bytes replaced; head and tail where it was long."""
    exit_code: int | None
    """Negative for a signal; None where the command was ended, or its sandbox was."""
    timed_out: bool = False
    omitted_bytes: int = 0
    """Bytes that `output` leaves out."""


class CollectedChange(Record):
    """What differs between the base commit and a session's tree."""

    change: Change
    findings: tuple[Finding, ...]
    """What is not part of the change, and why: links, binary files, modes, more than is taken."""
    ignored: tuple[str, ...]
    """New files that the base's rules ignore; a folder of nothing else ends in a slash."""


class _EitherFlag(NamedTuple):
    one: Flag
    other: Flag

    def is_set(self) -> bool:
        return self.one.is_set() or self.other.is_set()


class Stoppable:
    """Sandboxes of one run, which are also taken down when that is stopped."""

    def __init__(self, sandbox: Sandbox, stopped: Flag) -> None:
        self._sandbox = sandbox
        self._stopped = stopped
        self.roots = sandbox.roots

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        either = _EitherFlag(self._stopped, cancelled) if cancelled else self._stopped
        return self._sandbox.run(order, either, hear)
