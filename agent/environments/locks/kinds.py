"""Which lock file of a tree counts, and the way from a lock to exact requirements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agent.environments.locks import pdm_lock, pipenv_lock, poetry_lock, pylock, uv_lock
from agent.environments.locks.lock import Lock, Offer, Target
from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed

#: A tool's own lock knows more than the one made for all tools.
_IN_ORDER = (uv_lock, poetry_lock, pdm_lock, pylock, pipenv_lock)
PATHS = tuple(kind.PATH for kind in _IN_ORDER)
_READERS = {
    "poetry": poetry_lock.requirements,
    "pdm": pdm_lock.requirements,
    "pylock": pylock.requirements,
    "pipenv": pipenv_lock.requirements,
}


def offers(files: TreeFiles, pyproject: dict[str, Any]) -> tuple[Offer, ...]:
    """The lock files of a tree, the one that counts first.

    Raises:
        EnvironmentFailed: One of them cannot be read.
    """
    found = []
    for kind in _IN_ORDER:
        with _read_as(kind.PATH):
            found.append(kind.offer(files, pyproject))
    return tuple(offer for offer in found if offer is not None)


def requirements(files: TreeFiles, lock: Lock | None, target: Target) -> Requirements | None:
    """What a lock installs; None without one, and of a uv.lock, which uv itself reads.

    Raises:
        EnvironmentFailed: The lock cannot be read, or names what is not fetched.
    """
    if lock is None or lock.kind == "uv":
        return None
    with _read_as(lock.path):
        found = _READERS[lock.kind](files, lock, target)
    bare = [line.name for line in found.lines if not line.hashes]
    notes = list(lock.notes)
    if bare:
        shown = ", ".join(bare[:5]) + (f" and {len(bare) - 5} more" if len(bare) > 5 else "")
        notes.append(f"{lock.path} has no hashes of {shown}: they are taken as the index has them")
    return found.plus(Requirements(notes=tuple(notes)))


@contextmanager
def _read_as(path: str) -> Iterator[None]:
    """Say to a lock's author what its reader stumbled over.

    The readers look at what may well be otherwise in what a tool has written; a number in the place
    of a list, or packages that lead back to themselves, no tool has.
    """
    try:
        yield
    except (TypeError, AttributeError, LookupError, ValueError, RecursionError) as problem:
        raise EnvironmentFailed(
            f"{path}, or the file that it was made from, is not of the form that its tool writes"
            f" ({problem}). Make the lock anew and commit the result."
        ) from problem
