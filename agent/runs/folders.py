"""The folders of runs: what a run leaves for people, and the work trees that it holds.

A work tree is locked as long as its run is at work; what is locked by nobody is a left-over.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import structlog

from agent.errors import AgentError, TransientError
from agent.git.folders import delete_folder
from agent.models.run import RUN_ID, Run
from agent.steps import make_agent_error

_log = structlog.get_logger()

#: In a run's folder of work trees; locked as long as the run is at work.
_HELD = ".held"
#: So long is waited for what a killed attempt at the same run has left running.
_LET_GO_SECONDS = 5.0


def make_run_folder(home: Path, run: Run) -> Path:
    """Make the folder of a run; tickets, diffs and logs are nobody else's business.

    Raises:
        StorageFull: The disk is full.
    """
    folder = home / "runs" / run.run_id
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It is there when a run begins anew.
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as problem:
        raise make_agent_error(problem) from problem
    return folder


@contextmanager
def hold_trees(folder: Path) -> Iterator[None]:
    """Hold the run's folder of work trees, and remove what killed runs left beside it."""
    folder.parent.mkdir(exist_ok=True, mode=0o711)
    until = time.monotonic() + _LET_GO_SECONDS
    while (holder := _take_folder(folder)) is None:
        # A child of the killed process has its files until it has become another program.
        if time.monotonic() > until:
            raise TransientError(
                f"{folder} still exists; an earlier attempt at the run left it locked."
            )
        time.sleep(0.05)
    with holder:
        try:
            yield
        finally:
            # Behind the door as well: whoever looks for left-overs must not find half of it.
            with _lock_door(folder.parent):
                _remove_folder(folder)


def _take_folder(folder: Path) -> TextIO | None:
    """Make the folder and hold it; None: another attempt at the same run is not quite over."""
    with _lock_door(folder.parent):
        _remove_left(folder.parent)
        if not (folder / _HELD).exists():
            delete_folder(folder)
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
    with _lock_door(trees):
        return _remove_left(trees)


@contextmanager
def _lock_door(trees: Path) -> Iterator[None]:
    """Let no run begin or end: behind the door a folder without a holder is a left-over."""
    with (trees / ".lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _remove_left(trees: Path) -> int:
    left = [place for place in trees.iterdir() if not place.is_symlink() and _is_left(place)]
    return sum(map(_remove_folder, left))


def _is_left(folder: Path) -> bool:
    """Whether a run of ours has made a folder and holds it no longer."""
    try:
        with (folder / _HELD).open("r+") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (FileNotFoundError, NotADirectoryError):
        # Killed while it made or removed it; other names are not ours.
        return folder.is_dir() and RUN_ID.fullmatch(folder.name) is not None
    return True


def _remove_folder(folder: Path) -> bool:
    """Remove a folder; what stays of a run holds up no other one."""
    try:
        delete_folder(folder)
    except (OSError, AgentError) as problem:
        _log.warning("a work tree is left over", folder=str(folder), error=repr(problem))
        return False
    return True
