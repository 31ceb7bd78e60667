"""Plan overlay file systems for a sandbox, so that it need not copy their lower folders.

Overlays cover large folders that set-up made in the tree, and /usr for Debian packages. They are
mounted in a namespace that ends with its last process; what a sandbox writes is in its own
memory. Where the kernel refuses them, folders are copied, and the only Debian packages are those
of the root file system.
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
# The arguments are the place, its size, its number of names, the user, options, the number of
# overlays; then for each overlay `rw` or `ro`, and its lower folders.
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
# A folder that is made again must hide the lower one; not every kernel supports that.
_TRIAL = 'rm -r "$1/below" && mkdir "$1/below" && test ! -e "$1/below/file"'


class Overlay(NamedTuple):
    """Lower folders, the uppermost first and joined by colons, and their path in the sandbox."""

    lower: str
    target: str
    writable: bool = True


class Overlays(NamedTuple):
    place: Path
    """Folder for the mounts, in the sandbox's name space."""
    all: tuple[Overlay, ...]
    shown: tuple[str, ...] = ()
    """Arguments of bubblewrap for further files of the packages."""

    def prefix(self, size: int, uid: int) -> list[str]:
        """Return the command that mounts them, and then runs its arguments as this user."""
        apart = ["unshare", "--mount", "--propagation", "private"]
        become: list[str] = []
        options = "redirect_dir=off"
        if os.geteuid() == 0:
            become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        else:
            apart += ["--user", "--map-root-user"]
            uid, options = 0, "userxattr"
        words = [str(self.place), str(size), str(layout.count_entries(size)), str(uid), options]
        words.append(str(len(self.all)))
        for overlay in self.all:
            words += ["rw" if overlay.writable else "ro", overlay.lower]
        return [*apart, "--", "sh", "-c", _SCRIPT, "sh", *words, *become]

    def arguments(self) -> list[str]:
        args = list(self.shown)
        for number, overlay in enumerate(self.all):
            mounted = self.place / str(number)
            bind = "--bind" if overlay.writable else "--ro-bind"
            args += [bind, str(mounted / "tree"), overlay.target]
        return args


def plan_overlays(order: SandboxRequest, home: Path, number: int) -> Overlays | None:
    """List the overlays of an order and create their folder; None: there are none."""
    planned: list[Overlay] = []
    shown: list[str] = []
    for layer in order.layers:
        planned += (
            Overlay(f"{layer.folder}/bulk/{index}", f"{SANDBOX_TREE}/{path}")
            for index, path in enumerate(layer.bulk)
        )
    if order.system:
        # The machine's own files come first: packages must not replace any that checks rely on.
        planned.append(Overlay(f"/usr:{order.system}/files/usr", "/usr", writable=False))
        shown += ["--ro-bind-try", f"{order.system}/ld.so.cache", _LIBRARIES]
        shown += _show_settings(Path(order.system, "files", "etc"))
    if not planned or not is_possible(home):
        return None
    place = home / "layers" / str(number)
    place.mkdir(mode=0o711, parents=True, exist_ok=True)
    place.parent.chmod(0o711)
    return Overlays(place, tuple(planned), tuple(shown))


def _show_settings(etc: Path) -> list[str]:
    """Return arguments for new folders of the packages' /etc; its files could alter any program."""
    existing = {name.partition("/")[0] for name in (*layout.HOST_ETC, *layout.make_etc(0))}
    entries = () if etc.is_symlink() or not etc.is_dir() else sorted(etc.iterdir())
    plain = (entry for entry in entries if entry.is_dir() and not entry.is_symlink())
    return [
        arg
        for entry in plain
        if entry.name not in existing
        for arg in ("--ro-bind", str(entry), f"/etc/{entry.name}")
    ]


def is_possible(home: Path) -> bool:
    """Check whether folders below this one can be lower folders; tries it once per process."""
    # These characters are syntax in the options of a mount.
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
