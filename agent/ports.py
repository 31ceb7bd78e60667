"""The seams of the agent: what it needs from the outside, as Protocols.

Real implementations live in `agent.adapters`; shipped fakes in `agent.testing`. There is no
port for git (tests use real git), for the clock or for configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Protocol, TypeVar

from agent.domain import Outcome, Record, Run, Ticket

T = TypeVar("T")

# Where things are inside every room. Virtual environments hold absolute paths, so these are
# the same in all phases.
ROOM_TREE = "/work"
"""A private, writable copy of the work tree; also the working directory."""
ROOM_ENVIRONMENT = "/env"
"""The repository's environment, read-only (writable only while it is built)."""
ROOM_GATE = "/gate"
"""Our own pinned tools, read-only."""
ROOM_OURS = "/mergewright"
"""Our own scripts that run inside the room, read-only."""
ROOM_OUT = "/out"
"""Empty and writable: where a command leaves files that are to be handed back."""


class Step(Protocol):
    """Do a piece of work once and remember its result under a stable, unique name."""

    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
        """Run `work(*args)`, or return what it returned before."""
        ...


class Mount(Record):
    """A host path shown in the room."""

    source: str
    target: str
    writable: bool = False


class RoomFile(Record):
    """A file laid into the room before the command starts (after the tree is copied)."""

    path: str
    """Absolute path in the room, below a writable place."""
    content: bytes


class RoomLimits(Record):
    """What one command may use; reaching one ends the room and is named in the result."""

    seconds: float = 600.0
    memory_bytes: int = 4 * 1024**3
    processes: int = 256
    disk_bytes: int = 2 * 1024**3
    """Size of each writable place."""
    output_bytes: int = 512 * 1024
    """Kept of what is printed: the first and the last half of this; the rest is counted."""
    returned_bytes: int = 64 * 1024**2
    """Of all returned files together."""
    returned_files: int = 200


class RoomOrder(Record):
    """One command to run in a fresh room."""

    argv: tuple[str, ...]
    environ: dict[str, str] = {}
    """The whole environment besides PATH, HOME, LANG and TMPDIR, which the room sets unless
    they are given here."""
    tree: str | None = None
    """Host folder copied to ROOM_TREE."""
    mounts: tuple[Mount, ...] = ()
    files: tuple[RoomFile, ...] = ()
    directory: str = ROOM_TREE
    """Working directory."""
    proxy_socket: str | None = None
    """Unix socket of our egress proxy; the room then gets HTTP(S)_PROXY. None: no network."""
    collect: tuple[str, ...] = ()
    """Absolute glob patterns in the room (`**` allowed); regular files that match are handed
    back. Below ROOM_TREE only files that are new or differ from the tree that was handed in."""
    limits: RoomLimits = RoomLimits()


class RoomResult(Record):
    """What a room gave back."""

    exit_code: int | None
    """The command's own exit code, negative for a signal; None when a limit ended it."""
    output: str
    """stdout and stderr together, head and tail, undecodable bytes replaced."""
    output_bytes: int
    """How much was printed in all."""
    seconds: float
    limit: str | None = None
    """`time`, `memory`, `processes`, `disk` or `returned` when that limit was hit."""
    files: dict[str, bytes] = {}
    """Returned files by absolute path in the room."""
    refused: tuple[str, ...] = ()
    """Matches that were not handed back, with the reason: links, devices, too large, too many."""


class Measure(Record):
    """One limit of a room, tried out."""

    limit: str
    enforced: bool
    detail: str
    """What was attempted and what happened."""
    required: bool
    """Whether rooms are refused without it."""


class Sandbox(Protocol):
    """Opens sealed rooms. Raises SandboxMissing when there is no way to open one."""

    def run(self, order: RoomOrder, cancelled: Event | None = None) -> RoomResult:
        """Run one command in a fresh room and take the room down, whatever happens.

        Several threads may do so at a time.

        Args:
            order: What to run, and with what.
            cancelled: Once it is set, the room is taken down within half a second.

        Raises:
            SandboxMissing: No room can be opened here; the message says what to install.
            SandboxLost: The room ended without proof that the command started, or was cancelled.
        """
        ...

    def measure(self) -> tuple[Measure, ...]:
        """Try every limit by an attempt to break it."""
        ...


class Forge(Protocol):
    """Where tickets come from and results go."""

    def ticket(self, run: Run) -> Ticket:
        """Read the ticket as data."""
        ...

    def deliver(self, run: Run, outcome: Outcome) -> Outcome:
        """Hand the text to the reader; return the outcome with its place filled in.

        May run twice: the same run overwrites its own earlier delivery.
        """
        ...


class SourceArchive(Record):
    """A source distribution on the index."""

    name: str
    version: str
    filename: str
    url: str
    sha256: str
    requires_python: str | None = None


class IndexAccess(Record):
    """How the index is reached; for the host and for the fetch room only, never shown."""

    url: str
    """Address of the simple index, with credentials where it needs them."""
    ca_bundle: str | None = None
    """Certificate file on the host that the operator trusts beyond the usual ones."""


class PackageIndex(Protocol):
    """The package index, as far as the fetch phase needs it from outside a room."""

    @property
    def mark(self) -> str:
        """Which index this is, for keys; needs no more than the settings."""
        ...

    @property
    def url(self) -> str:
        """Address of the simple index in use, without credentials."""
        ...

    def access(self) -> IndexAccess:
        """What the fetch phase needs to reach the index."""
        ...

    def hosts(self) -> tuple[str, ...]:
        """Hosts that the fetch phase may reach: the index and wherever its files are."""
        ...

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions of a project, newest version first.

        Raises:
            IndexUnavailable: The index did not answer, after bounded retries.
        """
        ...

    def download(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256."""
        ...
