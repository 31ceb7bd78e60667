"""Statistics over runs: ends, durations, and what people did with the results. Pure.

An unknown value is never counted as zero: each figure comes with the number of known values.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import NamedTuple

from agent.models.run import Reason, RunState
from agent.store.sql_run_lists import CountedRun

OPENED = (RunState.OPEN, RunState.MERGED, RunState.CLOSED)
"""States of a run that has opened a pull request."""


class Figure(NamedTuple):
    """A median, a share or a price, over known values."""

    value: float | None
    """A share is from 0 to 1; None: no run has a known value."""
    number: int
    """Number of runs with a known value."""


class Statistics(NamedTuple):
    """The figures of several runs of issues, without dry runs."""

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


def join_follow_ups(every: Iterable[CountedRun]) -> list[CountedRun]:
    """List the runs of issues, each with the cost of its follow-ups added."""
    runs = {run.run_id: run for run in every}
    joined = {name: run for name, run in runs.items() if run.origin == "ticket"}
    for run in runs.values():
        first = joined.get(run.follows_run or "")
        if first and run.reason:
            is_priced = first.usd is not None and run.usd is not None
            usd = (first.usd or 0.0) + (run.usd or 0.0) if is_priced else None
            joined[first.run_id] = first._replace(usd=usd)
    return list(joined.values())


def compute_statistics(runs: Sequence[CountedRun]) -> Statistics:
    opened = [run for run in runs if run.state in OPENED]
    merged = [run for run in runs if run.state == RunState.MERGED]
    ended = [run for run in runs if run.state in (RunState.MERGED, RunState.CLOSED)]
    rounds = [run.first_round for run in runs if run.first_round or run.state in OPENED]
    return Statistics(
        runs=len(runs),
        pull_requests=len(opened),
        merged=compute_mean(run.state == RunState.MERGED for run in ended),
        first_round=compute_mean(judged == Reason.READY if judged else None for judged in rounds),
        seconds_to_pull=_compute_figure((run.seconds_to_pull for run in opened), median),
        total_usd=sum(run.usd or 0.0 for run in runs),
        usd=compute_mean(run.usd for run in merged),
    )


def compute_mean(values: Iterable[float | None]) -> Figure:
    """Compute a mean; of booleans, it is the share of true ones."""
    return _compute_figure(values, fmean)


def _compute_figure(
    values: Iterable[float | None], compute: Callable[[list[float]], float]
) -> Figure:
    numbers = [value for value in values if value is not None]
    return Figure(round(compute(numbers), 4) if numbers else None, len(numbers))
