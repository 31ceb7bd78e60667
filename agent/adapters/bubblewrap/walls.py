"""Say to bubblewrap what a room shows and what it lacks.

Owns the argument list and the check that everything shown can be reached by the room's user.
Starts nothing.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.adapters.bubblewrap import seccomp
from agent.errors import SandboxMissing
from agent.ports import ROOM_OUT, ROOM_TREE, Mount, RoomOrder

SOURCE = "/src"
"""The work tree as it was handed in, read-only."""
ROOM = "/room"
RUNNER = f"{ROOM}/start.py"
PROXY = f"{ROOM}/proxy.sock"
CERTIFICATES = f"{ROOM}/certificates.pem"
TEMPORARY = "/tmp"  # noqa: S108 - the room's own, not the host's
SHARED_MEMORY = "/dev/shm"  # noqa: S108
HOME = f"{TEMPORARY}/home"
WRITABLE = (TEMPORARY, ROOM_TREE, ROOM_OUT, SHARED_MEMORY)
UID = 1000
"""The user inside; outside it is the slot's."""

Sheet = Callable[[bytes], int]
"""Turn bytes into a descriptor that bubblewrap and the runner may read."""

_ETC = {
    "passwd": f"root:x:0:0:root:/root:/bin/sh\nroom:x:{UID}:{UID}:room:{HOME}:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"root:x:0:\nroom:x:{UID}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost room\n::1 localhost ip6-localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
# What programs below /usr need to work at all; nothing in it is private to the host.
_HOST_ETC = (
    "alternatives",
    "ca-certificates",
    "fonts",
    "ld.so.cache",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
)
_NOT_SHOWN = {"proc", "dev", "sys", "tmp", "run", "work", "out", "src", "room", "boot", "root"}
_NAMESPACES = ("user", "ipc", "pid", "net", "uts", "cgroup-try")


def arguments(
    order: RoomOrder, root: Path | None, sheet: Sheet, runner: Mapping[str, bytes]
) -> list[str]:
    """List bubblewrap's arguments up to, but not with, the program.

    Args:
        order: What is to be shown, and its sizes.
        root: Root file system of the room; None for the host's /usr.
        sheet: See `Sheet`.
        runner: Files of the program that runs first, by name.
    """
    args = [f"--unshare-{name}" for name in _NAMESPACES]
    args += ["--disable-userns", "--uid", str(UID), "--gid", str(UID), "--hostname", "room"]
    args += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]
    if (program := seccomp.program()) is not None:
        args += ["--seccomp", str(sheet(program))]
    args += ["--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", ROOM]
    args += _host_root() if root is None else _own_root(root)
    for name, text in _ETC.items():
        if root is not None and not (root / "etc" / name).exists():
            continue  # nothing can be shown in a place that a read-only tree does not have
        args += ["--perms", "0444", "--ro-bind-data", str(sheet(text.encode())), f"/etc/{name}"]
    args += ["--proc", "/proc", "--dev", "/dev"]
    for place in WRITABLE:
        # bubblewrap's own /dev is a file system without a size; only /dev/shm stays writable.
        mode = "1777" if place in (TEMPORARY, SHARED_MEMORY) else "0755"
        args += ["--size", str(order.limits.disk_bytes), "--perms", mode, "--tmpfs", place]
    args += ["--remount-ro", "/dev"]
    if order.tree is not None:
        args += ["--ro-bind", order.tree, SOURCE]
    for mount in order.mounts:
        args += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    if order.proxy_socket is not None:
        args += ["--ro-bind", order.proxy_socket, PROXY]
        if (bundle := certificates()) is not None:
            args += ["--perms", "0444", "--file", str(sheet(bundle)), CERTIFICATES]
    for name, source in runner.items():
        args += ["--perms", "0444", "--file", str(sheet(source)), f"{ROOM}/{name}"]
    return [*args, "--remount-ro", "/", "--chdir", "/"]


def certificates() -> bytes | None:
    """Read the CA bundle that this machine trusts."""
    found = ssl.get_default_verify_paths()
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    for path in (os.environ.get("SSL_CERT_FILE"), found.cafile, *usual, "/etc/ssl/cert.pem"):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return None


