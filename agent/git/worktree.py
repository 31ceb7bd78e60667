"""Git for a run: the base commit, work trees, the commit, the branch.

Every git runs on a git directory that no foreign code can reach. Git never reads text from outside
as an option: it is checked first, and passed as a full ref, an object id or after `--`. Files in a
work tree have the bytes in git; submodules stay empty folders, and LFS files pointers.

Every function may be called twice, also at the same time, and may raise RepositoryUnfit;
StorageFull, after which nothing is left half done; CacheGone, if a mirror is gone.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from agent.errors import RepositoryUnfit
from agent.git import base as base_commit
from agent.git import (
    branches,
    folders,
    mirror,
    names,
    objects,
    one_commit,
    process,
    remote,
    source,
)
from agent.git.base import PinnedCommit
from agent.git.process import GitFailed, GitPlace
from agent.git.tree import WorkTree
from agent.models.change import Change, Hunk
from agent.models.environment import Checkout
from agent.models.sandbox import Flag

AUTHOR = "Mergewright"
AUTHOR_EMAIL = "noreply@mergewright.invalid"
IDENTITY = (AUTHOR, AUTHOR_EMAIL)
"""Author of local commits; on a code host it is the account that opens the pull request."""


# --- checkout --------------------------------------------------------------------------------


def prepare_checkout(
    repository: str, base: str | None, mirrors: Path, stopped: Flag | None = None
) -> Checkout:
    """Resolve the base commit (None: the current checkout) and update our mirror."""
    user = source.find_source(repository)
    copy = mirror.locate_mirror(user.root, mirrors.absolute())
    with mirror.lock_mirror(copy, stopped) as locked, source.explain_git(user):
        start = base_commit.find_commit(user, base)
        base_commit.require_fit(user.place, start.commit)
        wanted = [f"+{start.commit}:{mirror.BASES}{start.commit}"]
        wanted += [f"+refs/{kind}/*:refs/{kind}/*" for kind in ("heads", "tags", "remotes")]
        options = (f"--upload-pack={user.upload_pack}",)
        with mirror.renew_mirror(locked.place, locked.scratch) as place:
            mirror.fetch_references(place, str(user.root), *wanted, options=options)
        return base_commit.describe_commit(locked.place, str(user.root), start)


def prepare_remote(
    url: str,
    token: str,
    branch: str,
    mirrors: Path,
    *,
    max_mb: int = remote.MAX_MB,
    stopped: Flag | None = None,
) -> Checkout:
    """Resolve the base commit of a remote repository of at most `max_mb`, and update our mirror.

    The URL has no credentials. Once `stopped` is set, git is ended and the mirror left as it was.
    """
    branches.require_name(branch)
    with remote.open_mirror(url, token, mirrors, stopped) as repository:
        commit, locked = repository.fetch_base(branch, max_mb), repository.locked
        base_commit.require_fit(locked.place, commit)
        mirror.pin_commit(locked, commit)
        return base_commit.describe_commit(locked.place, url, PinnedCommit(commit, branch))


def restore_commits(
    url: str, token: str, branch: str, commits: Sequence[str], mirrors: Path, *, max_mb: int
) -> None:
    """Fetch commits that another machine's mirror has, even if no branch contains them any more."""
    branches.require_name(branch)
    with remote.open_mirror(url, token, mirrors) as repository:
        repository.fetch_base(branch, max_mb)
        wanted = (f"+{commit}:{mirror.BASES}{commit}" for commit in commits)
        repository.fetch_more(*wanted, max_mb=max_mb)


def has_commit(mirrored: str, commit: str) -> bool:
    folder = Path(mirrored)
    return folder.is_dir() and base_commit.peel_object(GitPlace(folder), commit) == commit


# --- work trees ------------------------------------------------------------------------------


def lay_out(checkout: Checkout, folder: Path, stopped: Flag | None = None) -> WorkTree:
    """Create a clean work tree of the commit in the folder, replacing an earlier one.

    The mark that `open_tree` checks is written last. Once `stopped` is set, git is ended, and the
    folder deleted.
    """
    folder = folder.absolute()
    index = _add_suffix(folder, ".index")
    remove_work_tree(folder)
    mirrored = GitPlace(Path(checkout.mirror), stopped=stopped)
    place = mirrored.with_environ(GIT_WORK_TREE=folder, GIT_INDEX_FILE=index)
    with mirror.explain_mirror(Path(checkout.mirror)):
        try:
            folder.mkdir(mode=0o755, parents=True)
            process.run_git(place, "read-tree", "-m", "-u", checkout.commit)
            _add_suffix(folder, ".commit").write_text(checkout.commit)
        except BaseException:
            remove_work_tree(folder)
            raise
        finally:
            index.unlink(missing_ok=True)
        return WorkTree(folder, _list_commit_files(checkout.mirror, checkout.commit)[0])


def open_tree(checkout: Checkout, folder: Path) -> WorkTree:
    """Open the work tree that `lay_out` made of the commit; make it if it is not there.

    Next to it is the repository that sandboxes get, see `one_commit`.
    """
    _lay_out_one_commit(checkout, folder.with_name(one_commit.NAME))
    marker = _add_suffix(folder, ".commit")
    if not folder.is_dir() or not marker.exists() or marker.read_text() != checkout.commit:
        return lay_out(checkout, folder)
    with mirror.explain_mirror(Path(checkout.mirror)):
        return WorkTree(folder, _list_commit_files(checkout.mirror, checkout.commit)[0])


