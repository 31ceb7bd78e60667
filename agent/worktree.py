"""Git for a run: the base commit, work trees, the commit, the branch in the user's repository.

Every git runs on a git directory that no foreign code can reach, our mirror or a view of the
user's repository, and with nothing of the outside in its environment. So hooks, filters, monitors,
credential helpers and address rewriting of the user's configuration never run. Text from outside
is never an option: it is checked first, and stands as a full ref, an object id or after `--`.

Bytes in a work tree are the bytes in git: line-ending, encoding and filter attributes are off, so
that an untouched line stays untouched. Submodules stay empty folders, and LFS files pointers.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from agent.domain import Change, Checkout
from agent.editing.tree import WorkTree
from agent.errors import (
    EditFailed,
    ForgeUnavailable,
    PermanentError,
    RepositoryUnfit,
    TransientError,
)
from agent.repository import base as base_commit
from agent.repository import folders, mirror, objects, process, remote, source
from agent.repository.base import Limits
from agent.repository.process import GitFailed, Place

AUTHOR = "Mergewright"
AUTHOR_EMAIL = "noreply@mergewright.invalid"
IDENTITY = (AUTHOR, AUTHOR_EMAIL)
"""Who makes a commit on this machine; on a forge it is the account that opens the pull request."""

_SUBJECTS = 50
_DIFF_TREE = (
    "diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-color",
    "--no-ext-diff", "--no-textconv",
)  # fmt: skip
# No look-alikes: what a person reads is what git compares.
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+#=-]{0,199}")
_MAX_NAMES = 100
_ADVICE = (
    "Make room there, or set MERGEWRIGHT_HOME to a folder on a larger disk. Mirrors and work "
    "trees that are not in use may be deleted; they are made again"
)


# --- checkout --------------------------------------------------------------------------------


def prepare(
    repository: str,
    base: str | None,
    mirrors: Path,
    *,
    max_files: int = 100_000,
    max_bytes: int = 2048 * 1024**2,
) -> Checkout:
    """Fix the base commit and bring our mirror of the repository up to date.

    The user's repository is only read. May run twice, also at once; what an interrupted run
    leaves behind is put right by the next. The base is a branch, tag or commit; None is what is
    checked out.

    Raises:
        RepositoryUnfit: It cannot be worked on; the message names the fix.
        StorageFull: There is no room for the mirror; none is left half done.
    """
    user = source.find(repository)
    copy = mirror.path(user.root, mirrors.absolute())
    with (
        process.reading(user.root),
        process.storage(mirrors, _ADVICE),
        mirror.held(copy) as hold,
        source.viewed(user, hold.scratch / "view", hold.place.lock) as view,
        futures.ThreadPoolExecutor(1) as beside,
    ):
        limits = Limits(max_files, max_bytes)
        start = base_commit.find(view, user, base)
        base_commit.require_fit(view, start.commit, limits)
        if base is not None:
            base_commit.require_bearable(view, limits)
        uncommitted = beside.submit(source.uncommitted, user, view)
        mirror.update(hold, view, start.commit)
        return Checkout(
            repository=str(user.root),
            mirror=str(copy),
            commit=start.commit,
            base_branch=start.branch,
            nearest_tag=_nearest_tag(hold.place, start.commit),
            subjects=_subjects(hold.place, start.commit),
            signs_off=_signs_off(hold.place, start.commit),
            uncommitted=uncommitted.result(),
        )


def prepare_remote(
    url: str,
    token: str,
    branch: str,
    mirrors: Path,
    *,
    max_files: int = 100_000,
    max_bytes: int = 2048 * 1024**2,
) -> Checkout:
    """Fix the base commit of a repository behind an address, and bring our mirror up to date.

    May run twice, also at once. The token goes to this address only and is written nowhere.

    Args:
        url: For git, without credentials.
        branch: Short name of the branch to start from.

    Raises:
        RepositoryUnfit: The branch is not there, or the repository cannot be worked on.
        AccessLost: The token does not let us read it.
        ForgeUnavailable: The forge did not answer.
        StorageFull: There is no room for the mirror; none is left half done.
    """
    _require_branch_name(branch)
    copy = remote.path(url, mirrors.absolute())
    with process.storage(mirrors, _ADVICE), mirror.held(copy) as hold:
        commit = remote.update(hold, url, token, branch)
        base_commit.require_fit(hold.place, commit, Limits(max_files, max_bytes))
        # Held by a ref: the branch may have moved on before the run is done with it.
        process.run(hold.place, "update-ref", f"refs/mergewright/bases/{commit}", commit)
        return Checkout(
            repository=url,
            mirror=str(copy),
            commit=commit,
            base_branch=branch,
            nearest_tag=_nearest_tag(hold.place, commit),
            subjects=_subjects(hold.place, commit),
            signs_off=_signs_off(hold.place, commit),
        )


def _nearest_tag(place: Place, commit: str) -> str | None:
    args = ("describe", "--tags", "--abbrev=0", commit)
    return process.run(place, *args, ok=(0, 128)).decode(errors="replace").strip() or None


def _subjects(place: Place, commit: str) -> tuple[str, ...]:
    args = ("log", f"--max-count={_SUBJECTS}", "--format=%s", "-z", "--no-show-signature", commit)
    listed = process.run(place, *args, "--").decode(errors="replace")
    return tuple(subject for subject in listed.split("\0") if subject)


def _signs_off(place: Place, commit: str) -> bool:
    """Whether most of the latest commits carry a Signed-off-by line; merges do not count."""
    form = "--format=%(trailers:key=Signed-off-by,valueonly,separator=%x2C)"
    args = ("log", f"--max-count={_SUBJECTS}", "--no-merges", form, "-z", "--no-show-signature")
    listed = process.run(place, *args, commit, "--").decode(errors="replace").split("\0")
    commits = listed[:-1] if listed[-1:] == [""] else listed
    return 2 * sum(bool(line.strip()) for line in commits) > len(commits)


# --- work trees ------------------------------------------------------------------------------


def lay_out(checkout: Checkout, folder: Path) -> WorkTree:
    """Make the folder the clean work tree of the commit, in place of whatever it holds.

    It appears under its name only when it is complete.

    Raises:
        StorageFull: There is no room; the folder is gone.
    """
    folder = folder.absolute()
    fresh, index = _beside(folder, ".new"), _beside(folder, ".index")
    remove(folder)
    place = _mirror_of(checkout).using(GIT_WORK_TREE=fresh, GIT_INDEX_FILE=index)
    with _whole(checkout), futures.ThreadPoolExecutor(1) as beside:
        paths = beside.submit(_regular_files, checkout.mirror, checkout.commit)
        try:
            # Whether the disk is full is asked before the tree is taken away again.
            with process.storage(folder.parent, _ADVICE):
                fresh.mkdir(mode=0o755, parents=True)
                process.run(place, "read-tree", "-m", "-u", checkout.commit)
                _beside(folder, ".commit").write_text(checkout.commit)
                fresh.rename(folder)
        except BaseException:
            remove(folder)
            raise
        finally:
            index.unlink(missing_ok=True)
        return WorkTree(folder, paths.result())


def open_tree(checkout: Checkout, folder: Path) -> WorkTree:
    """Open the work tree that `lay_out` made of the commit; make it if it is not there."""
    marker = _beside(folder, ".commit")
    if not folder.is_dir() or not marker.exists() or marker.read_text() != checkout.commit:
        return lay_out(checkout, folder)
    with _whole(checkout):
        return WorkTree(folder, _regular_files(checkout.mirror, checkout.commit))


@lru_cache(maxsize=2)  # a run asks five times, and a commit never changes
def _regular_files(mirror_path: str, commit: str) -> tuple[str, ...]:
    listed = process.records(Place(Path(mirror_path)), "ls-tree", "-r", "-z", commit)
    entries = (record.partition(b"\t") for record in listed)
    return tuple(os.fsdecode(path) for about, _, path in entries if about[:6] in objects.REGULAR)


def remove(folder: Path) -> None:
    """Delete a work tree and what was kept beside it; links in it are not followed.

    Raises:
        PermanentError: Something in it belongs to another user.
    """
    for name in ("", ".new", ".index", ".index.lock", ".commit"):
        folders.delete(_beside(folder, name))


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


def _mirror_of(checkout: Checkout) -> Place:
    return Place(Path(checkout.mirror))


@contextmanager
def _whole(checkout: Checkout) -> Iterator[None]:
    """Remove the mirror if it is to blame for a failure, so that the next run makes it anew."""
    try:
        yield
    except GitFailed as problem:
        place = Path(checkout.mirror)
        if place.exists() and mirror.sound(_mirror_of(checkout)):
            raise PermanentError(f"git failed in {place}: {problem.message}") from problem
        with mirror.held(place):
            folders.delete(place)
        raise TransientError(
            f"The mirror {place} was damaged or gone ({problem.message}); run again, and it is "
            "made anew"
        ) from problem


# --- diff and commit -------------------------------------------------------------------------


def diff(checkout: Checkout, change: Change) -> str:
    """Show a Change as a git patch that `git apply` takes: names quoted, binary files encoded.

    A file that is not UTF-8 on either side is shown as binary.
    """
    folder = Path(checkout.mirror)
    with (
        _whole(checkout),
        process.storage(folder.parent, _ADVICE),
        mirror.held(folder) as hold,
        objects.writing(hold, keep=False) as place,
    ):
        tree = objects.tree(place, hold.scratch, checkout.commit, change)
        texts = [file.path for file in change.files if _is_text(file.before, file.after)]
        others = [file.path for file in change.files if file.path not in texts]
        args = (*_DIFF_TREE, checkout.commit, tree, "--")
        shown = process.run(place, *args, *texts) if texts else b""
        if others:
            attributes = hold.scratch / "attributes"
            attributes.write_text("* -diff\n")
            configured = ("-c", f"core.attributesFile={attributes}")
            shown += process.run(place, *configured, *args, *others)
    return shown.decode()


def _is_text(*contents: bytes | None) -> bool:
    try:
        for content in contents:
            (content or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def commit(
    checkout: Checkout,
    change: Change,
    message: str,
    *,
    date: int,
    author: str = AUTHOR,
    email: str = AUTHOR_EMAIL,
) -> str:
    """Make one commit of a Change in our mirror; equal arguments give the same commit.

    The date, in seconds since the epoch, is that of author and committer.

    Raises:
        EditFailed: The Change does not fit the base commit.
        StorageFull: There is no room in the mirror.
    """
    for what, text, unwanted in (
        ("message", message, "\0"),
        ("author", author, "\0\n<>"),
        ("address", email, "\0\n<> "),
    ):
        if not text.strip() or any(mark in text for mark in unwanted):
            raise EditFailed(f"The commit's {what} is empty or has characters git does not take")
    folder = Path(checkout.mirror)
    with _whole(checkout), process.storage(folder.parent, _ADVICE), mirror.held(folder) as hold:
        with objects.writing(hold, keep=True) as place:
            tree = objects.tree(place, hold.scratch, checkout.commit, change)
        identity = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", author), ("EMAIL", email), ("DATE", f"@{date} +0000"))
        }
        args = ("commit-tree", tree, "-p", checkout.commit, "-F", "-")
        words = f"{message.strip()}\n".encode()
        made = process.run(hold.place.using(**identity), *args, stdin=words).decode().strip()
        # Held by a ref, so that no clean-up takes it before it is delivered.
        process.run(hold.place, "update-ref", f"refs/mergewright/commits/{made}", made)
        return made


# --- delivery --------------------------------------------------------------------------------


def deliver(checkout: Checkout, commit: str, branch: str) -> str:
    """Make the branch in the user's repository and return its name; nothing else is touched.

    Objects go in first, then the branch appears in one move: an interruption leaves either no
    branch or all of it. A branch that is there is never changed: at the same commit it is taken
    for our own earlier delivery, else the next free name is used (`-2`, `-3`, …). May run twice.

    Raises:
        RepositoryUnfit: The name is not accepted, or the repository cannot be written to.
        StorageFull: There is no room in the user's repository.
    """
    _require_branch_name(branch)
    user = source.find(checkout.repository)
    folder = Path(checkout.mirror)
    advice = "Make room there and run again; no branch was made"
    with (
        process.reading(user.root),
        process.storage(folder.parent, _ADVICE),
        mirror.held(folder) as hold,
        source.viewed(user, hold.scratch / "view", hold.place.lock, write=True) as view,
        _writable(user),
        process.storage(user.common_dir, advice),
    ):
        _send(hold.place, view, checkout.commit, commit)
        return _point(view, user, commit, branch)


def holding(checkout: Checkout, commit: str, branch: str) -> tuple[str, str] | None:
    """Find the branch, by this name or a numbered one, that holds the same change already.

    The same change is one commit on the same base with the same files, whenever it was made.

    Returns:
        The branch and its commit; None where there is none.
    """
    _require_branch_name(branch)
    user = source.find(checkout.repository)
    folder = Path(checkout.mirror)
    with (
        process.reading(user.root),
        mirror.held(folder) as hold,
        source.viewed(user, hold.scratch / "view", hold.place.lock) as view,
    ):
        wanted = _tree_and_parents(hold.place, commit)
        refs = base_commit.list_refs(view, "refs/heads")
        for name in [branch, *(f"{branch}-{number}" for number in range(2, _MAX_NAMES))]:
            found = refs.get(f"refs/heads/{name}")
            if found is None:
                return None
            if _tree_and_parents(view, found) == wanted:
                return name, found
    return None


def _tree_and_parents(place: Place, commit: str) -> str:
    """What a commit holds and what it stands on, whoever made it and when."""
    args = ("log", "-1", "--no-show-signature", "--format=%T %P", "--end-of-options", commit)
    return process.run(place, *args).decode().strip()


def push(checkout: Checkout, commit: str, branch: str, url: str, token: str) -> str:
    """Push the commit to a new branch of the repository at the address; return its name.

    A branch that is there is never moved: at the same commit it is taken for our own earlier
    push, else the next free name is used (`-2`, `-3`, …). May run twice.

    Raises:
        RepositoryUnfit: The name is not accepted, or there are too many like it.
        AccessLost: The forge does not let us push; its words are in the message.
        ForgeUnavailable: The forge did not answer; run again, nothing is done twice.
    """
    _require_branch_name(branch)
    folder = Path(checkout.mirror)
    with process.storage(folder.parent, _ADVICE), mirror.held(folder) as hold:
        for name in [branch, *(f"{branch}-{number}" for number in range(2, _MAX_NAMES))]:
            at = remote.head(hold, url, token, name)
            if at == commit:
                return name
            if at is not None:
                continue
            try:
                remote.push(hold, url, token, commit, name, expected=None)
            except (remote.LeaseLost, ForgeUnavailable):
                # Somebody was quicker, or the answer was lost on its way: what is there tells.
                at = remote.head(hold, url, token, name)
                if at is None:
                    raise
                if at != commit:
                    continue
            return name
    raise RepositoryUnfit(f"The repository has {_MAX_NAMES - 1} branches named like {branch}")


def _require_branch_name(branch: str) -> None:
    shown = branch.encode("unicode_escape", "replace").decode()[:100]
    problem = f"`{shown}` is not accepted as the name of a branch"
    fix = "Set pull_request.branch_prefix to letters, digits and dashes, ending with a slash"
    if not _BRANCH.fullmatch(branch):
        raise RepositoryUnfit(
            f"{problem}: only ASCII letters, digits and . _ / + # = - may be in it, at most 200, "
            f"beginning with a letter or digit. {fix}"
        )
    try:
        process.run(Place(Path("/nonexistent")), "check-ref-format", "--branch", branch)
    except GitFailed as refusal:
        raise RepositoryUnfit(f"{problem}: {refusal.message}. {fix}") from refusal


@contextmanager
def _writable(user: source.Source) -> Iterator[None]:
    try:
        yield
    except GitFailed as problem:
        raise RepositoryUnfit(
            f"The branch could not be made in {user.root}: {problem.message}. "
            f"Run as the owner of {user.common_dir}, and see `git -C {user.root} fsck`"
        ) from problem


def _send(here: Place, view: Place, base: str, commit: str) -> None:
    """Hand over the commit's objects as loose ones; git checks each, and that all are there."""
    known = [f"^{base}"] if base_commit.peeled(view, base) else []
    wanted = "\n".join([commit, *known, ""]).encode()
    pack = process.run(here, "pack-objects", "--revs", "--stdout", "--quiet", stdin=wanted)
    process.run(view, "unpack-objects", "-q", "--strict", stdin=pack)


