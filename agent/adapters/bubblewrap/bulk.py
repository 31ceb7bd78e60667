"""Lay large folders of set-up under a sandbox by the kernel, so that no sandbox copies them.

What is written goes to a layer in memory of the sandbox's own. Everything is mounted in a name
space that is gone with the last process in it. Where that cannot be had, sandboxes copy.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from agent.adapters.rooms import lending
from agent.ports import ROOM_TREE, RoomOrder

_SECONDS = 10
# The arguments are the place, its size, its number of names, the user, how many folders, these.
_SCRIPT = """\
set -e
place="$1" user="$4" count="$5"
mount -t tmpfs -o "size=$2,nr_inodes=$3,nosuid,nodev,mode=0755" layers "$place"
shift 5
while [ "$count" -gt 0 ]; do
  count=$((count - 1)) own="$place/$count"
  mkdir -m 0755 "$own" "$own/upper" "$own/work" "$own/tree"
  chown "$user:$user" "$own/upper" "$own/work"
  options="lowerdir=$1,upperdir=$own/upper,workdir=$own/work,metacopy=off,redirect_dir=off"
  mount -t overlay -o "$options,nosuid,nodev" layers "$own/tree"
  shift
done
exec "$@"
"""


class Bulk(NamedTuple):
    """The large folders of one sandbox."""

    place: Path
    """Where they are mounted, in the sandbox's name space."""
    folders: tuple[tuple[str, str], ...]
    """Of each where it is on this machine, and where in the tree."""

    def prefix(self, order: RoomOrder, uid: int) -> list[str]:
        """Say what mounts them and then becomes a program."""
        size = order.limits.disk_bytes
        told = (str(self.place), str(size), str(lending.entries_for(size)), str(uid))
        sources = [source for source, _ in self.folders]
        apart = ["unshare", "--mount", "--propagation", "private", "--"]
        return [*apart, "sh", "-c", _SCRIPT, "sh", *told, str(len(sources)), *sources]

    def arguments(self) -> list[str]:
        """Say to bubblewrap where they are shown."""
        args = []
        for left, (_, path) in zip(reversed(range(len(self.folders))), self.folders, strict=True):
            args += ["--bind", str(self.place / str(left) / "tree"), f"{ROOM_TREE}/{path}"]
        return args


def lay(order: RoomOrder, home: Path, number: int) -> Bulk | None:
    """Have a place for the large folders of an order; None: it has none, or they are copied."""
    folders = tuple(
        (f"{layer.folder}/bulk/{index}", path)
        for layer in order.layers
        for index, path in enumerate(layer.bulk)
    )
    if not folders or not is_possible(home):
        return None
    place = home / "layers" / str(number)
    place.mkdir(mode=0o711, parents=True, exist_ok=True)
    place.parent.chmod(0o711)
    return Bulk(place, folders)


def become(uid: int) -> list[str]:
    """Say what becomes a program of a sandbox's user once all is mounted."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


@cache
def is_possible(home: Path) -> bool:
    """Say whether folders below this one can be laid, by trying it once."""
    # These characters mean something in the options of a mount.
    if os.geteuid() != 0 or any(sign in str(home) for sign in ":,\\"):
        return False
    with tempfile.TemporaryDirectory(prefix="overlay-", dir=home) as name:
        bulk = Bulk(Path(name, "layers"), ((f"{name}/base", ""),))
        for made in (bulk.place, Path(name, "base")):
            made.mkdir()
        command = [*bulk.prefix(RoomOrder(argv=()), os.geteuid()), "true"]
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return False
    return done.returncode == 0
