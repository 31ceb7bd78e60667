"""A data folder of its own for each worker of a fleet, under the name that all of them have."""

import os
from collections.abc import Sequence
from pathlib import Path

_MOUNT = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def see(disk: Path, home: Path, program: Sequence[str]) -> list[str]:
    """Wrap a program so that it sees one folder in place of another."""
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    bound, rest = program[:5], program[5:]
    shell = ("/bin/sh", "-c", _MOUNT, "sh", str(disk), str(home), program[5], *rest[1:])
    return [*bound, "/usr/bin/unshare", "--mount", *as_root, *shell]