def _point(view: Place, user: source.Source, commit: str, branch: str) -> str:
    for name in [branch, *(f"{branch}-{number}" for number in range(2, _MAX_NAMES))]:
        refs = base_commit.list_refs(view, "refs/heads")
        ref = f"refs/heads/{name}"
        if refs.get(ref) == commit:
            return name
        folded = {other.lower() for other in refs}
        taken = ref.lower() in folded or any(o.startswith(f"{ref.lower()}/") for o in folded)
        if taken or name in source.head_branches(user):
            continue
        above = [ref[:at] for at, mark in enumerate(ref) if mark == "/" and at > len("refs/heads")]
        if blocking := [other for other in above if other in refs]:
            raise RepositoryUnfit(
                f"The branch {name} cannot be made in {user.root}: there is a branch "
                f"{blocking[0].removeprefix('refs/heads/')}. "
                "Rename that one, or set pull_request.branch_prefix"
            )
        try:
            # The zeros say that it must not be there yet.
            process.run(view, "update-ref", ref, commit, "0" * len(commit))
        except GitFailed:
            if ref not in base_commit.list_refs(view, "refs/heads"):
                raise
            continue  # somebody made it in this moment
        return name
    raise RepositoryUnfit(
        f"{user.root} has {_MAX_NAMES - 1} branches named like {branch}. Delete those not needed: "
        f"git branch -D {branch}"
    )


