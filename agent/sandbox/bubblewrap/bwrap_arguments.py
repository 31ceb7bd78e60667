"""Say to bubblewrap what a sandbox shows and what it lacks.

Owns the argument list, and which Python runs our runner. Starts nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import SandboxMissing
from agent.models.sandbox import SandboxRequest
from agent.sandbox.runtime import layout, seccomp

UID = 1000
"""The user inside; outside it is the slot's."""

Lend = Callable[[bytes], int]
"""Turn bytes into a descriptor that bubblewrap and the runner may read."""

# What programs below /usr need to work at all; nothing in it is private to the host.
HOST_ETC = (
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
_NOT_SHOWN = {"proc", "dev", "sys", "tmp", "run", "work", "out", "src", "sandbox", "boot", "root"}
_NAMESPACES = ("user", "ipc", "pid", "net", "uts", "cgroup-try")


def build_arguments(
    order: SandboxRequest,
    root: Path | None,
    lend: Lend,
    *,
    lasting: bool = False,
    more: Sequence[str] = (),
) -> list[str]:
    """List bubblewrap's arguments up to, but not with, the program.

    Args:
        lasting: The sandbox stays open for several commands.
        more: Arguments for what is laid over the rest.
    """
    args = [f"--unshare-{name}" for name in _NAMESPACES]
    args += ["--disable-userns", "--uid", str(UID), "--gid", str(UID)]
    args += ["--hostname", layout.HOSTNAME]
    args += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]
    if (program := seccomp.program(lasting=lasting)) is not None:
        args += ["--seccomp", str(lend(program))]
    args += ["--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", layout.SANDBOX]
    args += _host_root() if root is None else _own_root(root)
    for name, text in layout.etc(UID, order.hosts).items():
        if root is not None and not (root / "etc" / name).exists():
            continue  # nothing can be shown in a place that a read-only tree does not have
        args += ["--perms", "0444", "--ro-bind-data", str(lend(text.encode())), f"/etc/{name}"]
    args += ["--proc", "/proc", "--dev", "/dev"]
    for place in layout.WRITABLE:
        # bubblewrap's own /dev is a file system without a size; only /dev/shm stays writable.
        size, mode = str(order.limits.disk_bytes), layout.mode_of(place)
        args += ["--size", size, "--perms", mode, "--tmpfs", place]
    args += ["--remount-ro", "/dev"]
    if order.tree is not None:
        args += ["--ro-bind", order.tree, layout.SOURCE]
    for number, layer in enumerate(order.layers):
        args += ["--ro-bind", layer.folder, f"{layout.LAYERS}/{number}"]
    for mount in order.mounts:
        args += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    if order.proxy_socket is not None:
        args += ["--ro-bind", order.proxy_socket, layout.PROXY]
        if (bundle := layout.certificates()) is not None:
            args += ["--perms", "0444", "--file", str(lend(bundle)), layout.CERTIFICATES]
    for name, source in layout.runner().items():
        args += ["--perms", "0444", "--file", str(lend(source)), f"{layout.SANDBOX}/{name}"]
    return [*args, *more, "--remount-ro", "/", "--chdir", "/"]


def _host_root() -> list[str]:
    args = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        args += _entry(Path("/") / name, f"/{name}")
    for name in HOST_ETC:
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


def interpreter(order: SandboxRequest, root: Path | None) -> str:
    """Find the Python that runs our runner: the root's own, else one that the order mounts."""
    base = root or Path("/")
    for name in ("usr/bin/python3", "usr/local/bin/python3"):
        if _resolve_inside(base / name, base) is not None:
            return f"/{name}"
    # Never one from a writable mount: foreign code of an earlier sandbox may have replaced it.
    shown = [mount for mount in order.mounts if not mount.writable]
    for mount in shown:
        real = _resolve_inside(Path(mount.source) / "bin" / "python3", Path(mount.source))
        if real is not None:
            return f"{mount.target}/{real}"
    raise SandboxMissing(
        f"There is no python3 in the sandbox's root file system ({base}). "
        "Install it there (apt-get install python3), or build one: sandbox_images/make_root.sh"
    )


def _resolve_inside(path: Path, base: Path) -> Path | None:
    """Follow the links of an executable as the sandbox would; None if that leaves `base`."""
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
