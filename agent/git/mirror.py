"""Our own bare copy of a repository, brought up to date by fetching, and its lock.

A new mirror appears under its name only when it is complete; one that was deleted is recreated.
"""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agent.errors import CacheGone, Cancelled, PermanentError, RepositoryUnfit, StorageFull
from agent.git import folders, process
from agent.git.process import GitFailed, GitPlace
from agent.models.environment import Checkout
from agent.models.sandbox import Flag
from agent.models.step import Step

FETCH_SECONDS = 3600.0
#: Refs that pin the bases of runs.
BASES = "refs/mergewright/bases/"
_FSCK = re.compile(r"error: object (?P<object>[0-9a-f]+): (?P<words>.+)")

# Git's clean-up. In people's repositories git starts it by itself; our configuration forbids that.
_TIDY = ("-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")

# Leftovers of an interrupted git in a git directory: locks, and incomplete objects.
_LEFT = (
    "*.lock", "refs/**/*.lock", "gc.pid", "objects/tmp_*", "objects/??/tmp_obj_*",
    "objects/pack/tmp_*", "objects/pack/.tmp-*",
)  # fmt: skip

# For `info/attributes`, which overrides each `.gitattributes` (git 2.43 or newer reads that from a
# bare repository's HEAD, too): bytes are not converted, and files are merged line by line.
ATTRIBUTES = (
    "* -text -ident !eol !crlf !working-tree-encoding !filter !merge !conflict-marker-size\n"
)
_FETCH = (
    "fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--no-auto-maintenance",
    "--no-recurse-submodules", "--update-shallow",
)  # fmt: skip


@dataclass(frozen=True)
class LockedMirror:
    """A mirror while we hold its lock."""

    place: GitPlace
    scratch: Path
    """Folder that is empty at first, and deleted when the lock is released."""


def locate_mirror(root: Path, mirrors: Path) -> Path:
    slug = re.sub(r"[^A-Za-z0-9]+", "-", root.name).strip("-").lower()[:40] or "repository"
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return mirrors / f"{slug}-{digest}.git"


# --- locking -----------------------------------------------------------------------------------


@contextmanager
def lock_mirror(mirror: Path, stopped: Flag | None = None) -> Iterator[LockedMirror]:
    """Wait for the mirror's lock, and translate failures of git in the mirror.

    Leftovers of an interrupted git are removed before and afterwards. The lock's file stays:
    another process may wait for it. `stopped` ends the wait, and a git that runs in the mirror.
    """
    mirror.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = mirror.with_suffix(".scratch")
    lock = _open_lock(mirror)
    try:
        while not _try_lock(lock):
            time.sleep(0.1)
            if stopped is not None and stopped.is_set():
                raise Cancelled("The run was stopped while it waited for another run's git.")
        _remove_leftovers(mirror, scratch)
        try:
            scratch.mkdir(mode=0o700)
            with explain_mirror(mirror):
                yield LockedMirror(GitPlace(mirror, (lock,), stopped=stopped), scratch)
        finally:
            _remove_leftovers(mirror, scratch)
    finally:
        os.close(lock)


def remove_left_scratch(mirrors: Path) -> int:
    """Remove the scratch folders that killed processes have left; return how many."""
    gone = 0
    for scratch in mirrors.glob("*.scratch"):
        lock = _open_lock(scratch)
        try:
            if _try_lock(lock):
                folders.delete_folder(scratch)
                gone += 1
        finally:
            os.close(lock)
    return gone


def _open_lock(place: Path) -> int:
    return os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(lock: int) -> bool:
    """Lock a mirror; False: another run uses it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_leftovers(mirror: Path, scratch: Path) -> None:
    left = [place for pattern in _LEFT for place in mirror.glob(pattern)]
    left += [scratch] if scratch.exists() else []
    for place in left:
        folders.delete_folder(place)


def lock_mirror_of(checkout: Checkout) -> AbstractContextManager[LockedMirror]:
    return lock_mirror(Path(checkout.mirror))


@contextmanager
def explain_mirror(place: Path) -> Iterator[None]:
    """Translate a failure of git in a mirror: the mirror is gone, or an operator has to act."""
    try:
        yield
    except GitFailed as problem:
        if not place.exists():
            raise CacheGone(
                f"The mirror {place} is gone ({problem.message}) and will be recreated",
                Step.CHECKOUT,
            ) from problem
        raise PermanentError(
            f"git failed in {place}: {problem.message}. If `git -C {place} fsck` finds damage,"
            " delete that folder; the next run recreates it."
        ) from problem


# --- fetching ----------------------------------------------------------------------------------


@contextmanager
def renew_mirror(place: GitPlace, scratch: Path) -> Iterator[GitPlace]:
    """Yield the place to fetch into: the mirror, or a new one that is renamed after the block."""
    mirror, fresh = place.git_dir, scratch / "fresh.git"
    if mirror.exists():
        yield place
    else:
        begun = replace(place, git_dir=fresh)
        process.run_git(begun, "init", "--quiet", "--bare", "--template=")
        (fresh / "info").mkdir()
        (fresh / "info" / "attributes").write_text(ATTRIBUTES)
        yield begun
        fresh.rename(mirror)
    with suppress(GitFailed, StorageFull):  # a later run tries again
        process.run_git(place, *_TIDY, seconds=FETCH_SECONDS)


def pin_commit(locked: LockedMirror, commit: str, kind: str = "bases") -> None:
    """Pin a commit by a ref, so that git's clean-up keeps it until the run is over."""
    process.run_git(locked.place, "update-ref", f"refs/mergewright/{kind}/{commit}", commit)


def fetch_references(
    place: GitPlace,
    address: str,
    *wanted: str,
    max_mb: int | None = None,
    options: tuple[str, ...] = (),
) -> None:
    """Fetch the wanted references (`+from:to`) and nothing else.

    Raises RepositoryUnfit if more than `max_mb` would be sent, or git refuses an object.
    """
    # Git then writes a single pack, even of few objects, so that its size can be limited.
    packed = () if max_mb is None else ("-c", "fetch.unpackLimit=1")
    args = (*packed, *_FETCH, *options, "--", address, *wanted)
    file_bytes = max_mb and max_mb * 1024**2
    try:
        process.run_git(place, *args, seconds=FETCH_SECONDS, file_bytes=file_bytes)
    except process.FileTooLarge as problem:
        raise RepositoryUnfit(
            f"The repository is larger than {max_mb:,} MB with its history, so it was not"
            " fetched. The operator can raise MERGEWRIGHT_MAX_REPOSITORY_MB"
        ) from problem
    except GitFailed as problem:
        if fault := _FSCK.search(problem.message):
            raise RepositoryUnfit(
                "git refuses an object of this repository as dangerous or damaged:"
                f" {fault['object']}: {fault['words']}. Remove it from the history, for example"
                " with git filter-repo"
            ) from problem
        raise