def _host_root() -> list[str]:
    args = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        args += _entry(Path("/") / name, f"/{name}")
    for name in _HOST_ETC:
        args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return args


def _own_root(root: Path) -> list[str]:
    args: list[str] = []
    for entry in sorted(root.iterdir()):
        if entry.name not in _NOT_SHOWN:
            args += _entry(entry, f"/{entry.name}")
    return args


def _entry(path: Path, target: str) -> list[str]:
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), target]
    if path.is_dir():
        return ["--ro-bind", str(path), target]
    return []


def interpreter(order: RoomOrder, root: Path | None) -> str:
    """Find the Python that runs our runner: the root's own, else one that the order mounts.

    Raises:
        SandboxMissing: There is none.
    """
    base = root or Path("/")
    for name in ("usr/bin/python3", "usr/local/bin/python3"):
        if _inside(base / name, base) is not None:
            return f"/{name}"
    # Never one from a writable mount: foreign code of an earlier room may have replaced it.
    shown = [mount for mount in order.mounts if not mount.writable]
    for mount in shown:
        real = _inside(Path(mount.source) / "bin" / "python3", Path(mount.source))
        if real is not None:
            return f"{mount.target}/{real}"
    raise SandboxMissing(
        f"There is no python3 in the room's root file system ({base}). "
        "Install it there (apt-get install python3), or build one: sandbox_images/make_root.sh"
    )


def _inside(path: Path, base: Path) -> Path | None:
    """Follow the links of an executable as the room would; None if that leaves `base`."""
    for _ in range(20):
        if path.is_symlink():
            goal = path.readlink()
            path = base / goal.relative_to("/") if goal.is_absolute() else path.parent / goal
            continue
        normal = Path(os.path.normpath(path))
        if normal.is_relative_to(base) and normal.is_file() and os.access(normal, os.X_OK):
            return normal.relative_to(base)
        return None
    return None


def check_reachable(order: RoomOrder, root: Path | None, uid: int) -> None:
    """Refuse what the room's user could not open, and say which folder closes it off.

    Raises:
        SandboxMissing: Something that is to be shown is absent or out of reach.
    """
    if root is not None:
        _check(root, uid, 0o4, "MERGEWRIGHT_ROOM_ROOT")
    shown = []
    if order.tree is not None:
        shown.append(Mount(source=order.tree, target=ROOM_TREE))
    for mount in (*shown, *order.mounts):
        # What may be written to is lent to the room's user where that is not ourselves.
        lent = mount.writable and uid != os.geteuid()
        _check(Path(mount.source), uid, 0 if lent else 0o6 if mount.writable else 0o4)
    if order.proxy_socket is not None:
        _check(Path(order.proxy_socket), uid, 0o2)


def _check(path: Path, uid: int, need: int, setting: str = "MERGEWRIGHT_HOME") -> None:
    if not path.exists():
        raise SandboxMissing(f"{path} is to be shown in a room, but it does not exist.")
    real = path.resolve()
    for folder in reversed(real.parents):
        if not _allowed(folder.stat(), uid, 0o1):
            raise SandboxMissing(
                f"The room's user cannot reach {path}: {folder} is closed to other users "
                f"(mode {stat.S_IMODE(folder.stat().st_mode):04o}). Keep Mergewright's data where "
                f"others may enter: set {setting} to a folder outside {folder}."
            )
    state = real.stat()
    if need and stat.S_ISDIR(state.st_mode):
        need |= 0o1
    if not _allowed(state, uid, need):
        word, mode = ("write to", "w") if need & 0o2 else ("read", "rX")
        raise SandboxMissing(
            f"The room's user cannot {word} {path} "
            f"(mode {stat.S_IMODE(state.st_mode):04o}): chmod o+{mode} {path}"
        )


def _allowed(state: os.stat_result, uid: int, need: int) -> bool:
    if state.st_uid == uid:
        return (state.st_mode >> 6) & need == need
    own_groups = {os.getegid(), *os.getgroups()} if uid == os.geteuid() else {uid}
    if state.st_gid in own_groups:
        return (state.st_mode >> 3) & need == need
    return state.st_mode & need == need
