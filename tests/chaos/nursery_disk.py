"""A data folder of its own for each worker of a fleet, under the name that all of them have."""

import os
from collections.abc import Sequence
from pathlib import Path

from agent.sandbox import slots

#: Names the folder to the workers themselves.
DISK = "CHAOS_DISK"
_MOUNT = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def see(disk: Path, home: Path, program: Sequence[str]) -> list[str]:
    """Wrap a program so that it sees one folder in place of another."""
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    bound, rest = program[:5], program[5:]
    shell = ("/bin/sh", "-c", _MOUNT, "sh", str(disk), str(home), program[5], *rest[1:])
    return [*bound, "/usr/bin/unshare", "--mount", *as_root, *shell]


def take_own_slots() -> None:
    """Have the sandboxes of this process named, and their users numbered, by its real folder."""
    if disk := os.environ.get(DISK):
        plain = slots._hash
        slots._hash = lambda home: plain(Path(disk))
