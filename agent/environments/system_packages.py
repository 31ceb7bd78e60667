"""Debian packages that a repository needs in its rooms: seen to be there, never installed.

To install one takes root on the machine and runs the package's own scripts, which no repository
may bring about. What is missing is named, with the command for the operator if they allow it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agent import settings as operator
from agent.environments.bench import Bench
from agent.errors import EnvironmentFailed
from agent.ports import ROOM_OUT, RoomLimits, RoomOrder, Root

_STATUS = "/var/lib/dpkg/status"
_HANDED = f"{ROOM_OUT}/status"
_KEY = "python.system_packages"


def require(names: Sequence[str], bench: Bench) -> None:
    """See whether a room has all of these packages.

    Raises:
        EnvironmentFailed: Some are missing; says which command provides them, or that the
            operator does not allow them, or that rooms have no packages of Debian at all.
    """
    if not names:
        return
    root = next(iter(bench.sandbox.roots()), Root())
    status = _status(root, bench)
    if status is None:
        raise EnvironmentFailed(
            f"{_KEY} names packages of Debian ({', '.join(names)}), and rooms here have a root"
            " file system without any (no /var/lib/dpkg/status). Make one with"
            " sandbox_images/make_root.sh, or take the key out of the configuration."
        )
    there = set(installed(status))
    if missing := [name for name in names if name not in there]:
        raise EnvironmentFailed(_in_words(missing, bench.settings.system_packages, root))


def installed(status: str) -> Iterator[str]:
    """Yield the names of installed packages, and those that they stand in for."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Provides): *(.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").split()[-1:] != ["installed"]:
            continue
        for entry in (fields.get("Package", ""), *fields.get("Provides", "").split(",")):
            if name := entry.partition("(")[0].strip():
                yield name


def _status(root: Root, bench: Bench) -> str | None:
    if root.folder is not None:
        # Rooms do not show this machine's own list.
        place = Path(root.folder + _STATUS)
        return place.read_text("utf-8", "replace") if place.is_file() else None
    order = RoomOrder(
        argv=("cp", _STATUS, _HANDED),
        collect=(_HANDED,),
        directory=ROOM_OUT,
        limits=RoomLimits(seconds=60),
    )
    content = bench.sandbox.run(order).files.get(_HANDED)
    return None if content is None else content.decode("utf-8", "replace")


def _is_allowed(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, one) for one in patterns)


def _in_words(missing: Sequence[str], allowed: Iterable[str], root: Root) -> str:
    setting = operator.variable("system_packages")
    patterns = tuple(allowed)
    refused = [name for name in missing if not _is_allowed(name, patterns)]
    fine = [name for name in missing if name not in refused]
    parts = []
    if refused:
        said = ", ".join(patterns) or "none"
        parts.append(
            f"{_KEY}: rooms do not have {', '.join(refused)}, and {setting} does not allow it"
            f" (allowed: {said}). The operator can add it to that setting."
        )
    if fine:
        parts.append(
            f"{_KEY}: rooms do not have {', '.join(fine)}, which {setting} allows. Nothing is"
            f" installed by a run; the operator provides it with: {root.adding(fine)}"
        )
    return " ".join(parts)