# --- the sample of the demo ------------------------------------------------------------------


def start_repository(folder: Path, subject: str) -> None:
    """Make a folder of files a repository with one commit on `main`."""
    git_dir = folder / ".git"
    if git_dir.exists():
        raise PermanentError(f"{folder} is a git repository already")
    place = Place(git_dir).using(
        GIT_WORK_TREE=folder,
        GIT_AUTHOR_NAME=AUTHOR,
        GIT_AUTHOR_EMAIL=AUTHOR_EMAIL,
        GIT_COMMITTER_NAME=AUTHOR,
        GIT_COMMITTER_EMAIL=AUTHOR_EMAIL,
    )
    process.run(Place(git_dir), "init", "--quiet", "--template=", "--initial-branch=main")
    process.run(place, "add", "--all", "--", ".")
    process.run(place, "commit", "--quiet", "--no-verify", "--file=-", stdin=subject.encode())


def show(repository: Path, commit: str) -> str:
    """Show a commit of the user's repository, message and patch."""
    user = source.find(str(repository))
    with (
        tempfile.TemporaryDirectory(prefix="mergewright-") as scratch,
        process.reading(user.root),
        source.viewed(user, Path(scratch, "view"), None) as view,
    ):
        args = ("show", "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature")
        return process.run(view, *args, "--end-of-options", commit).decode(errors="replace")
