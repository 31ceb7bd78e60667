"""Records of how a pull request of ours ended, and what people made of it.

Part of the vocabulary, as `agent.models` is.
"""

from __future__ import annotations

from typing import Literal

from agent.models.model_use import ModelTotal
from agent.models.outcome import FirstRound
from agent.models.record import Record
from agent.models.ticket import Category


class EndedPullRequest(Record):
    """A pull request of ours that people have merged or closed, as the code host tells of it."""

    run_id: str
    """Of the run that opened it."""
    pull: int
    """Its number."""
    state: Literal["merged", "closed"]
    at: str | None
    """ISO 8601, UTC."""
    by: str = ""
    """Login of whoever did it; empty: not told."""
    commit: str = ""
    """By which it was merged; empty: it was not, or that is not told."""
    base: str = ""
    """Commit of the base branch before, as far as that is told."""
    attempts: int = 0
    """So often its figures could not be put together."""


class HumanEdits(Record):
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
    as_it_was: bool
    """Whether it was merged as our last commit had it, to the byte."""


class PullOutcome(Record):
    run_id: str
    """Of the run that opened it."""
    repository: str
    """`owner/name`, as it was called then."""
    pull: int
    state: Literal["merged", "closed"]
    at: str | None
    """ISO 8601, UTC."""
    by: str
    """Login of whoever merged or closed it; empty: not told."""
    commit: str
    """By which it was merged; empty: it was not, or that is not told."""
    seconds_to_pull: float | None
    """From the label to the end of the run that opened it; None: not known."""
    seconds_to_end: float | None
    """From the label to the merge, or the close; None: not known."""
    category: Category | None
    """None: not known."""
    recipe: str | None
    """That made the change; "": models did; None: not known."""
    models: tuple[str, ...]
    """`provider:name` of those that edited."""
    used: ModelTotal
    """By models, in all runs of the pull request."""
    rounds: int
    """Runs that have gone on with it, whatever came of them."""
    first_round: FirstRound | None
    """Of the run that opened it; None: not known."""
    edits: HumanEdits | None
    """None: it was not merged, or that is not known."""
    unknown: str = ""
    """Why what people made of it is not known, where it was merged."""
