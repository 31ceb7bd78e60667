"""Root file systems of bubblewrap sandboxes: the operator's, and those below `roots/`."""

from __future__ import annotations

import re
from pathlib import Path

from agent.errors import SandboxMissing
from agent.models.sandbox import Root
from agent.sandbox.bubblewrap import bulk
from agent.settings import Settings

#: Folder in the data folder whose own folders are root file systems by name.
FOLDER = "roots"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def list_roots(settings: Settings) -> tuple[Root, ...]:
    """List them, the one that sandboxes have when nothing is said first."""
    own = settings.sandbox_root
    can_lay = bulk.is_possible(settings.home, own)
    more = "apt-get install" if own is None else _make_command(own)
    found = [Root(folder=str(own or "/"), more=more, can_lay=can_lay)]
    for place in sorted((settings.home / FOLDER).glob("*")):
        # What is being built has another ending until it is whole.
        if _NAME.fullmatch(place.name) and not place.name.endswith(".building") and place.is_dir():
            more, can_lay = _make_command(place), bulk.is_possible(settings.home)
            found.append(Root(name=place.name, folder=str(place), more=more, can_lay=can_lay))
    return tuple(found)


def _make_command(place: Path) -> str:
    """Say how a tree is made: it is never changed, only made anew."""
    return f"sandbox_images/make_root.sh SUITE {place}"


def folder(name: str, settings: Settings) -> Path | None:
    """Say where the root file system of that name is; None: this machine's own."""
    if not name:
        return settings.sandbox_root
    place = settings.home / FOLDER / name
    if not _NAME.fullmatch(name) or not place.is_dir():
        raise SandboxMissing(
            f"There is no root file system {place} any more, which the sandbox is to have. Make it"
            " again with sandbox_images/make_root.sh, or start the run anew."
        )
    return place
