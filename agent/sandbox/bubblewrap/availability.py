"""Say whether bubblewrap can make a sandbox on this machine, and if not, what to do about it."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess

from agent.errors import SandboxMissing

OLDEST = (0, 8, 0)
_INSTALL = "Install bubblewrap, version 0.8.0 or newer (on Debian: apt-get install bubblewrap)."
_NO_NAMESPACES = (
    "This machine does not let bubblewrap make namespaces. Of these settings allow what is there:"
    " sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"
    " kernel.apparmor_restrict_unprivileged_userns=0. Inside a container it also takes a container"
    " with the rights for it (deploy/README.md)."
)


def require_bubblewrap() -> None:
    """Refuse to go on where there is no bubblewrap of a version that has every wall."""
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxMissing(
            "Nothing runs outside a sandbox, and bubblewrap (bwrap) is not installed. " + _INSTALL
        )
    have = version(found)
    if have < OLDEST:
        words = ".".join(map(str, have))
        raise SandboxMissing(f"bubblewrap {words} lacks walls that a sandbox needs. {_INSTALL}")


@functools.lru_cache(maxsize=4)
def version(path: str) -> tuple[int, ...]:
    """Ask bubblewrap for its version, once."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as problem:
        raise SandboxMissing(f"{path} does not work: {problem}") from problem
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", answer)
    return tuple(int(number) for number in numbers.groups()) if numbers else (0,)


def explain_failure(complaint: str) -> str | None:
    """Tell the operator what forbids namespaces, if that is what bubblewrap complains about."""
    signs = ("namespace", "uid map", "Can't mount proc", "RTM_NEWADDR", "clone")
    if "bwrap:" not in complaint or not any(sign in complaint for sign in signs):
        return None
    return _NO_NAMESPACES
