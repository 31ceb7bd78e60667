"""Figures over runs: how they ended, how long they took, what people made of them. Pure.

What is not known is never counted as nothing: each figure says of how many it is, and how many it
leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Literal, Self

from agent.models.model_use import ModelTotal, ModelUse
from agent.models.outcome import FirstRound, StoredRun
from agent.models.pulls import EndedPullRequest, HumanEdits, PullOutcome
from agent.models.record import Record
from agent.models.run import Reason, RunState
from agent.models.ticket import Category

By = Literal["category", "repository", "recipe", "model"]
"""What runs are grouped by."""

UNKNOWN = "unknown"
_EDITOR = "editor"
BY_MODELS, BY_RECIPE = "by models", "by a recipe"
#: States of a run that has opened a pull request.
_OPENED = frozenset({RunState.OPEN, RunState.MERGED, RunState.CLOSED})


class RunSummary(Record):
    """One run of an issue, as figures have it; what has gone on with its pull request is in it."""

    repository: str
    """`owner/name`."""
    state: RunState
    """Of a run whose pull request has ended: `merged` or `closed`."""
    reason: Reason | None
    """None: it is not over."""
    category: Category | None
    recipe: str | None
    """"": models; None: not known."""
    models: tuple[str, ...]
    """That edited."""
    first_round: FirstRound | None
    seconds_to_pull: float | None
    """From the label to the end of the run; None: it has opened no pull request, or not known."""
    end: PullOutcome | None
    """None: its pull request has not ended, or its figures are not put together yet."""


class Median(Record):
    median: float | None
    """Of those that are known; None: none is."""
    known: int
    """Of so many."""
    unknown: int
    """So many are left out, since they are not known."""

    @classmethod
    def from_values(cls, values: Iterable[float | None]) -> Self:
        """Take the middle of those that are known."""
        several = list(values)
        known = [value for value in several if value is not None]
        middle = round(median(known), 4) if known else None
        return cls(median=middle, known=len(known), unknown=len(several) - len(known))


class Share(Record):
    share: float | None
    """From 0 to 1; None: none is known."""
    count: int
    """So many are so."""
    known: int
    """Of so many."""
    unknown: int
    """So many are left out, since it is not known of them."""

    @classmethod
    def from_values(cls, values: Iterable[bool | None]) -> Self:
        """Count those that are so."""
        several = list(values)
        known = [value for value in several if value is not None]
        share = round(sum(known) / len(known), 4) if known else None
        return cls(
            share=share, count=sum(known), known=len(known), unknown=len(several) - len(known)
        )


class PerLine(Record):
    """What was spent for each line that was merged: all of one by all of the other."""

    per_line: float | None
    """All that was spent by all lines; None: no line is known."""
    total_spent: float
    """On the pull requests of which both is known."""
    lines: int
    """Added and removed."""
    known: int
    """Of so many pull requests."""
    unknown: int
    """So many are left out, since what they cost or their lines are not known."""

    @classmethod
    def from_pairs(cls, values: Iterable[tuple[float | None, int | None]]) -> Self:
        """Divide what was spent by the lines of the same pull requests."""
        several = list(values)
        known = [(spent, n) for spent, n in several if spent is not None and n is not None]
        spent, lines = sum(one for one, _ in known), sum(n for _, n in known)
        return cls(
            per_line=round(spent / lines, 6) if lines else None,
            total_spent=round(spent, 6),
            lines=lines,
            known=len(known),
            unknown=len(several) - len(known),
        )


class Statistics(Record):
    """The figures of several runs of issues; dry runs are none of them."""

    group: str
    """What they have in common; `all` of all of them."""
    runs: int
    """A run with what has gone on with its pull request counts once."""
    states: dict[str, int]
    """By how they ended (`open`, `merged`, `closed`, `declined`, `needs_human`, `failed`,
    `cancelled`) or, where they are not over, where they stand."""
    reasons: dict[str, int]
    """Why runs have ended without a pull request, and how many."""
    pull_requests: int
    """That were opened."""
    merged: Share
    """Of the pull requests that people have merged or closed, those that are merged."""
    first_round: Share
    """Of the runs whose change was judged, those whose first one passed rules and checks."""
    seconds_to_pull: Median
    """From the label to the pull request."""
    seconds_to_merge: Median
    """From the label to the merge."""
    edit_distance: Median
    """Lines that people have added and removed on top of our last commit before they merged it."""
    as_it_was: Share
    """Of the merged ones, those that people have not changed by a byte."""
    review_rounds: Median
    """Runs that have gone on with a pull request that has ended."""
    usd: PerLine
    """Dollars for models, of merged pull requests."""
    tokens: PerLine
    """Tokens in and out, of merged pull requests."""


# --- of one run -------------------------------------------------------------------------------


def build_pull_outcome(
    ended: EndedPullRequest,
    first: StoredRun,
    follow_ups: Sequence[StoredRun],
    edits: HumanEdits | None = None,
    unknown: str = "",
) -> PullOutcome:
    """Make the figures of an end; pure.

    Args:
        first: The run that opened the pull request.
        follow_ups: Those that have gone on with it, oldest first.
        edits: What people made of it, where it was merged.
        unknown: Why that is not known.
    """
    outcome, snapshot = first.outcome, first.run.snapshot
    uses = [use for one in (first, *follow_ups) if one.outcome for use in one.outcome.models]
    label = _moment(snapshot.approved_at) if snapshot else None
    return PullOutcome(
        run_id=ended.run_id,
        repository=snapshot.issue.repository if snapshot else first.run.repository,
        pull=ended.pull,
        state=ended.state,
        at=ended.at,
        by=ended.by,
        commit=ended.commit,
        seconds_to_pull=_subtract_times(label, first.ended_at),
        seconds_to_end=_subtract_times(label, _moment(ended.at)),
        category=outcome.category if outcome else None,
        recipe=outcome.recipe if outcome else None,
        models=editors(uses),
        used=ModelTotal.from_uses(uses),
        rounds=len(follow_ups),
        first_round=outcome.first_round if outcome else None,
        edits=edits,
        unknown=unknown,
    )


def editors(uses: Sequence[ModelUse]) -> tuple[str, ...]:
    """Name the models that edited, in the order in which they came; where none did, all."""
    named = [use.model for use in uses if use.role == _EDITOR] or [use.model for use in uses]
    return tuple(dict.fromkeys(named))


def _moment(at: str | None) -> float | None:
    """Read a time of the code host's, in seconds since the epoch."""
    try:
        return datetime.fromisoformat(at).timestamp() if at else None
    except ValueError:
        return None


