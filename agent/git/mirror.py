"""Our own bare copy of a repository, brought up to date by fetching: its lock, repair and clean-up.

A new mirror appears under its name only when it is complete; a damaged one is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agent.errors import CacheGone, Cancelled, PermanentError, RepositoryUnfit
from agent.git import folders, process
from agent.git.process import GitFailed, Place
from agent.models.environment import Checkout
from agent.models.sandbox import Flag

FETCH_SECONDS = 3600.0
_LOOK_SECONDS = 0.25
#: Where `worktree.make_commit` pins what it makes.
PINS = "refs/mergewright/commits/"
#: Where the bases of runs are pinned.
BASES = "refs/mergewright/bases/"
#: As `locate_mirror` names them.
_OF_MIRROR = re.compile(r"[a-z0-9-]+-[0-9a-f]{12}")
_FSCK = re.compile(r"error: object (?P<object>[0-9a-f]+): (?P<words>.+)")

# When git itself would tidy up: so many packs, or so many loose objects in one folder of 256.
_MAX_PACKS = 50
_MAX_LOOSE = 27

# What a git that was cut off leaves in a git directory: locks, and objects that are not whole.
_LEFT = (
    "*.lock", "refs/**/*.lock", "gc.pid", "objects/tmp_*", "objects/??/tmp_obj_*",
    "objects/pack/tmp_*", "objects/pack/.tmp-*",
)  # fmt: skip

# The highest of all attribute files: whatever `.gitattributes` says, bytes are left alone, and
# files merged line by line; from 2.43 on, git reads it from a bare repository's HEAD as well.
_ATTRIBUTES = (
    "* -text -ident !eol !crlf !working-tree-encoding !filter !merge !conflict-marker-size\n"
)
_FETCH = (
    "fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--no-auto-maintenance",
    "--no-recurse-submodules", "--update-shallow",
)  # fmt: skip

ADVICE = (
    "Make room there, or set MERGEWRIGHT_HOME to a folder on a larger disk. Mirrors and work "
    "trees that are not in use may be deleted; they are made again"
)


@dataclass(frozen=True)
class Hold:
    """The mirror while it is ours alone."""

    place: Place
    scratch: Path
    """Empty, and gone afterwards."""


def locate_mirror(root: Path, mirrors: Path) -> Path:
    slug = re.sub(r"[^A-Za-z0-9]+", "-", root.name).strip("-").lower()[:40] or "repository"
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return mirrors / f"{slug}-{digest}.git"


# --- holding -----------------------------------------------------------------------------------


@contextmanager
def _lock_mirror(mirror: Path, *, wait: bool = True, stopped: Flag | None = None) -> Iterator[int]:
    """Lock a mirror; BlockingIOError where somebody has it who is not waited for.

    The lock's file is never removed: who waits for it holds it.
    """
    lock = os.open(mirror.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        is_patient = wait and stopped is None
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
                break
            except BlockingIOError:
                if stopped is None:
                    raise
            if stopped.is_set():
                raise Cancelled("The run was stopped while it waited for another one's git.")
            time.sleep(_LOOK_SECONDS)
        yield lock
    finally:
        os.close(lock)


@contextmanager
def hold_mirror(mirror: Path, stopped: Flag | None = None) -> Iterator[Hold]:
    """Wait until no other run uses the mirror, and keep it for this one.

    Args:
        stopped: Once it is set, neither the wait goes on nor a git in the mirror.
    """
    mirror.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = mirror.with_suffix(".scratch")
    with _lock_mirror(mirror, stopped=stopped) as lock:
        folders.delete_folder(scratch)
        scratch.mkdir(mode=0o700)
        try:
            yield Hold(Place(mirror, (lock,), stopped=stopped), scratch)
        finally:
            folders.delete_folder(scratch)


@contextmanager
def hold_mirror_of(checkout: Checkout) -> Iterator[Hold]:
    """Hold the mirror of a checkout, and say what a failure of git in it means."""
    place = Path(checkout.mirror)
    with (
        drop_broken_mirror(place),
        process.explain_full_disk(place.parent, ADVICE),
        hold_mirror(place) as hold,
    ):
        yield hold


@contextmanager
def drop_broken_mirror(place: Path) -> Iterator[None]:
    """Remove a mirror that is to blame for a failure, so that the next run makes it anew."""
    try:
        yield
    except GitFailed as problem:
        if place.exists() and is_sound(Place(place)):
            raise PermanentError(f"git failed in {place}: {problem.message}") from problem
        with hold_mirror(place):
            folders.delete_folder(place)
        raise CacheGone(
            f"The mirror {place} was damaged or gone ({problem.message}); run again, and it is "
            "made anew",
            "checkout",
        ) from problem


def is_sound(place: Place) -> bool:
    try:
        process.run_git(place, "fsck", "--connectivity-only", "--no-dangling")
    except GitFailed:
        return False
    return True


# --- fetching ----------------------------------------------------------------------------------


def update_from_view(hold: Hold, view: Place, commit: str, *, alone: bool = False) -> None:
    """Fetch branches, tags and the commit from a view of the user's repository.

    Args:
        alone: Only the commit, without its history, of which objects may be missing.
    """
    wanted = [f"+{commit}:refs/mergewright/bases/{commit}"]
    if not alone:
        wanted += [f"+refs/{kind}/*:refs/{kind}/*" for kind in ("heads", "tags", "remotes")]
    depth = ("--depth=1",) if alone else ()
    renew_mirror(
        hold, lambda place: fetch_references(place, str(view.git_dir), *wanted, options=depth)
    )


def renew_mirror(
    hold: Hold, fetched: Callable[[Place], None], *, max_bytes: int | None = None
) -> None:
    """Fetch into the mirror, or make it anew; nothing half done stays whatever happens.

    `fetched` fetches into the mirror it is given; it is called again with a new one where the old
    one turns out to be damaged, or beyond `max_bytes`. RepositoryUnfit: it is too large, or git
    refuses an object of it.
    """
    mirror, fresh = hold.place.git_dir, hold.place.git_dir.with_suffix(".new")
    folders.delete_folder(fresh)
    if mirror.exists():
        remove_leftovers(mirror)
        try:
            _set_attributes(hold.place)  # those of an earlier version may be fewer
            fetched(hold.place)
        except (Cancelled, GitFailed) as problem:
            remove_leftovers(mirror)
            if (
                isinstance(problem, Cancelled)
                or process.is_disk_full(problem)
                or is_sound(hold.place)
            ):
                raise
            folders.delete_folder(mirror)
        if _is_larger(mirror, max_bytes):
            folders.delete_folder(mirror)
    if not mirror.exists():
        try:
            begun = replace(hold.place, git_dir=fresh)
            process.run_git(begun, "init", "--quiet", "--bare", "--template=")
            _set_attributes(begun)
            fetched(begun)
            if _is_larger(fresh, max_bytes):
                raise _make_too_large(max_bytes or 0)
            fresh.rename(mirror)
        finally:
            folders.delete_folder(fresh)
    packs = sum(1 for _ in mirror.glob("objects/pack/*.pack"))
    if packs > _MAX_PACKS or sum(1 for _ in mirror.glob("objects/17/*")) > _MAX_LOOSE:
        with suppress(GitFailed):  # what is not tidied now is tidied by a later run
            process.run_git(hold.place, "gc", "--quiet", seconds=FETCH_SECONDS)


def make_mirror(hold: Hold) -> None:
    if not hold.place.git_dir.exists():
        renew_mirror(hold, lambda place: None)


def pin_commit(hold: Hold, commit: str, kind: str = "bases") -> None:
    """Hold a commit by a ref, so that no clean-up takes it before the run is done with it."""
    process.run_git(hold.place, "update-ref", f"refs/mergewright/{kind}/{commit}", commit)


def fetch_references(
    place: Place,
    address: str,
    *wanted: str,
    max_bytes: int | None = None,
    options: tuple[str, ...] = (),
) -> None:
    """Fetch the wanted references (`+from:to`) and nothing beside them.

    RepositoryUnfit: more than `max_bytes` would be sent, and nothing of that stays; or git refuses
    an object.
    """
    # A single file of a bounded size, however few objects there are.
    packed = () if max_bytes is None else ("-c", "fetch.unpackLimit=1")
    args = (*packed, *_FETCH, *options, "--", address, *wanted)
    try:
        process.run_git(place, *args, seconds=FETCH_SECONDS, file_bytes=max_bytes)
    except process.FileTooLarge as problem:
        remove_leftovers(place.git_dir)
        raise _make_too_large(max_bytes or 0) from problem
    except GitFailed as problem:
        if found := _FSCK.search(problem.message):
            raise RepositoryUnfit(
                "git refuses an object of this repository as dangerous or damaged: "
                f"{found['object']}: {found['words']}. "
                "It has to be removed from the history, for example with git filter-repo"
            ) from problem
        raise


def _set_attributes(place: Place) -> None:
    info = place.git_dir / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(_ATTRIBUTES)


def _is_larger(mirror: Path, max_bytes: int | None) -> bool:
    return max_bytes is not None and folders.measure_size(mirror) > max_bytes


def _make_too_large(max_bytes: int) -> RepositoryUnfit:
    return RepositoryUnfit(
        f"The repository is larger than {max_bytes // 1024**2:,} MB with its history, so it was not"
        " fetched. The operator may raise MERGEWRIGHT_MAX_REPOSITORY_MB"
    )


# --- clean-up --------------------------------------------------------------------------------


def remove_leftovers(mirror: Path) -> int:
    """Remove what an interrupted git left in a mirror that is held; return how many files."""
    left = [place for pattern in _LEFT for place in mirror.glob(pattern)]
    for place in left:
        folders.delete_folder(place)
    return len(left)


def list_mirrors(mirrors: Path) -> tuple[Path, ...]:
    return tuple(sorted(place for place in mirrors.glob("*.git") if place.is_dir()))


@contextmanager
def hold_if_unused(place: Path) -> Iterator[Place | None]:
    """Hold a mirror that nobody works with, for the block; None where somebody does."""
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(_lock_mirror(place, wait=False))
        except BlockingIOError:
            yield None
        else:
            yield Place(place, (lock,))


def clean_mirrors(mirrors: Path) -> int:
    """Remove what killed processes left in mirrors that nobody uses; return how much."""
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
                gone += remove_leftovers(place)
    return gone


def unpin_commits(place: Place, before: float, is_kept: Callable[[str], bool]) -> tuple[str, ...]:
    """Unpin commits of a held mirror that are older than a time and that nobody has a use for."""
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
