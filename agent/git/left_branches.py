"""Branches on a code host that runs of ours have pushed and left behind.

Owns what makes a branch one of ours beyond doubt. Which runs are over, and whether a branch has
become a pull request, is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from agent.git import branches, mirror, remote, worktree


class LeftBranch(NamedTuple):
    """A branch on the code host that ends in a commit of ours."""

    name: str
    commit: str
    mark: str
    """Of its run."""


def find_left_branches(
    url: str, token: str, mirrors: Path, marks: Mapping[str, tuple[int, str | None]]
) -> tuple[LeftBranch, ...]:
    """Find the branches that runs have pushed: named after the run, at a commit that it made.

    A commit counts that is kept in our mirror and carries the run's date, or that the code host has
    made for the run.

    Args:
        marks: By the end of the branch's name: when its run was started, and the commit that it is
            known to have had made.
    """
    with worktree.forge_mirror(url, mirrors) as hold:
        mirror.make_mirror(hold)
        found = []
        for name, commit in remote.list_heads(hold, url, token).items():
            mark = branches.mark_in(name)
            if mark not in marks:
                continue
            started, known = marks[mark]
            if commit == known or branches.made_at(hold, commit) == started:
                found.append(LeftBranch(name, commit, mark))
        return tuple(found)


def remove_branch(url: str, token: str, mirrors: Path, left: LeftBranch) -> bool:
    """Delete a branch on the code host that is still at our commit; say whether it was."""
    with worktree.forge_mirror(url, mirrors) as hold:
        mirror.make_mirror(hold)
        try:
            remote.push_branch(hold, url, token, "", left.name, expected=left.commit)
        except remote.LeaseLost:
            return False
        return True
