"""The folders of runs: their files for people, and their work trees.

The folder of a run's work trees is locked while the run is active; an unlocked one is a leftover.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from agent.errors import ActiveRun, AgentError, TransientError
from agent.git.by_descriptor import FOLDER
from agent.git.folders import delete_folder
from agent.models.run import RUN_ID, Run
from agent.steps import make_agent_error

_log = structlog.get_logger()

#: Seconds to wait for processes of a killed attempt at the same run.
_LET_GO_SECONDS = 5.0


def make_run_folder(home: Path, run: Run) -> Path:
    """Create the folder of a run with mode 0700. Raises StorageFull."""
    folder = home / "runs" / run.run_id
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The folder exists if a run begins again.
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as problem:
        raise make_agent_error(problem) from problem
    return folder


@contextmanager
def lock_run(home: Path, run: Run) -> Iterator[Path]:
    """Lock the folder of a run that a command carries, so that the store sees it as alive.

    Raises:
        ActiveRun: Another command carries it.
        StorageFull: The disk is full.
    """
    folder = make_run_folder(home, run)
    if (descriptor := _lock_folder(folder)) is None:
        raise ActiveRun(run)
    try:
        yield folder
    finally:
        os.close(descriptor)


@contextmanager
def lock_trees(folder: Path) -> Iterator[None]:
    """Lock the run's folder of work trees, and remove leftovers of killed runs next to it."""
    folder.parent.mkdir(exist_ok=True, mode=0o711)
    until = time.monotonic() + _LET_GO_SECONDS
    while (descriptor := _make_locked_folder(folder)) is None:
        # A child of the killed process has its lock, too, until it executes another program.
        if time.monotonic() > until:
            raise TransientError(
                f"{folder} still exists; an earlier attempt at the run left it locked."
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        _remove_folder(folder)
        os.close(descriptor)


def _make_locked_folder(folder: Path) -> int | None:
    """Make the folder and lock it; None: another attempt at the same run is not quite over."""
    remove_left_trees(folder.parent)
    try:
        folder.mkdir(mode=0o711)
    except FileExistsError:
        return None
    return _lock_folder(folder)


def remove_left_trees(trees: Path) -> int:
    """Remove the work trees of killed runs from a folder; return their number."""
    gone = 0
    for folder in trees.glob("*"):
        if RUN_ID.fullmatch(folder.name) and (descriptor := _lock_folder(folder)) is not None:
            gone += _remove_folder(folder)
            os.close(descriptor)
    return gone


def _lock_folder(folder: Path) -> int | None:
    """Lock a folder; None: another process holds it, or has just removed it."""
    try:
        descriptor = os.open(folder, FOLDER)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.lstat(folder)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _remove_folder(folder: Path) -> bool:
    try:
        delete_folder(folder)
    except (OSError, AgentError) as problem:
        _log.warning("a work tree is left over", folder=str(folder), error=repr(problem))
        return False
    return True
