"""The branch of our pull request: read its state, make its next commit, push it.

Git merges without a work tree, so neither attributes nor hooks of the repository have an effect.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.errors import BranchMoved, CacheGone, CodeHostUnavailable, EditFailed, RepositoryUnfit
from agent.git import base, branches, mirror, objects, process, remote, worktree
from agent.git.base import PinnedCommit
from agent.git.mirror import LockedMirror
from agent.git.process import GitPlace
from agent.models.change import Change, ChangedFile
from agent.models.pulls import BranchState
from agent.models.sandbox import Flag
from agent.models.step import Step

MOST_COMMITS = 1_000
"""Maximum number of commits of a branch; one with more is not continued."""
MOST_FILES = 1_000
"""Maximum number of files that a continued branch may change."""
MOST_BYTES = 32 * 1024**2
"""Maximum size of the changed files before and after, together."""
_LOOKED_AT = "refs/mergewright/looked-at"
"""Ref of the branch in the mirror; each reading of a branch overwrites it."""
_FORGE = ("GitHub", "noreply@github.com")
"""The committer of commits that the code host creates and signs for an author."""


# --- reading -----------------------------------------------------------------------------------


def read_branch_state(  # noqa: PLR0913 - those of `prepare_remote`, and of a second branch
    url: str,
    token: str,
    branch: str,
    base_branch: str,
    mirrors: Path,
    *,
    author: str = worktree.AUTHOR,
    email: str = worktree.AUTHOR_EMAIL,
    max_mb: int = remote.MAX_MB,
    stopped: Flag | None = None,
    keeps_conflicts: bool = False,
    commit: str | None = None,
) -> BranchState:
    """Fetch the branch of a pull request and its base, and compare them. May run twice.

    `commit`: our commit in the mirror to take as the branch's tip; None: the tip on the code host.
    With `keeps_conflicts`, branch and base are merged in spite of conflicts, which stay between
    conflict markers. `author` and `email` identify our commits. Raises RepositoryUnfit for links,
    submodules and size.
    """
    for name in (branch, base_branch):
        branches.require_name(name)
    with remote.open_mirror(url, token, mirrors, stopped) as repository:
        start, locked = repository.fetch_base(base_branch, max_mb), repository.locked
        try:
            wanted = f"+refs/heads/{branch}:{_LOOKED_AT}"
            if commit is None:
                repository.fetch_more(wanted, branch=branch, max_mb=max_mb)
        except remote.BranchMissing as problem:
            raise RepositoryUnfit(
                f"The pull request's branch {branch} no longer exists. To continue, restore it on"
                " the pull request's page"
            ) from problem
        head = commit or objects.require_object(locked.place, _LOOKED_AT)
        for end in (start, head):
            mirror.pin_commit(locked, end)
        pinned, ours = PinnedCommit(start, base_branch), (author, email)
        return _read_state(locked, url, pinned, head, ours, keeps_conflicts)


def _read_state(
    locked: LockedMirror,
    url: str,
    start: PinnedCommit,
    head: str,
    ours: tuple[str, str],
    keeps_conflicts: bool,  # noqa: FBT001
) -> BranchState:
    tip = start.commit
    place = objects.use_index(locked, keep=False)
    fork = objects.find_fork(place, tip, head)
    if fork is None:
        raise _make_unfit("has no commit in common with its base branch")
    against, tree, conflicts = _join_base(place, fork, tip, head, keeps_conflicts=keeps_conflicts)
    base.require_fit(place, against)
    commits = list(_list_commits(place, tip, head, ours))
    if len(commits) > MOST_COMMITS:
        raise _make_unfit(f"has over {MOST_COMMITS:,} commits that are not on its base branch")
    base.require_fit(place, tree)
    return BranchState(
        checkout=base.describe_commit(locked.place, url, PinnedCommit(against, start.branch)),
        change=read_difference(place, against, tree),
        head=head,
        tip=tip,
        tree=tree,
        foreign_commits=tuple(commit for commit, is_ours in commits if not is_ours),
        base_has_moved=fork != tip,
        conflicts=conflicts,
    )


def _join_base(
    place: GitPlace, fork: str, tip: str, head: str, *, keeps_conflicts: bool
) -> tuple[str, str, tuple[str, ...]]:
    """Merge base and branch; return the commit to compare with, the tree, and conflicts."""
    if fork == tip:
        return tip, objects.find_tree(place, head), ()
    try:
        tree, conflicts = objects.merge_trees(place, tip, head)
    except process.TookTooLong as problem:
        raise _make_unfit("takes too long to merge with its base") from problem
    if conflicts and not keeps_conflicts:
        return fork, objects.find_tree(place, head), conflicts[:MOST_FILES]
    return tip, tree, conflicts[:MOST_FILES]


def _list_commits(
    place: GitPlace, tip: str, head: str, ours: tuple[str, str]
) -> Iterator[tuple[str, bool]]:
    """Yield a branch's newest commits that its base lacks, oldest first, and whether each is ours.

    The author alone is no proof: a person who amends our commit becomes its committer, and a commit
    that the code host creates for a person has them as its author.
    """
    fields = "%H%x00%an%x00%ae%x00%cn%x00%ce"
    args = ("log", "-z", "--topo-order", "--reverse", f"--max-count={MOST_COMMITS + 1}")
    listed = process.read_records(
        place, *args, "--no-show-signature", f"--format={fields}", f"{tip}..{head}", "--"
    )
    words = (word.decode(errors="replace") for word in listed)
    for commit, *who in zip(*[words] * 5, strict=True):
        author, committer = (who[0], who[1]), (who[2], who[3])
        yield commit, author == ours and committer in (ours, _FORGE)


def _make_unfit(why: str) -> RepositoryUnfit:
    return RepositoryUnfit(f"The pull request's branch {why}. A person has to continue")


# --- the difference as a Change ----------------------------------------------------------------


def read_difference(place: GitPlace, commit: str, tree: str) -> Change:
    """Read the change from a commit to a tree; RepositoryUnfit: too large, links or submodules."""
    entries = objects.compare_trees(place, commit, tree)
    if len(entries) > MOST_FILES:
        raise _make_unfit(f"changes more than {MOST_FILES:,} files")
    present = [(path, *entry) for path, pair in entries.items() for entry in pair if entry]
    if others := {path for path, mode, _ in present if mode not in objects.REGULAR}:
        named = ", ".join(f"`{path}`" for path in sorted(others)[:10])
        raise _make_unfit(f"changes symbolic links or submodules: {named}")
    ids = [object_id for _, _, object_id in present]
    asked = "".join(f"{object_id}\n" for object_id in ids).encode()
    sizes = process.run_git(place, "cat-file", "--batch-check=%(objectsize)", stdin=asked).split()
    if sum(map(int, sizes)) > MOST_BYTES:
        raise _make_unfit(f"changes files that are larger than {MOST_BYTES // 1024**2} MB")
    content = objects.read_contents(place, ids)
    files = [
        ChangedFile(
            path=path,
            before=next(content) if before else None,
            after=next(content) if after else None,
            executable=after is not None and after[0] == "100755",
            was_executable=before[0] == "100755" if before else None,
        )
        for path, (before, after) in entries.items()
    ]
    return Change(base_commit=commit, files=tuple(files))


# --- the commits that go on it -----------------------------------------------------------------


def make_follow_up_commit(
    branch_state: BranchState,
    change: Change,
    message: str,
    *,
    date: int,
    merge_message: str,
    author: str = worktree.AUTHOR,
    email: str = worktree.AUTHOR_EMAIL,
) -> str:
    """Create in our mirror the next commit of the branch; equal arguments give the same one.

    `change` is relative to the checkout. If the base was merged in, a merge commit is made, and one
    on top with the rest of the Change; on conflicts, one merge has it all. No commit is rewritten.
    Returns the branch's head if nothing is to commit, or branch and Change are equal to the base.
    """
    against, made = branch_state.checkout.commit, branch_state.head
    by = objects.Identity(author, email, date)
    with mirror.lock_mirror_of(branch_state.checkout) as locked:
        _require_there(locked.place, branch_state)
        place = objects.use_index(locked, keep=True)
        was = objects.write_tree(place, locked.scratch, against, branch_state.change)
        wanted = objects.write_tree(place, locked.scratch, against, change)
        if was != branch_state.tree:
            raise EditFailed(
                f"The branch does not have the tree {branch_state.tree[:12]} of its change"
            )
        if was == wanted == objects.find_tree(place, branch_state.tip):
            return branch_state.head
        if branch_state.brought_up:
            parents = branch_state.head, branch_state.tip
            if branch_state.conflicts:
                # Conflict markers are never committed.
                was, merge_message = wanted, f"{merge_message}\n\n{message}"
            made = objects.write_commit(locked.place, was, parents, merge_message, by)
        if wanted != was:
            made = objects.write_commit(locked.place, wanted, (made,), message, by)
        mirror.pin_commit(locked, made, "commits")
    return made


# --- delivery ----------------------------------------------------------------------------------


def push_follow(
    branch_state: BranchState, commit: str, branch: str, url: str, token: str, *, look_again: str
) -> None:
    """Move the branch of a pull request to the commit. May run twice.

    Raises BranchMoved if the branch was moved or deleted meanwhile; step `look_again` is repeated.
    """
    branches.require_name(branch)
    with (
        mirror.lock_mirror_of(branch_state.checkout) as locked,
        remote.reach_remote(locked, url, token) as repository,
    ):
        _require_there(locked.place, branch_state, commit)
        at = repository.find_head(branch)
        if at == branch_state.head != commit:
            try:
                at = repository.push_unless_moved(commit, branch, expected=at)
            except remote.LeaseLost as problem:
                raise CodeHostUnavailable(problem.message) from problem
    if at != commit:
        what = "Someone pushed to" if at else "Someone deleted"
        raise BranchMoved(f"{what} {branch} after it was read; it was left unchanged", look_again)


def _require_there(place: GitPlace, branch_state: BranchState, *more: str) -> None:
    """Raise CacheGone if the mirror was recreated without the commits: the checkout is repeated."""
    for commit in (branch_state.tip, branch_state.head, *more):
        if base.peel_object(place, commit) != commit:
            raise CacheGone(f"{place.git_dir} no longer contains commit {commit}", Step.CHECKOUT)
