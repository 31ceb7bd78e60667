"""The branch of a pull request of ours: whose commits are on it, and what it is beside its base.

Owns which commits are ours, how the base branch is merged in, and the commits that go on top. Git
merges without a work tree, by its own rules alone: attributes of the repository count as little as
its hooks. Fetching and pushing are left to `agent.git.remote`, locks to `agent.git.worktree`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import BranchMoved, CacheGone, EditFailed, ForgeUnavailable, RepositoryUnfit
from agent.git import base, objects, process, remote
from agent.git.base import Limits, Start
from agent.git.mirror import Hold
from agent.git.objects import Identity
from agent.git.process import GitFailed, Place
from agent.models.change import Change, ChangedFile
from agent.models.pulls import Standing

MOST_COMMITS = 1_000
"""So many commits of a branch are looked at; one with more is not carried on."""
MOST_FILES = 1_000
"""So many files a branch may change that is carried on."""
MOST_BYTES = 32 * 1024**2
"""Of the changed files before and after, together."""
_FORGE = ("GitHub", "noreply@github.com")
"""The committer of what the forge commits and signs for an author."""
_MERGES_SINCE = (2, 38)
_MERGE_SECONDS = 120.0
_MERGE = (
    # Pairs that are compared grow with the square of this.
    "-c", "merge.renameLimit=1000",
    # A file stays in the folder it was put in, even if others have left that.
    "-c", "merge.directoryRenames=false",
    "merge-tree", "--write-tree", "--name-only", "-z",
)  # fmt: skip
_ABSENT = "000000"


# --- looking -----------------------------------------------------------------------------------


def bring(hold: Hold, url: str, token: str, branch: str, *, max_bytes: int) -> str:
    """Fetch the branch of a pull request; return the commit at its end.

    Raises:
        RepositoryUnfit: It is gone or too large, or git refuses an object of it as dangerous.
        AccessLost: The token does not let us read the repository.
        ForgeUnavailable: The forge did not answer.
    """
    try:
        remote.bring(hold, url, token, branch, max_bytes=max_bytes)
    except remote.BranchMissing as problem:
        raise RepositoryUnfit(
            f"The pull request's branch {branch} is not there any more. Restore it, on its page,"
            " to have it carried on"
        ) from problem
    return process.run(hold.place, "rev-parse", "--verify", remote.LOOKED_AT).decode().strip()


def look(
    hold: Hold,
    url: str,
    start: Start,
    head: str,
    *,
    ours: tuple[str, str],
    limits: Limits,
    merging: bool,
) -> Standing:
    """Say where a branch stands beside its base; both are in the mirror.

    Args:
        start: The end of the base branch.
        head: The end of the branch.
        ours: Name and address in our commits.
        merging: Whether the base is to be merged in.

    Raises:
        RepositoryUnfit: The base itself cannot be worked on.
    """
    tip = start.commit
    with objects.writing(hold, keep=False) as place:
        fork = _fork(place, tip, head)
        joined = _joined(place, fork, tip, head, merging=merging)
        base.require_fit(place, joined.against, limits)
        foreign = tuple(commit for commit, own in _commits(place, tip, head, ours) if not own)
        change, unfit = Change(base_commit=joined.against, files=()), ""
        try:
            _require_bounded(place, fork, tip, head)
            base.require_fit(place, joined.tree, limits)
            change = _difference(place, joined.against, joined.tree)
        except RepositoryUnfit as problem:
            unfit = problem.message
    return Standing(
        checkout=base.described(hold.place, url, Start(joined.against, start.branch)),
        change=change,
        head=head,
        tip=tip,
        tree=joined.tree,
        foreign=foreign,
        moved=fork != tip,
        conflicts=joined.conflicts,
        unfit=unfit,
    )


class _Joined(NamedTuple):
    """A branch together with its base, as far as they go together."""

    against: str
    tree: str
    conflicts: tuple[str, ...] = ()


def _joined(place: Place, fork: str | None, tip: str, head: str, *, merging: bool) -> _Joined:
    alone = objects.tree_of(place, head)
    if fork is None or fork == tip:
        return _Joined(tip, alone)
    if not merging:
        return _Joined(fork, alone)
    tree, conflicts = _merged(place, tip, head)
    return _Joined(fork, alone, conflicts) if conflicts else _Joined(tip, tree)


def _fork(place: Place, tip: str, head: str) -> str | None:
    """Newest commit of the base branch that the branch has; None: they have none in common."""
    found = process.run(place, "merge-base", tip, head, ok=(0, 1))
    return found.decode().strip() or None


def _merged(place: Place, tip: str, head: str) -> tuple[str, tuple[str, ...]]:
    """Merge without a work tree; return the tree, and the paths on which they do not go together.

    Raises:
        RepositoryUnfit: It takes too long.
        PermanentError: The git of this machine cannot do that.
    """
    process.require_version(_MERGES_SINCE, "to bring a pull request up to date with its base")
    try:
        said = process.run(place, *_MERGE, tip, head, ok=(0, 1), seconds=_MERGE_SECONDS)
    except process.TookTooLong as problem:
        raise RepositoryUnfit(
            "To merge the base branch into the pull request's branch takes longer than"
            f" {_MERGE_SECONDS:g} seconds. A person has to do that"
        ) from problem
    # Behind the tree come the paths, an empty line and words; after a clean merge nothing.
    tree, *rest = said.decode(errors="replace").split("\0")
    paths = tuple(rest[: rest.index("")])
    if len(rest) > 1 and not paths:
        raise GitFailed(f"git merge-tree names no path of a conflict: {rest[1:]}")
    return tree, paths[:MOST_FILES]


def _commits(
    place: Place, tip: str, head: str, ours: tuple[str, str]
) -> Iterator[tuple[str, bool]]:
    """Yield the newest commits of a branch that its base has not, oldest first, and if it is ours.

    What a commit says is no proof: a person who amends ours becomes its committer, and what the
    forge commits for a person has them as its author.
    """
    fields = "%H%x00%an%x00%ae%x00%cn%x00%ce"
    args = ("log", "-z", "--topo-order", "--reverse", f"--max-count={MOST_COMMITS}")
    listed = process.records(
        place, *args, "--no-show-signature", f"--format={fields}", f"{tip}..{head}", "--"
    )
    words = (word.decode(errors="replace") for word in listed)
    for commit, *who in zip(*[words] * 5, strict=True):
        author, committer = (who[0], who[1]), (who[2], who[3])
        yield commit, author == ours and committer in (ours, _FORGE)


def _require_bounded(place: Place, fork: str | None, tip: str, head: str) -> None:
    """Refuse a branch that nobody would take for work on one issue.

    Raises:
        RepositoryUnfit: Says what is wrong with it.
    """
    if fork is None:
        raise RepositoryUnfit(
            "The pull request's branch has no commit in common with its base branch. A person has"
            " to go on with it"
        )
    args = ("rev-list", "--count", f"--max-count={MOST_COMMITS + 1}", f"{tip}..{head}", "--")
    if int(process.run(place, *args)) > MOST_COMMITS:
        raise RepositoryUnfit(
            f"The pull request's branch has more than {MOST_COMMITS:,} commits that its base branch"
            " has not. A person has to go on with it"
        )


# --- the difference as a Change ----------------------------------------------------------------


class _Entry(NamedTuple):
    """One path that differs: as git has it, `000000` where there is none."""

    path: str
    mode_before: str
    mode_after: str
    id_before: str
    id_after: str


def _difference(place: Place, commit: str, tree: str) -> Change:
    """Read what leads from a commit to a tree.

    Raises:
        RepositoryUnfit: It is too much, or not of regular files alone.
    """
    entries = []
    for entry in _entries(place, commit, tree):
        entries.append(entry)
        if len(entries) > MOST_FILES:
            raise RepositoryUnfit(
                f"The pull request's branch changes more than {MOST_FILES:,} files. A person has to"
                " go on with it"
            )
    regular = objects.REGULAR | {_ABSENT}
    if others := [one.path for one in entries if {one.mode_before, one.mode_after} - regular]:
        raise RepositoryUnfit(
            "The pull request's branch changes symbolic links or submodules, which are left to"
            f" people: {', '.join(f'`{path}`' for path in others[:10])}"
        )
    content = iter(_contents(place, _wanted(entries)))
    files = [
        ChangedFile(
            path=entry.path,
            before=None if entry.mode_before == _ABSENT else next(content),
            after=None if entry.mode_after == _ABSENT else next(content),
            executable=entry.mode_after == "100755",
            was_executable=None if entry.mode_before == _ABSENT else entry.mode_before == "100755",
        )
        for entry in entries
    ]
    return Change(base_commit=commit, files=tuple(sorted(files, key=lambda file: file.path)))


def _entries(place: Place, commit: str, tree: str) -> Iterator[_Entry]:
    args = ("diff-tree", "-r", "-z", "--raw", "--full-index", "--no-abbrev", "--no-renames")
    listed = process.records(place, *args, "--no-ext-diff", commit, tree, "--")
    for about, path in zip(*[listed] * 2, strict=True):
        before, after, *ids, _ = about.removeprefix(b":").decode().split()
        yield _Entry(os.fsdecode(path), before, after, *ids)


def _wanted(entries: list[_Entry]) -> list[str]:
    """The contents that are needed, before and after each entry in turn."""
    return [
        object_id
        for entry in entries
        for mode, object_id in (
            (entry.mode_before, entry.id_before),
            (entry.mode_after, entry.id_after),
        )
        if mode != _ABSENT
    ]


def _contents(place: Place, ids: list[str]) -> Iterator[bytes]:
    """Yield the contents of files, whose sizes are looked at first.

    Raises:
        RepositoryUnfit: They are too large.
    """
    asked = "".join(f"{object_id}\n" for object_id in ids).encode()
    sizes = process.run(place, "cat-file", "--batch-check=%(objectsize)", stdin=asked).split()
    if sum(map(int, sizes)) > MOST_BYTES:
        raise RepositoryUnfit(
            f"The files that the pull request's branch changes are larger than"
            f" {MOST_BYTES // 1024**2} MB. A person has to go on with it"
        )
    answer, at = process.run(place, "cat-file", "--batch", stdin=asked), 0
    for size in map(int, sizes):
        at = answer.index(b"\n", at) + 1
        yield answer[at : at + size]
        at += size + 1


# --- the commits that go on it -----------------------------------------------------------------


def commits(
    hold: Hold,
    standing: Standing,
    change: Change,
    messages: tuple[str, str],
    by: Identity,
    *,
    rewriting: bool,
) -> str:
    """Make what goes on the branch, in the mirror; return its last commit.

    Args:
        messages: Of what the Change adds, and of a merge.
        rewriting: Whether the commits that are there may become another one.

    Raises:
        EditFailed: A Change does not fit the commit that it is held against.
    """
    against, start = standing.checkout.commit, standing.head
    with objects.writing(hold, keep=True) as place:
        was = objects.tree(place, hold.scratch, against, standing.change)
        wanted = objects.tree(place, hold.scratch, against, change)
    if was != standing.tree:
        raise EditFailed(f"The branch is not at {standing.tree[:12]} as its change has it")
    if standing.brought_up:
        if rewriting:
            start = _rebased(hold.place, standing, by)
        else:
            parents = standing.head, standing.tip
            start = objects.commit(hold.place, was, parents, messages[1], by)
    if wanted != was:
        start = objects.commit(hold.place, wanted, (start,), messages[0], by)
    # A branch that holds nothing of its own would close its pull request.
    return standing.head if start == standing.tip else start


def _rebased(place: Place, standing: Standing, by: Identity) -> str:
    """What is on the branch as one commit on the end of its base, with the words of its first."""
    tip, head, tree = standing.tip, standing.head, standing.tree
    if tree == objects.tree_of(place, tip):
        return tip
    first = process.run(place, "rev-list", "--topo-order", "--reverse", f"{tip}..{head}", "--")
    form = ("log", "-1", "--no-show-signature", "--format=%B", first.split()[0].decode(), "--")
    message = process.run(place, *form).decode(errors="replace")
    return objects.commit(place, tree, (tip,), message, by)


def increment(standing: Standing, change: Change) -> Change:
    """What a Change adds to the branch, against the commit at its end, for the forge to commit.

    Raises:
        EditFailed: The base was merged in, which is more than one plain commit can say.
    """
    if standing.brought_up:
        raise EditFailed("The base branch was merged in, so there is no plain commit on the branch")
    was, now = ({file.path: file for file in one.files} for one in (standing.change, change))
    files = []
    for path in sorted(was | now):
        before, after = _state(was.get(path), now.get(path)), _state(now.get(path), was.get(path))
        if before != after:
            files.append(
                ChangedFile(
                    path=path,
                    before=before[0],
                    after=after[0],
                    executable=bool(after[1]) and after[0] is not None,
                    was_executable=before[1] if before[0] is not None else None,
                )
            )
    return Change(base_commit=standing.head, files=tuple(files), notes=change.notes)


def _state(file: ChangedFile | None, other: ChangedFile | None) -> tuple[bytes | None, bool | None]:
    """Content and mode after a Change; one that does not touch the file leaves it as it was."""
    if file is not None:
        return file.after, file.executable if file.after is not None else None
    assert other is not None  # noqa: S101 - one of the two has the path
    return other.before, other.was_executable


# --- delivery ----------------------------------------------------------------------------------


def require_there(place: Place, standing: Standing, *more: str) -> None:
    """Have the checkout done again where the mirror was made anew since.

    Raises:
        CacheGone: It does not hold the ends of both branches any more, or another commit.
    """
    for commit in (standing.tip, standing.head, *more):
        if base.peeled(place, commit) != commit:
            raise CacheGone(f"{place.git_dir} does not hold commit {commit} any more", "checkout")


def push(
    hold: Hold,
    standing: Standing,
    commit: str,
    branch: str,
    url: str,
    token: str,
    *,
    look_again: str,
) -> None:
    """Move the branch on the forge from where it stood to the commit.

    Raises:
        BranchMoved: It stands elsewhere by now.
        EditFailed: The commit would take commits of other people off the branch.
        AccessLost: The forge does not let us push.
        ForgeUnavailable: The forge did not answer.
    """
    _require_kept(hold.place, standing, commit)
    at = remote.head(hold, url, token, branch)
    if at == standing.head != commit:
        try:
            at = remote.push_or_look(hold, url, token, commit, branch, expected=at)
        except remote.LeaseLost as problem:
            raise ForgeUnavailable(problem.message) from problem
    if at != commit:
        what = "Somebody has pushed to" if at else "Somebody has deleted"
        raise BranchMoved(f"{what} {branch} since it was looked at; it was left alone", look_again)


def _require_kept(place: Place, standing: Standing, commit: str) -> None:
    """Refuse a commit that would take those of other people off the branch.

    Raises:
        EditFailed: It would.
    """
    if not standing.foreign:
        return
    on_top = process.run(place, "rev-list", "--max-count=1", standing.head, f"^{commit}", "--")
    if on_top:
        raise EditFailed("Other people have committed to the branch, and their commits would go")
