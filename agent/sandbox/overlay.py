"""Lay a writable layer over the base, by the kernel: then that layer lists what was written to.

Everything is mounted in a name space of its own, which is gone with the last process in it. Where
that cannot be had, sandboxes copy the base and compare all of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from agent.models.sandbox import SANDBOX_TREE, SandboxLimits
from agent.sandbox.runtime import layout, shared_folders

#: Where the runner sees the upper layer, read-only.
GUIDE = f"{layout.SANDBOX}/upper"
_SECONDS = 10
# The arguments are the place, its size, its number of names, the user, options, the base.
_SCRIPT = """\
set -e
mount -t tmpfs -o "size=$2,nr_inodes=$3,nosuid,nodev,mode=0755" session "$1"
mkdir -m 0755 "$1/upper" "$1/work" "$1/tree"
chown "$4:$4" "$1/upper" "$1/work"
layers="lowerdir=$6,upperdir=$1/upper,workdir=$1/work"
mount -t overlay -o "$layers,nosuid,nodev,$5" session "$1/tree"
shift 6
exec "$@"
"""
# A folder that is made anew hides what the base has there, which not every kernel lets us say.
_TRIAL = 'rm -r "$1/below" && mkdir "$1/below" && test ! -e "$1/below/file"'


class Overlay(NamedTuple):
    """The layers of one session."""

    place: Path
    base: Path
    uid: int

    def prefix(self, limits: SandboxLimits) -> list[str]:
        """Say what starts bubblewrap as the sandbox's user, with the layers in place."""
        size, names = limits.disk_bytes, shared_folders.entries_for(limits.disk_bytes)
        return _make_enter_command(self.place, size, names, self.uid, self.base)

    def arguments(self) -> list[str]:
        """Say to bubblewrap what is shown of them."""
        tree, upper = self.place / "tree", self.place / "upper"
        return ["--bind", str(tree), SANDBOX_TREE, "--ro-bind", str(upper), GUIDE]


def _make_enter_command(place: Path, size: int, names: int, uid: int, base: Path) -> list[str]:
    """Say what mounts the layers and then becomes a program as this user."""
    apart = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() == 0:
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        options = "metacopy=off,redirect_dir=off"
    else:
        apart += ["--user", "--map-root-user"]
        uid, become, options = 0, [], "metacopy=off,userxattr"
    told = (str(place), str(size), str(names), str(uid), options, str(base))
    return [*apart, "--", "sh", "-c", _SCRIPT, "sh", *told, *become]


def make_overlay(base: Path, uid: int) -> Overlay:
    """Have the place beside the base where the layers are mounted."""
    place = base.with_name(f"{base.name}.layers")
    place.mkdir(mode=0o711, exist_ok=True)
    return Overlay(place, base, uid)


#: By disk, whether it works there.
_known: dict[int, bool] = {}


def is_possible(base: Path) -> bool:
    """Say whether layers can be mounted over this folder, by trying it once for its disk."""
    # These characters mean something in the options of a mount.
    if any(sign in str(base) for sign in ":,\\"):
        return False
    disk = base.stat().st_dev
    if disk not in _known:
        _known[disk] = _is_working(base.parent)
    return _known[disk]


def _is_working(folder: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="overlay-", dir=folder) as name:
        place, base = Path(name, "layers"), Path(name, "base")
        for made in (Path(name), place, base, base / "below"):
            made.mkdir(exist_ok=True)
            made.chmod(0o755)
        (base / "below" / "file").touch()
        command = _make_enter_command(place, 1024**2, 100, os.geteuid(), base)
        command += ["sh", "-c", _TRIAL, "sh", f"{place}/tree"]
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return False
    return done.returncode == 0