def _subtract_times(begun: float | None, over: float | None) -> float | None:
    """Seconds; clocks may differ, so never less than nothing."""
    return None if begun is None or over is None else round(max(0.0, over - begun), 3)


def summarize_run(
    stored: StoredRun, end: tuple[EndedPullRequest, PullOutcome | None] | None
) -> RunSummary:
    """Take from a run what figures need.

    Args:
        end: How its pull request ended; None: it has not, or has none.
    """
    outcome, snapshot = stored.outcome, stored.run.snapshot
    opened = outcome is not None and outcome.pull_request is not None
    label = _moment(snapshot.approved_at) if snapshot else None
    return RunSummary(
        repository=snapshot.issue.repository if snapshot else stored.run.repository,
        state=RunState(end[0].state) if end else stored.state,
        reason=outcome.reason if outcome else None,
        category=outcome.category if outcome else None,
        recipe=outcome.recipe if outcome else None,
        models=editors(outcome.models) if outcome else (),
        first_round=outcome.first_round if outcome else None,
        seconds_to_pull=_subtract_times(label, stored.ended_at) if opened else None,
        end=end[1] if end else None,
    )


# --- of several -------------------------------------------------------------------------------


def compute_statistics(group: str, runs: Sequence[RunSummary]) -> Statistics:
    opened = [one for one in runs if one.state in _OPENED]
    merged = [one for one in runs if one.state is RunState.MERGED]
    ended = [one for one in runs if one.state in (RunState.MERGED, RunState.CLOSED)]
    first = [one.first_round for one in runs if one.first_round or one.state in _OPENED]
    edits = [one.end.edits if one.end else None for one in merged]
    not_opened = [one.reason for one in runs if one.state not in _OPENED and one.reason]
    lines = [one.merged_lines if one else None for one in edits]
    return Statistics(
        group=group,
        runs=len(runs),
        states=_count_names(one.state.value for one in runs),
        reasons=_count_names(reason.value for reason in not_opened),
        pull_requests=len(opened),
        merged=Share.from_values(one.state is RunState.MERGED for one in ended),
        first_round=Share.from_values(one.passed if one else None for one in first),
        seconds_to_pull=Median.from_values(one.seconds_to_pull for one in opened),
        seconds_to_merge=Median.from_values(
            one.end.seconds_to_end if one.end else None for one in merged
        ),
        edit_distance=Median.from_values(one.distance if one else None for one in edits),
        as_it_was=Share.from_values(one.as_it_was if one else None for one in edits),
        review_rounds=Median.from_values(one.end.rounds if one.end else None for one in ended),
        usd=PerLine.from_pairs(zip((_usd(one) for one in merged), lines, strict=True)),
        tokens=PerLine.from_pairs(zip((_tokens(one) for one in merged), lines, strict=True)),
    )


def compute_by_group(runs: Sequence[RunSummary], by: By) -> tuple[Statistics, ...]:
    """Put figures together for each group, the largest first."""
    name = _NAMES[by]
    groups: dict[str, list[RunSummary]] = {}
    for one in runs:
        groups.setdefault(name(one), []).append(one)
    largest = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(compute_statistics(group, found) for group, found in largest)


def _count_names(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda one: (-one[1], one[0])))


def _usd(one: RunSummary) -> float | None:
    return one.end.used.usd if one.end else None


def _tokens(one: RunSummary) -> float | None:
    return one.end.used.input_tokens + one.end.used.output_tokens if one.end else None


def _recipe(one: RunSummary) -> str:
    return UNKNOWN if one.recipe is None else one.recipe or BY_MODELS


def _model(one: RunSummary) -> str:
    if one.models:
        return " + ".join(one.models)
    return BY_RECIPE if one.recipe else UNKNOWN


_NAMES: dict[By, Callable[[RunSummary], str]] = {
    "category": lambda one: one.category or UNKNOWN,
    "repository": lambda one: one.repository,
    "recipe": _recipe,
    "model": _model,
}