def _lay_out_one_commit(checkout: Checkout, folder: Path) -> None:
    if one_commit.is_of(folder, checkout.commit):
        return
    fresh = _add_suffix(folder, ".new")
    with mirror.lock_mirror_of(checkout) as locked:
        # Another thread may have made it meanwhile, or was interrupted and left `fresh`.
        if not one_commit.is_of(folder, checkout.commit):
            folders.delete_folder(fresh)
            one_commit.make_repository(locked, checkout.commit, fresh)
            folders.delete_folder(folder)
            fresh.rename(folder)


def list_links(checkout: Checkout) -> frozenset[str]:
    with mirror.explain_mirror(Path(checkout.mirror)):
        return _list_commit_files(checkout.mirror, checkout.commit)[1]


@lru_cache(maxsize=2)  # a run asks five times, and a commit never changes
def _list_commit_files(mirror_path: str, commit: str) -> tuple[tuple[str, ...], frozenset[str]]:
    regular: list[str] = []
    others: list[str] = []
    args = ("ls-tree", "-r", "-z", commit)
    for record in process.read_records(GitPlace(Path(mirror_path)), *args):
        mode, path = record[:6].decode(), os.fsdecode(record.partition(b"\t")[2])
        # Files with odd names, like links, are there for the tests, and are never edited.
        is_ours = mode in objects.REGULAR and names.name_problem(path) is None
        (regular if is_ours else others).append(path)
    return tuple(regular), frozenset(others)


def remove_work_tree(folder: Path) -> None:
    """Delete a work tree with its mark and index; links in the work tree are not followed."""
    # The mark that it is complete is deleted first.
    for name in (".commit", "", ".index", ".index.lock"):
        folders.delete_folder(_add_suffix(folder, name))


def _add_suffix(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


# --- diff and commit -------------------------------------------------------------------------


def make_diff(checkout: Checkout, change: Change) -> str:
    """Show a Change as a patch; see `objects.make_patch`."""
    with mirror.lock_mirror_of(checkout) as locked:
        place = objects.use_index(locked, keep=False)
        tree = objects.write_tree(place, locked.scratch, checkout.commit, change)
        return objects.make_patch(place, checkout.commit, tree, change.paths)


def list_hunks(checkout: Checkout, change: Change) -> dict[str, tuple[Hunk, ...]]:
    """Return the hunks of each file of a Change, as git finds them."""
    with mirror.lock_mirror_of(checkout) as locked:
        place = objects.use_index(locked, keep=False)
        tree = objects.write_tree(place, locked.scratch, checkout.commit, change)
        hunks = groupby(
            objects.list_hunks(place, checkout.commit, tree), key=lambda hunk: hunk.path
        )
        return {path: tuple(group) for path, group in hunks}


def make_commit(
    checkout: Checkout,
    change: Change,
    message: str,
    *,
    date: int,
    author: str = AUTHOR,
    email: str = AUTHOR_EMAIL,
) -> str:
    """Create a commit of a Change, dated in epoch seconds; equal arguments give the same one."""
    with mirror.lock_mirror_of(checkout) as locked:
        place = objects.use_index(locked, keep=True)
        tree = objects.write_tree(place, locked.scratch, checkout.commit, change)
        by = objects.Identity(author, email, date)
        made = objects.write_commit(locked.place, tree, (checkout.commit,), message, by)
        mirror.pin_commit(locked, made, "commits")
        return made


def read_commit(checkout: Checkout, commit: str) -> str | None:
    """Read the text of a commit object; None: our mirror lacks it, or it is not UTF-8."""
    with suppress(GitFailed, UnicodeDecodeError):
        return process.run_git(
            GitPlace(Path(checkout.mirror)), "cat-file", "commit", commit
        ).decode()
    return None


# --- delivery --------------------------------------------------------------------------------


def deliver_branch(checkout: Checkout, commit: str, branch: str) -> str:
    """Make the branch in the user's repository and return its name; nothing else is touched.

    Objects go in first, then the branch appears in one move. An existing branch never changes:
    at the same commit it is our own earlier delivery, else the next free name is used (`-2`, …).
    """
    branches.require_name(branch)
    user = source.find_source(checkout.repository)
    with mirror.lock_mirror_of(checkout) as locked, source.explain_git(user):
        try:
            branches.send_objects(locked.place, user.place, checkout.commit, commit)
            return branches.create_branch(user, commit, branch)
        except GitFailed as problem:
            raise RepositoryUnfit(
                f"The branch could not be created in {user.root}: {problem.message}. Run as the"
                f" owner of {user.common_dir}, and check `git -C {user.root} fsck`. If another"
                " branch conflicts, rename it, or set pull_request.branch_prefix"
            ) from problem


def push_commit(
    checkout: Checkout,
    commit: str,
    branch: str,
    url: str,
    token: str,
    *,
    taken: Callable[[str], object] = lambda name: None,
) -> str:
    """Push the commit to a branch of the repository with the URL; return its name.

    An existing branch is never moved: `taken` is called with its name, and unless it returns
    something true, the next free name is used (`-2`, …).
    """
    branches.require_name(branch)
    with (
        mirror.lock_mirror_of(checkout) as locked,
        remote.reach_remote(locked, url, token) as repository,
    ):
        for name in branches.list_candidate_names(branch):
            at = repository.find_head(name)
            if at == commit:
                return name
            if at is not None:
                if taken(name):
                    return name
                continue
            if repository.push_unless_moved(commit, name, expected=None) == commit:
                return name
    raise RepositoryUnfit(f"The repository has {branches.MOST_NAMES} branches named like {branch}")
