"""Lay a writable layer over the base, by the kernel: then that layer lists what was written to.

Everything is mounted in a name space of its own, which is gone with the last process in it. Needs
root; where it cannot be had, sandboxes copy the base and compare all of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from agent.adapters.rooms import layout, lending
from agent.ports import ROOM_TREE, RoomLimits

#: Where the runner sees the upper layer, read-only.
GUIDE = f"{layout.ROOM}/upper"
_SECONDS = 10
# The arguments are the place, its size, its number of names, the user and the base.
_SCRIPT = """\
set -e
mount -t tmpfs -o "size=$2,nr_inodes=$3,nosuid,nodev,mode=0755" session "$1"
mkdir -m 0755 "$1/upper" "$1/work" "$1/tree"
chown "$4:$4" "$1/upper" "$1/work"
layers="lowerdir=$5,upperdir=$1/upper,workdir=$1/work"
mount -t overlay -o "$layers,nosuid,nodev,metacopy=off,redirect_dir=off" session "$1/tree"
shift 5
exec "$@"
"""


class Overlay(NamedTuple):
    """The layers of one session."""

    place: Path
    base: Path
    uid: int

    def prefix(self, limits: RoomLimits) -> list[str]:
        """Say what starts bubblewrap as the sandbox's user, with the layers in place."""
        size, names = limits.disk_bytes, lending.entries_for(limits.disk_bytes)
        told = (self.place, size, names, self.uid, self.base)
        user = ("setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups")
        return [*_enter(*map(str, told)), *user]

    def arguments(self) -> list[str]:
        """Say to bubblewrap what is shown of them."""
        tree, upper = self.place / "tree", self.place / "upper"
        return ["--bind", str(tree), ROOM_TREE, "--ro-bind", str(upper), GUIDE]


def _enter(*told: str) -> list[str]:
    apart = ("unshare", "--mount", "--propagation", "private", "--")
    return [*apart, "sh", "-c", _SCRIPT, "sh", *told]


def lay(base: Path, uid: int) -> Overlay:
    """Have the place beside the base where the layers are mounted."""
    place = base.with_name(f"{base.name}.layers")
    place.mkdir(mode=0o711, exist_ok=True)
    return Overlay(place, base, uid)


#: By disk, whether it works there.
_known: dict[int, bool] = {}


def is_possible(base: Path) -> bool:
    """Say whether layers can be mounted over this folder, by trying it once for its disk."""
    # These characters mean something in the options of a mount.
    if os.geteuid() != 0 or any(sign in str(base) for sign in ":,\\"):
        return False
    disk = base.stat().st_dev
    if disk not in _known:
        _known[disk] = _works(base)
    return _known[disk]


def _run(command: list[str]) -> int:
    done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)
    return done.returncode


def _works(base: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="overlay-") as place:
        told = (place, str(1024**2), "100", "0", str(base))
        command = [*_enter(*told), "test", "-d", f"{place}/tree"]
        try:
            return _run(command) == 0
        except (OSError, subprocess.SubprocessError):
            return False
