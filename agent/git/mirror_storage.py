"""What the mirrors keep on disk: whether one is in use, its removal, and commits nobody needs.

A mirror is a cache: a run makes it anew. A commit of ours is pinned in it until it is delivered;
one whose run nobody keeps any more is let go. Fetching is left to `mirror`.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.git import folders, mirror, process
from agent.git.process import GitFailed, Place

#: Where `worktree.make_commit` pins what it makes.
PINS = "refs/mergewright/commits/"
#: As `mirror.locate_mirror` names them.
_OF_MIRROR = re.compile(r"[a-z0-9-]+-[0-9a-f]{12}")


def list_mirrors(mirrors: Path) -> tuple[Path, ...]:
    """All mirrors below a folder, in order."""
    return tuple(sorted(place for place in mirrors.glob("*.git") if place.is_dir()))


@contextmanager
def hold_if_unused(place: Path) -> Iterator[Place | None]:
    """Hold a mirror that nobody works with, for the block; None where somebody does.

    The lock itself is never removed: who waits for it holds it.
    """
    lock = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield Place(place, (lock,))
    finally:
        os.close(lock)


def remove_mirror(place: Path) -> None:
    """Remove a mirror that is held, and what was begun beside it."""
    for part in (place, place.with_suffix(".new"), place.with_suffix(".scratch")):
        folders.delete_folder(part)


def remove_leftovers(mirrors: Path) -> int:
    """Remove what killed processes left in mirrors, and mirrors that were only half made.

    What somebody works with is left alone, and so is what does not have the name of a mirror.

    Returns:
        How many files and folders were removed.
    """
    gone = 0
    for lock in mirrors.glob("*.lock"):
        place = lock.with_suffix(".git")
        if not _OF_MIRROR.fullmatch(lock.stem):
            continue
        with hold_if_unused(place) as held:
            if held is None:
                continue
            for half in (place.with_suffix(".new"), place.with_suffix(".scratch")):
                gone += half.exists()
                folders.delete_folder(half)
            if place.is_dir():
                gone += mirror.remove_leftovers(place)
    return gone


def let_go(place: Place, before: float, is_kept: Callable[[str], bool]) -> tuple[str, ...]:
    """Unpin commits of a mirror that is held; git removes them when it next tidies up.

    Args:
        before: Seconds since the epoch; younger commits stay.
        is_kept: Whether somebody still has a use for a commit.
    """
    fields = "%(refname) %(objectname) %(committerdate:unix)"
    gone: list[str] = []
    # A mirror that is damaged is made anew when it is next fetched into.
    with suppress(GitFailed):
        said = process.run_git(place, "for-each-ref", f"--format={fields}", PINS).decode()
        for line in said.splitlines():
            name, commit, made = line.split(" ")
            if float(made) < before and not is_kept(commit):
                process.run_git(place, "update-ref", "-d", name, commit)
                gone.append(commit)
    return tuple(gone)
