"""Read a repository's history: commits as patches, and a patch as a Change.

Nothing is applied to a work tree. A repository on this disk is read in place, one on GitHub through
our mirror.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from agent.errors import RequestRefused
from agent.git import base, mirror, objects, process, pull_branch, remote, source
from agent.git.process import GitFailed, GitPlace
from agent.models.change import Change
from agent.models.environment import Checkout


class PastCommit(NamedTuple):
    """A commit, or the branch of a pull request, with its changes."""

    commit: str
    parent: str
    message: str
    paths: tuple[str, ...]
    diff: Callable[[tuple[str, ...]], str]
    """Returns the patch of the files with these paths."""


@contextmanager
def read_commits(repository: str, revisions: str) -> Iterator[Iterator[PastCommit]]:
    """Open the commits that `git log --first-parent` lists, newest first, without root commits.

    `revisions` are git's, such as `v1..main`. Raises RequestRefused if git does not know them.
    """
    try:
        yield _list_commits(source.find_source(repository).place, revisions)
    except GitFailed as problem:
        raise RequestRefused(f"git log {revisions}: {problem.message}") from problem


@contextmanager
def read_pulls(
    url: str, token: str, branch: str, mirrors: Path, *, max_mb: int
) -> Iterator[tuple[Path, Callable[[int, str], PastCommit | None]]]:
    """Open our mirror of a repository on GitHub, and return a reader of its pull requests.

    The reader takes a pull request's number and the tip of its base branch. It returns None if the
    two have no common commit that still exists.
    """
    with remote.open_mirror(url, token, mirrors) as repository:
        repository.fetch_base(branch, max_mb)
        place = repository.locked.place

        def read(number: int, base_tip: str) -> PastCommit | None:
            name = f"refs/mergewright/pulls/{number}"
            wanted = f"+refs/pull/{number}/head:{name}"
            repository.fetch_more(wanted, max_mb=max_mb)
            head = objects.require_object(place, name)
            base_commit = base.peel_object(place, base_tip)
            fork = objects.find_fork(place, base_commit, head) if base_commit else None
            return _describe_commit(place, head, fork, "") if fork else None

        yield place.git_dir, read


def _list_commits(place: GitPlace, revisions: str) -> Iterator[PastCommit]:
    args = ("log", "-z", "--first-parent", "--no-show-signature", "--format=%H %P%n%B")
    for record in process.read_records(place, *args, "--end-of-options", revisions, "--"):
        about, _, message = record.decode(errors="replace").partition("\n")
        commit, *parents = about.split()
        if parents:
            yield _describe_commit(place, commit, parents[0], message.strip())


def _describe_commit(place: GitPlace, commit: str, parent: str, message: str) -> PastCommit:
    paths = tuple(objects.compare_trees(place, parent, commit))
    diff = partial(objects.make_patch, place, parent, commit)
    return PastCommit(commit, parent, message, paths, diff)


def read_patch(checkout: Checkout, patch: str) -> Change:
    """Read a patch, as `git diff --binary` writes it, as a Change of the base commit.

    Raises:
        RequestRefused: It does not apply.
        RepositoryUnfit: It contains more than regular files of bounded size.
    """
    with mirror.lock_mirror_of(checkout) as locked:
        place = objects.use_index(locked, keep=False)
        process.run_git(place, "read-tree", checkout.commit)
        if patch.strip():
            args = ("apply", "--cached", "--whitespace=nowarn")
            try:
                process.run_git(place, *args, stdin=patch.encode())
            except GitFailed as problem:
                words = f"A patch does not apply to {checkout.commit[:12]}: {problem.message}"
                raise RequestRefused(words) from problem
        tree = process.run_git(place, "write-tree").decode().strip()
        return pull_branch.read_difference(place, checkout.commit, tree)
