"""Lay folders of set-up and Debian packages by the kernel, so that no sandbox copies them.

What is written to folders of the tree goes to a layer in memory of the sandbox's own. Everything is
mounted in a name space that is gone with the last process in it. Where that cannot be had,
sandboxes copy folders of the tree, and have no Debian packages beside those of their root.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from agent.models.sandbox import SANDBOX_TREE, SandboxRequest
from agent.sandbox.bubblewrap import bwrap_arguments
from agent.sandbox.runtime import layout, shared_folders

_SECONDS = 10
_LIBRARIES = "/etc/ld.so.cache"
# The arguments are the place, its size, its number of names, the user, options, what is laid over
# which /usr or nothing, how many folders, these.
_SCRIPT = """\
set -e
place="$1" user="$4" more="$5" count="$7"
mount -t tmpfs -o "size=$2,nr_inodes=$3,nosuid,nodev,mode=0755" layers "$place"
if [ -n "$6" ]; then
  mkdir -m 0755 "$place/usr"
  mount -t overlay -o "ro,nosuid,nodev,$more,lowerdir=$6" layers "$place/usr"
fi
shift 7
while [ "$count" -gt 0 ]; do
  count=$((count - 1)) own="$place/$count"
  mkdir -m 0755 "$own" "$own/upper" "$own/work" "$own/tree"
  chown "$user:$user" "$own/upper" "$own/work"
  options="lowerdir=$1,upperdir=$own/upper,workdir=$own/work,metacopy=off,$more"
  mount -t overlay -o "$options,nosuid,nodev" layers "$own/tree"
  shift
done
exec "$@"
"""


class Bulk(NamedTuple):
    """What is laid for one sandbox."""

    place: Path
    """Where it is mounted, in the sandbox's name space."""
    folders: tuple[tuple[str, str], ...]
    """Of each folder of the tree where it is on this machine, and where in the tree."""
    usr: tuple[str, ...] = ()
    """The folders that make up /usr, the uppermost first; empty: it is that of the root."""
    libraries: str = ""
    """The list of all libraries in these; empty: that of the root holds."""
    etc: tuple[Path, ...] = ()
    """Folders of settings that the packages have, and the sandbox has not."""

    def prefix(self, order: SandboxRequest, uid: int) -> list[str]:
        """Say what mounts them and then becomes a program."""
        size = order.limits.disk_bytes
        apart, options = ["unshare", "--mount", "--propagation", "private"], "redirect_dir=off"
        if os.geteuid() != 0:
            apart += ["--user", "--map-root-user"]
            uid, options = 0, "userxattr"
        told = (
            str(self.place),
            str(size),
            str(shared_folders.entries_for(size)),
            str(uid),
            options,
        )
        sources = [source for source, _ in self.folders]
        laid = (":".join(self.usr), str(len(sources)), *sources)
        return [*apart, "--", "sh", "-c", _SCRIPT, "sh", *told, *laid]

    def arguments(self) -> list[str]:
        """Say to bubblewrap where they are shown."""
        args = ["--ro-bind", str(self.place / "usr"), "/usr"] if self.usr else []
        if self.libraries:
            args += ["--ro-bind-try", self.libraries, _LIBRARIES]
        for folder in self.etc:
            args += ["--ro-bind", str(folder), f"/etc/{folder.name}"]
        for left, (_, path) in zip(reversed(range(len(self.folders))), self.folders, strict=True):
            args += ["--bind", str(self.place / str(left) / "tree"), f"{SANDBOX_TREE}/{path}"]
        return args


def make_bulk(order: SandboxRequest, root: Path | None, home: Path, number: int) -> Bulk | None:
    """Have a place for what an order has laid; None: nothing, or folders are copied."""
    folders = tuple(
        (f"{layer.folder}/bulk/{index}", path)
        for layer in order.layers
        for index, path in enumerate(layer.bulk)
    )
    usr: tuple[str, ...] = ()
    etc: tuple[Path, ...] = ()
    libraries = ""
    if order.system:
        # What the root has stays its own: with that, verdicts are made.
        usr = (f"{root or ''}/usr", f"{order.system}/files/usr")
        if root is None or Path(f"{root}{_LIBRARIES}").exists():
            libraries = f"{order.system}/ld.so.cache"
        if root is None:
            etc = _find_settings(Path(order.system, "files", "etc"))
    if not (folders or usr) or not is_possible(home):
        return None
    place = home / "layers" / str(number)
    place.mkdir(mode=0o711, parents=True, exist_ok=True)
    place.parent.chmod(0o711)
    return Bulk(place, folders, usr, libraries, etc)


def _find_settings(etc: Path) -> tuple[Path, ...]:
    """Find the folders of an /etc that sandboxes show nothing of; a file could be any program's."""
    shown = {name.partition("/")[0] for name in (*bwrap_arguments.HOST_ETC, *layout.etc(0))}
    entries = () if etc.is_symlink() or not etc.is_dir() else sorted(etc.iterdir())
    plain = (one for one in entries if one.is_dir() and not one.is_symlink())
    return tuple(one for one in plain if one.name not in shown)


def make_user_command(uid: int) -> list[str]:
    """Say what becomes a program of a sandbox's user once all is mounted."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def is_possible(home: Path, root: Path | None = None) -> bool:
    """Say whether folders below this one can be laid, also over a root, by trying it once."""
    # These characters mean something in the options of a mount.
    if any(sign in f"{home}{root or ''}" for sign in ":,\\"):
        return False
    return home.is_dir() and _is_working(home)


@cache
def _is_working(home: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="overlay-", dir=home) as name:
        base = f"{name}/base"
        bulk = Bulk(Path(name, "layers"), ((base, ""),), (base, "/usr"))
        for made in (bulk.place, Path(base)):
            made.mkdir()
        command = [*bulk.prefix(SandboxRequest(argv=()), os.geteuid()), "true"]
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return False
    return done.returncode == 0
