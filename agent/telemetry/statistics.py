"""Statistics over runs: how they ended, how long they took, what people made of them. Pure.

What is not known is never counted as nothing: each figure comes with its count.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median
from typing import NamedTuple

from agent.models.model_use import ModelTotal
from agent.models.outcome import StoredRun
from agent.models.run import Reason, RunState
from agent.models.ticket import Category

UNKNOWN = "unknown"
OPENED = (RunState.OPEN, RunState.MERGED, RunState.CLOSED)
"""States of a run that has opened a pull request."""


# --- one run -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run of an issue for statistics; what has gone on with its pull request is in it."""

    repository: str
    """`owner/name`."""
    state: RunState
    """`merged` or `closed`, where the run's pull request has ended."""
    reason: Reason | None
    """None: it is not over."""
    queued_at: float
    category: Category | None = None
    first_round: Reason | None = None
    seconds_to_pull: float | None = None
    """From the label to the end of the run; None: it has opened no pull request, or not known."""
    used: ModelTotal | None = None
    """None: it is not over."""
    rounds: int = 0
    """Runs that have gone on with its pull request, whatever came of them."""


def summarize_run(stored: StoredRun) -> RunSummary:
    outcome, snapshot, end = stored.outcome, stored.run.snapshot, stored.pull_end
    opened = outcome is not None and outcome.pull_request is not None
    seconds = None
    if opened and snapshot and snapshot.approved_at and stored.ended_at is not None:
        # Clocks may differ, and a code host writes the first of the times.
        with suppress(ValueError):
            label = datetime.fromisoformat(snapshot.approved_at).timestamp()
            seconds = round(max(0.0, stored.ended_at - label), 3)
    return RunSummary(
        repository=stored.run.repository_name,
        state=RunState(end.state) if end else stored.state,
        reason=outcome.reason if outcome else None,
        queued_at=stored.queued_at,
        category=outcome.figures.category if outcome else None,
        first_round=outcome.figures.first_round if outcome else None,
        seconds_to_pull=seconds,
        used=outcome.figures.total_usage if outcome else None,
    )


# --- several runs --------------------------------------------------------------------------------


class Figure(NamedTuple):
    """A median, a share or a price, of those of which it is known."""

    value: float | None
    """A share is from 0 to 1; None: unknown for all."""
    known: int
    """Number of runs with a known value."""


class Statistics(NamedTuple):
    """The figures of several runs of issues; dry runs are none of them."""

    group: str
    """Category of the runs; `all` for the total."""
    runs: int
    """Number of runs; a run and its follow-ups count once."""
    pull_requests: int
    """Number of opened pull requests."""
    merged: Figure
    """Share of merged pull requests among those merged or closed."""
    first_round: Figure
    """Share of runs whose first change passed all rules and checks."""
    seconds_to_pull: Figure
    """Median seconds from label to pull request."""
    total_usd: float
    """Dollars spent on models by all runs with known prices."""
    usd: Figure
    """Mean model cost in dollars per merged pull request, including follow-ups."""


def compute_statistics(group: str, runs: Sequence[RunSummary]) -> Statistics:
    opened = [run for run in runs if run.state in OPENED]
    merged = [run for run in runs if run.state is RunState.MERGED]
    ended = [run for run in runs if run.state in (RunState.MERGED, RunState.CLOSED)]
    rounds = [run.first_round for run in runs if run.first_round or run.state in OPENED]
    return Statistics(
        group=group,
        runs=len(runs),
        pull_requests=len(opened),
        merged=compute_mean(run.state is RunState.MERGED for run in ended),
        first_round=compute_mean(judged is Reason.READY if judged else None for judged in rounds),
        seconds_to_pull=_compute_figure((run.seconds_to_pull for run in opened), median),
        total_usd=sum(filter(None, map(get_usd, runs))),
        usd=compute_mean(map(get_usd, merged)),
    )


def compute_by_category(runs: Sequence[RunSummary]) -> tuple[Statistics, ...]:
    """Compute statistics for each category of tickets, the largest first."""
    groups: dict[str, list[RunSummary]] = defaultdict(list)
    for run in runs:
        groups[run.category or UNKNOWN].append(run)
    largest = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(compute_statistics(group, found) for group, found in largest)


def compute_mean(values: Iterable[float | None]) -> Figure:
    """Compute a mean; of truth values it is their share."""
    return _compute_figure(values, fmean)


def _compute_figure(
    values: Iterable[float | None], compute: Callable[[list[float]], float]
) -> Figure:
    known = [value for value in values if value is not None]
    return Figure(round(compute(known), 4) if known else None, len(known))


def get_usd(run: RunSummary) -> float | None:
    return run.used.usd if run.used else None
