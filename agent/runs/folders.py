"""The folders of runs: what a run leaves for people, and the work trees that it holds.

A work tree is locked as long as its run is at work; what is locked by nobody is a left-over.
"""

from __future__ import annotations

import errno
import fcntl
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import structlog

from agent.errors import AgentError, SettingsInvalid, StorageFull, TransientError
from agent.git.folders import delete_folder
from agent.models.clock import read_clock
from agent.models.run import Run

_log = structlog.get_logger()

#: In a run's folder of work trees; locked as long as the run is at work.
_HELD = ".held"
_GONE = ".gone"
_UNHELD_SECONDS = 3600.0
#: So long is waited for what a killed attempt at the same run has left running.
_LET_GO_SECONDS = 5.0
#: What runs and the commands that borrow their folders are called: it ends with a random part.
_RUN_ID = re.compile(r"(?:[a-z]+-)?[0-9]{8,}(?:-[0-9]{6})?-[0-9a-f]{6,}")


def make_run_folder(home: Path, run: Run) -> Path:
    """Make the folder of a run; tickets, diffs and logs are nobody else's business.

    Raises:
        StorageFull: The disk is full.
        SettingsInvalid: It cannot be made there.
    """
    folder = home / "runs" / run.run_id
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It is there when a run begins anew.
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(_full_disk(home)) from problem
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {folder} cannot be created ({problem.strerror}). Use a folder"
            " that you can write to."
        ) from problem
    return folder


def _full_disk(home: Path) -> str:
    """Say what to do about a full disk."""
    return (
        f"The disk of {home} is full. Free some: its environments/, mirrors/ and baselines/ are"
        " caches and are recreated."
    )


@contextmanager
def hold_trees(folder: Path) -> Iterator[None]:
    """Hold the run's folder of work trees, and remove what killed runs left beside it."""
    trees = folder.parent
    trees.mkdir(exist_ok=True, mode=0o711)
    until = time.monotonic() + _LET_GO_SECONDS
    while (holder := _take_folder(folder)) is None:
        # A child of the killed process has its files until it has become another program.
        if time.monotonic() > until:
            raise TransientError(
                f"{folder} still exists; an earlier attempt at the run left it locked."
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        # Behind the door as well: whoever looks for left-overs must not find half of it.
        try:
            with _lock_folder(trees):
                _remove_folder(folder)
        except (OSError, AgentError) as problem:
            _log.warning("a work tree is left over", folder=str(folder), error=repr(problem))
        finally:
            holder.close()


def _take_folder(folder: Path) -> TextIO | None:
    """Make the folder and hold it; None: another attempt at the same run is not quite over."""
    with _lock_folder(folder.parent):
        _remove_left(folder.parent)
        if folder.exists() and not (folder / _HELD).exists():
            # Killed while it made or removed it; both is done behind the door, so nobody is at it.
            _remove_folder(folder)
        try:
            folder.mkdir(mode=0o711)
        except FileExistsError:
            return None
        holder = (folder / _HELD).open("w")
        fcntl.flock(holder, fcntl.LOCK_EX)
        return holder


def remove_left_trees(home: Path) -> int:
    """Remove the work trees of runs that were killed; return how many."""
    trees = home / "trees"
    if not trees.is_dir():
        return 0
    with _lock_folder(trees):
        return _remove_left(trees)


@contextmanager
def _lock_folder(trees: Path) -> Iterator[None]:
    """Let no run begin: behind the door a folder without a holder is a left-over."""
    with (trees / ".lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _remove_left(trees: Path) -> int:
    found = [place for place in trees.iterdir() if place.is_dir() and not place.is_symlink()]
    removed = 0
    for place in found:
        try:
            removed += _remove_unheld(place)
        except AgentError as problem:  # what stays of one run does not hold up the others
            _log.warning("a work tree is left over", folder=str(place), error=problem.message)
    return removed


def _remove_unheld(folder: Path) -> bool:
    """Remove a folder that a run of ours has made and holds no longer; say whether it was one."""
    if folder.name.endswith(_GONE):
        delete_folder(folder)
        return True
    try:
        with (folder / _HELD).open("r+") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        # A command that is no run holds none, and takes minutes; other names are not ours.
        young = True
        with suppress(FileNotFoundError):  # its owner has just removed it
            young = read_clock() - folder.stat().st_mtime < _UNHELD_SECONDS
        if young or not _RUN_ID.fullmatch(folder.name):
            return False
    _remove_folder(folder)
    return True


def _remove_folder(folder: Path) -> None:
    # By its name it is a left-over, whatever of it is gone when this process is killed.
    gone = folder.with_name(folder.name + _GONE)
    delete_folder(gone)
    with suppress(FileNotFoundError):
        folder.rename(gone)
    delete_folder(gone)
