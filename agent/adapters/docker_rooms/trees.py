"""Trees that images are made of where no registry can be reached: by debootstrap, as asked for.

Owns what is in `roots/` of the data folder from its making to its replacement, as root on this
machine. What a tree is made of is in `sandbox_images/make_root.sh`; no tree is ever changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from agent.environments import system_packages
from agent.errors import SandboxMissing

Say = Callable[[str], None]
#: What the script leaves in a tree: its suite, and what it was told to install.
_MADE = "etc/mergewright-root"
_QUIET_SECONDS = 5.0


def have(suite: str, tree: Path, packages: Sequence[str], script: Path, say: Say) -> None:
    """See to it that a tree is there and has these packages; what it was made with before stays.

    Args:
        suite: That debootstrap knows.
        tree: Its place. One that lacks a package is made anew beside it and replaced when the
            new one is whole.
        packages: Names of Debian packages beyond the usual ones.
        script: That makes it.
        say: Told what goes on.

    Raises:
        SandboxMissing: It cannot be made here; the message says why, and what would help.
    """
    missing = [name for name in packages if name not in _installed(tree)]
    if tree.is_dir() and not missing:
        return
    lacks = f"{tree} lacks {', '.join(missing)}. " if tree.is_dir() else ""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise SandboxMissing(
            f"{lacks}To make a base takes root and debootstrap: sudo apt-get install debootstrap"
        )
    say(f"{lacks}making {tree} with debootstrap; that takes a minute or two")
    # Names that rooms are not given.
    fresh, old = tree.with_name(f".{tree.name}"), tree.with_name(f".{tree.name}.old")
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    _bootstrap(suite, fresh, _before(tree), missing, script, say)
    with suppress(FileNotFoundError):
        tree.rename(old)
    fresh.rename(tree)
    shutil.rmtree(old, ignore_errors=True)


def _installed(tree: Path) -> frozenset[str]:
    try:
        status = (tree / "var/lib/dpkg/status").read_text("utf-8", "replace")
    except OSError:
        return frozenset()
    return frozenset(system_packages.installed(status))


def _before(tree: Path) -> dict[str, str]:
    """Say with which packages a tree was made, as the script is told in its environment."""
    try:
        made = (tree / _MADE).read_text(encoding="utf-8")
    except OSError:
        return {}
    found = re.search(r"^packages=(\S+)$", made, re.MULTILINE)
    return {"INCLUDE": found[1]} if found else {}


def _bootstrap(
    suite: str, tree: Path, before: dict[str, str], packages: list[str], script: Path, say: Say
) -> None:
    """Run the build script, and tell from time to time how far it is."""
    last: list[str] = []
    told = time.monotonic()
    with subprocess.Popen(
        [str(script), suite, str(tree), *packages],
        env={**os.environ, **before},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        for line in running.stdout or ():
            last = [*last[-5:], line.strip()]
            if time.monotonic() > told + _QUIET_SECONDS:
                told = time.monotonic()
                say(last[-1])
    if running.returncode != 0:
        raise SandboxMissing(f"debootstrap could not make {suite}: {' | '.join(last)}")
