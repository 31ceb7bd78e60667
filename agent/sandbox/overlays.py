"""Overlays that the kernel mounts for one sandbox, so that no sandbox copies what they are over.

Over large folders that set-up made in the tree, and over /usr, for Debian packages. Everything is
mounted in a name space that is gone with the last process in it; what is written is in memory of
the sandbox's own. Where that cannot be had, sandboxes copy folders, and have no packages but their
root's.
"""

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from agent.models.sandbox import SANDBOX_TREE, SandboxRequest
from agent.sandbox import layout

_SECONDS = 10
_LIBRARIES = "/etc/ld.so.cache"
# The arguments are the place, its size, its number of names, the user, options, how many overlays;
# of each whether it is read-only, and what it is over.
_SCRIPT = """\
set -e
place="$1" user="$4" more="$5" count="$6" number=0
mount -t tmpfs -o "size=$2,nr_inodes=$3,nosuid,nodev,mode=0755" layers "$place"
shift 6
while [ "$number" -lt "$count" ]; do
  own="$place/$number" number=$((number + 1))
  mkdir -m 0755 "$own" "$own/upper" "$own/work" "$own/tree"
  if [ "$1" = ro ]; then
    options="ro,lowerdir=$2"
  else
    chown "$user:$user" "$own/upper" "$own/work"
    options="lowerdir=$2,upperdir=$own/upper,workdir=$own/work,metacopy=off"
  fi
  mount -t overlay -o "$options,nosuid,nodev,$more" layers "$own/tree"
  shift 2
done
exec "$@"
"""
# A folder that is made anew hides what the base has there, which not every kernel lets us say.
_TRIAL = 'rm -r "$1/below" && mkdir "$1/below" && test ! -e "$1/below/file"'


class Overlay(NamedTuple):
    """One folder, or several with the uppermost first, and where the sandbox sees it."""

    lower: str
    target: str
    writable: bool = True


class Overlays(NamedTuple):
    place: Path
    """Where, in the sandbox's name space."""
    all: tuple[Overlay, ...]
    shown: tuple[str, ...] = ()
    """Arguments of bubblewrap for what belongs to the packages."""

    def prefix(self, size: int, uid: int) -> list[str]:
        """Say what mounts them and then becomes a program of this user."""
        apart = ["unshare", "--mount", "--propagation", "private"]
        become: list[str] = []
        options = "redirect_dir=off"
        if os.geteuid() == 0:
            become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        else:
            apart += ["--user", "--map-root-user"]
            uid, options = 0, "userxattr"
        given = [str(self.place), str(size), str(layout.count_entries(size)), str(uid), options]
        given.append(str(len(self.all)))
        for overlay in self.all:
            given += ["rw" if overlay.writable else "ro", overlay.lower]
        return [*apart, "--", "sh", "-c", _SCRIPT, "sh", *given, *become]

    def arguments(self) -> list[str]:
        args = list(self.shown)
        for number, overlay in enumerate(self.all):
            mounted = self.place / str(number)
            bind = "--bind" if overlay.writable else "--ro-bind"
            args += [bind, str(mounted / "tree"), overlay.target]
        return args


def plan_overlays(order: SandboxRequest, home: Path, number: int) -> Overlays | None:
    """Have a place for the overlays of an order; None: there are none, or folders are copied."""
    found: list[Overlay] = []
    shown: list[str] = []
    for layer in order.layers:
        found += (
            Overlay(f"{layer.folder}/bulk/{index}", f"{SANDBOX_TREE}/{path}")
            for index, path in enumerate(layer.bulk)
        )
    if order.system:
        # What the machine has stays its own: with that, verdicts are made.
        found.append(Overlay(f"/usr:{order.system}/files/usr", "/usr", writable=False))
        shown += ["--ro-bind-try", f"{order.system}/ld.so.cache", _LIBRARIES]
        shown += _show_settings(Path(order.system, "files", "etc"))
    if not found or not is_possible(home):
        return None
    place = home / "layers" / str(number)
    place.mkdir(mode=0o711, parents=True, exist_ok=True)
    place.parent.chmod(0o711)
    return Overlays(place, tuple(found), tuple(shown))


def _show_settings(etc: Path) -> list[str]:
    """Show the folders of an /etc that sandboxes have nothing of; a file could be any program's."""
    known = {name.partition("/")[0] for name in (*layout.HOST_ETC, *layout.make_etc(0))}
    entries = () if etc.is_symlink() or not etc.is_dir() else sorted(etc.iterdir())
    plain = (entry for entry in entries if entry.is_dir() and not entry.is_symlink())
    return [
        arg
        for entry in plain
        if entry.name not in known
        for arg in ("--ro-bind", str(entry), f"/etc/{entry.name}")
    ]


def is_possible(home: Path) -> bool:
    """Say whether folders below this one can be laid, by trying it once."""
    # These characters mean something in the options of a mount.
    if any(sign in str(home) for sign in ":,\\"):
        return False
    return home.is_dir() and _is_working(home)


@cache
def _is_working(home: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="overlay-", dir=home) as name:
        place, base = Path(name, "layers"), Path(name, "base")
        for made in (Path(name), place, base, base / "below"):
            made.mkdir(exist_ok=True)
            made.chmod(0o755)
        (base / "below" / "file").touch()
        both = Overlay(str(base), ""), Overlay(f"{base}:/usr", "", writable=False)
        command = Overlays(place, both).prefix(1024**2, os.geteuid())
        command += ["sh", "-c", _TRIAL, "sh", f"{place}/0/tree"]
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return False
    return done.returncode == 0
