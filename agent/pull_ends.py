"""Records of how a pull request of ours ended, and what people made of it. Part of the vocabulary."""

from __future__ import annotations

from agent.domain import Record


class Edits(Record):
    """What people made of our change before they merged it.

    Lines are compared, as `git diff --minimal` does: the edit distance with the removal and the
    addition of a line as its steps (the longest common subsequence of Myers, 1986), so a line that
    was changed counts twice. One side is the tree that our last commit leads to on the base that
    was merged into, where what both sides touched is as ours has it; the other is the end of the
    pull request's branch. What changed in the base meanwhile stands on both and counts nowhere.
    """

    head: str
    """Commit at the end of the pull request's branch when it was merged."""
    merged_lines: int
    """Lines that the pull request has added and removed in its base branch, whoever wrote them."""
    distance: int
    """Lines that people have added and removed after our last commit, in any file."""
    stayed: float | None
    """Of the lines that our last commit had added, this share was merged, from 0 to 1; None: it
    had added none, or there are too many to ask."""
    as_it_was: bool
    """Whether it was merged as our last commit had it, to the byte."""
