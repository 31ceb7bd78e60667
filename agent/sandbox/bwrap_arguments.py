"""List the arguments of bubblewrap, and explain why it does not work on this machine.

Starts no sandbox.
"""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import SandboxMissing
from agent.models.sandbox import SandboxRequest
from agent.sandbox import layout, seccomp

UID = 1000
"""User id in the sandbox; on the host, its processes have the slot's."""

PassContent = Callable[[bytes], int]
"""Turn bytes into a descriptor that bubblewrap and the runner may read."""

_INSTALL = "Install bubblewrap, version 0.8.0 or newer (on Debian: apt-get install bubblewrap)."
_NO_NAMESPACES = (
    "This machine does not allow bubblewrap to create namespaces. Allow it (set the ones that"
    " exist): sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"
    " kernel.apparmor_restrict_unprivileged_userns=0. A container also needs additional rights"
    " (deploy/README.md)."
)
_IN_A_POD = (
    "This pod does not allow bubblewrap to create sandboxes. It needs `procMount`, `hostUsers`,"
    " `appArmorProfile` and `seccompProfile` as in deploy/kubernetes/worker.yaml, and the node"
    " (those that exist): sysctl user.max_user_namespaces=15000"
    " kernel.apparmor_restrict_unprivileged_userns=0"
)
#: Capabilities, with their bits, that root needs to run each sandbox as a user of its own.
RIGHTS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
_NAMESPACES = ("user", "ipc", "pid", "net", "uts", "cgroup-try")


def build_arguments(
    order: SandboxRequest, pass_content: PassContent, more: Sequence[str] = ()
) -> list[str]:
    """List bubblewrap's arguments that come before the program.

    Args:
        more: Arguments that mount overlays.
    """
    args = [f"--unshare-{name}" for name in _NAMESPACES]
    args += ["--disable-userns", "--uid", str(UID), "--gid", str(UID)]
    args += ["--hostname", layout.HOSTNAME]
    args += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]
    if (program := seccomp.build_filter(lasting=order.checkout is not None)) is not None:
        args += ["--seccomp", str(pass_content(program))]
    args += ["--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", layout.SANDBOX]
    for name in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        args += _show_entry(Path("/") / name)
    for name in layout.HOST_ETC:
        args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name, text in layout.make_etc(UID, order.hosts).items():
        args += [
            "--perms",
            "0444",
            "--ro-bind-data",
            str(pass_content(text.encode())),
            f"/etc/{name}",
        ]
    args += ["--proc", "/proc", "--dev", "/dev"]
    for place in layout.WRITABLE:
        # bubblewrap's own /dev has no bound on its size, so only /dev/shm stays writable.
        size, mode = str(order.limits.disk_bytes), layout.choose_mode(place)
        args += ["--size", size, "--perms", mode, "--tmpfs", place]
    args += ["--remount-ro", "/dev"]
    for source, target, writable in layout.list_binds(order):
        args += ["--bind" if writable else "--ro-bind", source, target]
    for name, content in layout.read_runner().items():
        args += [
            "--perms",
            "0444",
            "--file",
            str(pass_content(content)),
            f"{layout.SANDBOX}/{name}",
        ]
    return [*args, *more, "--remount-ro", "/", "--chdir", "/"]


def _show_entry(path: Path) -> list[str]:
    target = f"/{path.name}"
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), target]
    return ["--ro-bind", str(path), target] if path.is_dir() else []


def find_interpreter() -> str:
    """Return the path of this machine's Python, which no sandbox can write to, for the runner."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.path.lexists(path):
            return path
    raise SandboxMissing("There is no python3 in /usr. Install it: apt-get install python3")


# --- what this machine has -------------------------------------------------------------------


def require_bubblewrap() -> None:
    """Raise SandboxMissing without bubblewrap; an old one refuses our arguments itself."""
    if shutil.which("bwrap") is None:
        raise SandboxMissing(
            f"bubblewrap (bwrap) is not installed, and nothing runs outside a sandbox. {_INSTALL}"
            " Or use a container engine: MERGEWRIGHT_SANDBOX=docker."
        )


def explain_failure(complaint: str) -> str | None:
    """Return what the operator has to do; None: the complaint is not about this machine."""
    if "bwrap: Unknown option" in complaint:
        return f"This version of bubblewrap lacks features that a sandbox needs. {_INSTALL}"
    if closed := re.search(r"bwrap: Can't find source path (.+): Permission denied", complaint):
        return (
            f"The sandbox's user cannot access {closed[1]}. Make its parent folders accessible"
            " (chmod o+x), or set MERGEWRIGHT_HOME to an accessible folder."
        )
    signs = ("namespace", "uid map", "Can't mount proc", "/ slave", "RTM_NEWADDR", "clone")
    if "bwrap:" not in complaint or not any(sign in complaint for sign in signs):
        return None
    return _IN_A_POD if _is_in_a_pod() else _NO_NAMESPACES


def explain_lacking_rights() -> str | None:
    """Return which capabilities root lacks in this container; None: it lacks none."""
    if os.geteuid() != 0:
        return None
    (effective,) = re.findall(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())
    lacking = [name for name, bit in RIGHTS.items() if not int(effective, 16) >> bit & 1]
    where = "`securityContext.capabilities.add`" if _is_in_a_pod() else "the container (cap_add)"
    return f"Root lacks {', '.join(lacking)} here. Add that to {where}." if lacking else None


def _is_in_a_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ
