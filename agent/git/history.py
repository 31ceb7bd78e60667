"""Read what a repository's own history did: commits as patches, and a patch as a Change.

Nothing is applied to a work tree. The user's repository is read through its view, as for a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.errors import RequestRefused
from agent.git import mirror, objects, process, pull_branch, source
from agent.git.process import GitFailed, GitPlace
from agent.models.change import Change
from agent.models.environment import Checkout


class PastCommit(NamedTuple):
    """A commit with what it changed against its first parent."""

    commit: str
    parent: str
    message: str
    paths: tuple[str, ...]
    diff: Callable[[tuple[str, ...]], str]
    """Gives the patch of some of its files."""


@contextmanager
def read_commits(
    repository: str, mirrors: Path, revisions: str, since: int | None = None
) -> Iterator[Iterator[PastCommit]]:
    """Give the commits that `git log --first-parent` lists, the newest first; roots are left out.

    Args:
        revisions: As git log takes them, such as `v1..main`.
        since: Seconds since the epoch; None: from the first.

    Raises:
        RequestRefused: Git does not know them.
    """
    user = source.find_source(repository)
    copy = mirror.locate_mirror(user.root, mirrors.absolute())
    with mirror.hold_mirror(copy) as hold, source.open_view(user, hold) as view:
        try:
            yield _list_commits(view, revisions, since)
        except GitFailed as problem:
            raise RequestRefused(f"git log {revisions}: {problem.message}") from problem


def _list_commits(view: GitPlace, revisions: str, since: int | None) -> Iterator[PastCommit]:
    args = ["log", "-z", "--first-parent", "--no-show-signature", "--format=%H %P%n%B"]
    args += [] if since is None else [f"--since=@{since}"]
    for record in process.read_records(view, *args, "--end-of-options", revisions, "--"):
        about, _, message = record.decode(errors="replace").partition("\n")
        commit, *parents = about.split()
        if parents:
            paths = tuple(objects.compare_trees(view, parents[0], commit))

            def diff(some: tuple[str, ...], sides: tuple[str, str] = (parents[0], commit)) -> str:
                shown = (
                    process.run_git(view, *objects.DIFF_TREE, *sides, "--", *some) if some else b""
                )
                return shown.decode(errors="surrogateescape")

            yield PastCommit(commit, parents[0], message.strip(), paths, diff)


def read_patch(checkout: Checkout, patch: str) -> Change:
    """Read what a patch, as `git diff --binary` writes it, makes of the base commit.

    Raises:
        RequestRefused: It does not apply.
        RepositoryUnfit: It holds more than regular files of bounded size.
    """
    with mirror.hold_mirror_of(checkout) as hold:
        place = objects.use_index(hold, keep=False)
        process.run_git(place, "read-tree", checkout.commit)
        if patch.strip():
            content = patch.encode(errors="surrogateescape")
            try:
                process.run_git(place, "apply", "--cached", "--whitespace=nowarn", stdin=content)
            except GitFailed as problem:
                words = f"A patch does not apply to {checkout.commit[:12]}: {problem.message}"
                raise RequestRefused(words) from problem
        tree = process.run_git(place, "write-tree").decode().strip()
        return pull_branch.read_difference(place, checkout.commit, tree)
