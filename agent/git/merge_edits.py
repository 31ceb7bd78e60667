"""What people made of our change before they merged it, counted in lines by git.

Nothing of the base branch counts: no commits beside the pull request. Nor does the kind of merge
count (merge commit, squash, rebase, or a push by hand).
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.errors import RepositoryUnfit
from agent.git import base, mirror, objects, process, remote
from agent.git.process import Place
from agent.models.pulls import HumanEdits
from agent.models.record import Record
from agent.models.sandbox import Flag

#: What is larger is no text that people read.
_BIG = ("-c", "core.bigFileThreshold=4m")
_DIFF = ("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--minimal")
_OBJECT_ID = re.compile(r"[0-9a-f]{40,64}")


class MergedPullRequest(Record):
    pull: int
    """Its number."""
    commit: str
    """By which it was merged, as the code host says; empty: it does not say."""
    base: str
    """Of the base branch before, as the code host has it; empty: it does not say."""
    first: str
    """Our first commit in it, whose parent is the base commit of our run."""
    ours: str
    """Our last commit in it."""


def measure_edits(
    url: str,
    token: str,
    mirrors: Path,
    merged: MergedPullRequest,
    *,
    max_bytes: int,
    stopped: Flag | None = None,
) -> HumanEdits:
    """Fetch a pull request that was merged, and compare it with our last commit in it.

    The code host keeps the end of its branch as `refs/pull/N/head`. May run twice, also at once.
    """
    known = [one for one in (merged.commit, merged.base, merged.first, merged.ours) if one]
    if strange := [one for one in known if not _OBJECT_ID.fullmatch(one)]:
        raise RepositoryUnfit(f"{strange[0]!r} is no commit")
    with remote.hold_mirror(url, mirrors, stopped) as hold:
        mirror.make_mirror(hold)
        missing = [one for one in known if base.peel_object(hold.place, one) is None]
        head = remote.bring_pull(hold, url, token, merged.pull, missing, max_bytes=max_bytes)
        with objects.open_index(hold, keep=False) as place:
            return _compare_edits(place, head, merged)


def _compare_edits(place: Place, head: str, merged: MergedPullRequest) -> HumanEdits:
    side = _base_side(place, head, merged)
    start = _fork(place, side, head)
    expected = _make_expected_tree(place, start, _fork(place, side, merged.ours), merged.ours)
    return HumanEdits(
        head=head,
        merged_lines=_lines(place, start, head),
        distance=_lines(place, expected, head),
        as_it_was=objects.find_tree(place, expected) == objects.find_tree(place, head),
    )


# --- from where to where -----------------------------------------------------------------------


def _base_side(place: Place, head: str, merged: MergedPullRequest) -> str:
    """Give a commit of the base branch that the pull request is no part of."""
    made = merged.commit
    if made and not objects.is_ancestor(place, made, head):
        return made  # squashed or rebased: it has the words, and not the commits
    if made and made != head and not objects.is_ancestor(place, f"{made}^1", head):
        return f"{made}^1"  # a merge commit
    # Pushed as it was, by hand: it was up to date with its base.
    known = merged.base and not objects.is_ancestor(place, merged.base, head)
    return merged.base if known else f"{merged.first}^1"


def _fork(place: Place, side: str, commit: str) -> str:
    """Find where a branch has left its base, or took it in last."""
    found = objects.find_fork(place, side, commit)
    if not found:
        raise RepositoryUnfit("The pull request and its base branch have no commit in common")
    return found


# --- what would have been merged, had nobody edited it -------------------------------------------


def _make_expected_tree(place: Place, start: str, left: str, ours: str) -> str:
    """Give the tree that our last commit leads to, on the base that was merged into.

    Args:
        start: Where the branch has left its base in the end.
        left: Where it had left it when we made our commit.
    """
    own = objects.find_tree(place, ours)
    if start == left:
        return own
    tree, conflicts = objects.merge_trees(place, start, ours)
    # What does not go together stays as we had it.
    entries = dict.fromkeys(conflicts) | {
        path: (mode, number)
        for path, mode, number in objects.list_files(place, own)
        if path in conflicts
    }
    return objects.write_tree_with(place, tree, entries) if entries else tree


# --- counting ------------------------------------------------------------------------------------


def _lines(place: Place, before: str, after: str) -> int:
    """Count lines added and removed; a file that is no text has none."""
    count = 0
    trees = (objects.find_tree(place, before), objects.find_tree(place, after))
    for record in process.read_records(place, *_BIG, *_DIFF, "--numstat", "-z", *trees):
        more, fewer, _ = record.split(b"\t", 2)
        if more != b"-":
            count += int(more) + int(fewer)
    return count
