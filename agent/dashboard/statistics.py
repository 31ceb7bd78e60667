"""What the statistics show: a `Plot` each, for picture, table, CSV and JSON. Pure.

What is not known is left out, never counted as nothing.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from statistics import median
from typing import Literal

from agent.dashboard.index import RunEntry, select_first
from agent.models.run import RunState

Value = float | int | None
RANGES = {"30d": 30, "90d": 90, "1y": 365, "all": 0}
"""Days by the name of a time range; 0: all."""
_DAY = 86_400.0
_MOST_WEEKS = 53
_MOST_ROWS = 15
_OPENED = (RunState.OPEN, RunState.MERGED, RunState.CLOSED)
_DISTANCES = ((0, "none"), (5, "1 to 5"), (20, "6 to 20"), (100, "21 to 100"), (None, "over 100"))
_FOLLOW_UPS = ("0", "1", "2", "3", "4", "5 or more")


@dataclass(frozen=True)
class Plot:
    """One plot: a value for each series at each label."""

    name: str
    title: str
    about: str
    """What is counted, in a sentence."""
    kind: Literal["bars", "stacked", "lines", "weeks"]
    labels: tuple[str, ...]
    series: dict[str, tuple[Value, ...]]
    unit: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(value for values in self.series.values() for value in values)

    @property
    def rows(self) -> list[tuple[str, tuple[Value, ...]]]:
        """The same as lines of a table, one for each label."""
        columns = tuple(self.series.values())
        return [
            (label, tuple(values[at] for values in columns)) for at, label in enumerate(self.labels)
        ]

    def write_csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["", *map(_defuse, self.series)])
        for label, values in self.rows:
            writer.writerow([_defuse(label), *("" if one is None else one for one in values)])
        return out.getvalue()

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "labels": list(self.labels),
            "series": {name: list(values) for name, values in self.series.items()},
        }


def _defuse(cell: str) -> str:
    """Keep a spreadsheet from taking foreign words for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def choose(entries: Iterable[RunEntry], since: float, repository: str = "") -> list[RunEntry]:
    """Choose the runs of tickets that statistics are about.

    Args:
        since: Seconds since the epoch.
        repository: `owner/name`; empty: all.
    """
    return [
        entry
        for entry in select_first(list(entries))
        if entry.queued_at >= since
        and (not repository or entry.repository == repository)
        and not entry.is_dry_run
    ]


def make_plots(runs: Sequence[RunEntry], now: float) -> tuple[Plot, ...]:
    weeks = _list_weeks(runs, now)
    return (
        _plot_acceptance(runs),
        _plot_time_to_pull(runs, weeks),
        _plot_first_round(runs),
        _plot_follow_ups(runs),
        _plot_distance(runs),
        _plot_per_line(runs, weeks, "dollars", "Dollars per merged line", _get_usd),
        _plot_per_line(runs, weeks, "tokens", "Tokens per merged line", _get_tokens),
        _plot_failures(runs),
        _plot_contributions(runs, weeks),
    )


def _plot_acceptance(runs: Sequence[RunEntry]) -> Plot:
    names = ("merged", "open", "closed", "no pull request")
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        if not run.active:
            state = run.state.value if run.state in _OPENED else names[-1]
            counts[run.category or "unknown"][state] += 1
    labels = tuple(sorted(counts, key=lambda one: (-counts[one].total(), one)))
    return Plot(
        "acceptance",
        "Acceptance by category",
        "How runs ended, by the kind of work that the ticket asks for.",
        "stacked",
        labels,
        {name: tuple(counts[label][name] for label in labels) for name in names},
        "runs",
    )


def _plot_time_to_pull(runs: Sequence[RunEntry], weeks: Sequence[str]) -> Plot:
    minutes: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        if (seconds := run.summary.seconds_to_pull) is not None:
            minutes[_name_week(run.queued_at)].append(seconds / 60)
    return Plot(
        "time-to-pull-request",
        "Label to pull request",
        "Minutes from the label to the pull request, by the week of the label.",
        "lines",
        tuple(weeks),
        {
            "median": tuple(_round(median(minutes[week])) if week in minutes else None
                            for week in weeks),
            "90th percentile": tuple(_round(find_percentile(minutes[week], 0.9))
                                     if week in minutes else None for week in weeks),
        },
        "minutes",
    )  # fmt: skip


def _plot_first_round(runs: Sequence[RunEntry]) -> Plot:
    judged = [run.summary.first_round for run in runs if run.summary.first_round]
    counts = Counter("passed" if one.passed else _word(one.reason.value) for one in judged)
    labels = _rank(counts)
    return Plot(
        "first-round",
        "Verdict on the first change",
        "What rules and checks said of the first change of each run.",
        "bars",
        labels,
        {"runs": tuple(counts[label] for label in labels)},
        "runs",
    )


def _plot_follow_ups(runs: Sequence[RunEntry]) -> Plot:
    rounds = [run.summary.end.rounds for run in runs if run.summary.end]
    counts = Counter(min(one, len(_FOLLOW_UPS) - 1) for one in rounds)
    return Plot(
        "repair-rounds",
        "Repair rounds",
        "Rounds of review and repair that a pull request took until people ended it.",
        "bars",
        _FOLLOW_UPS,
        {"pull requests": tuple(counts[number] for number in range(len(_FOLLOW_UPS)))},
        "pull requests",
    )


def _plot_distance(runs: Sequence[RunEntry]) -> Plot:
    ends = [run.summary.end for run in runs]
    distances = [one.edits.distance for one in ends if one and one.edits]
    counts: Counter[str] = Counter()
    for distance in distances:
        counts[next(name for most, name in _DISTANCES if most is None or distance <= most)] += 1
    return Plot(
        "edit-distance",
        "Lines changed by people",
        "Lines that people added and removed after our last commit, until the merge.",
        "bars",
        tuple(name for _, name in _DISTANCES),
        {"pull requests": tuple(counts[name] for _, name in _DISTANCES)},
        "pull requests",
    )


def _plot_per_line(
    runs: Sequence[RunEntry],
    weeks: Sequence[str],
    name: str,
    title: str,
    spent: Callable[[RunEntry], float | None],
) -> Plot:
    sums: dict[str, tuple[float, int]] = {}
    for run in runs:
        end, used = run.summary.end, spent(run)
        if end and end.edits and used is not None:
            week = _name_week(run.queued_at)
            before = sums.get(week, (0.0, 0))
            sums[week] = before[0] + used, before[1] + end.edits.merged_lines
    values = (sums.get(week, (0.0, 0)) for week in weeks)
    return Plot(
        f"{name}-per-line",
        title,
        f"All {name} for models by all lines that were merged, by the week of the label.",
        "lines",
        tuple(weeks),
        {name: tuple(_round(used / lines, 4) if lines else None for used, lines in values)},
        f"{name} per line",
    )


def _get_usd(run: RunEntry) -> float | None:
    return run.summary.end.used.usd if run.summary.end else None


def _get_tokens(run: RunEntry) -> float | None:
    used = run.summary.end.used if run.summary.end else None
    return used.input_tokens + used.output_tokens if used else None


def _plot_failures(runs: Sequence[RunEntry]) -> Plot:
    ended = (run for run in runs if not run.active and run.state not in _OPENED and run.reason)
    counts = Counter(_word(run.reason) for run in ended)
    labels = _rank(counts)
    return Plot(
        "failures",
        "Runs without a pull request, by reason",
        "Why runs ended without a pull request.",
        "bars",
        labels,
        {"runs": tuple(counts[label] for label in labels)},
        "runs",
    )


def _plot_contributions(runs: Sequence[RunEntry], weeks: Sequence[str]) -> Plot:
    merged = [run for run in runs if run.state is RunState.MERGED]
    by_repository = Counter(run.repository for run in merged)
    rows: dict[str, Counter[str]] = {"all": Counter(_name_week(run.queued_at) for run in merged)}
    for repository, _ in by_repository.most_common(_MOST_ROWS):
        own = (run for run in merged if run.repository == repository)
        rows[repository] = Counter(_name_week(run.queued_at) for run in own)
    if len(by_repository) <= 1:
        rows = {name: row for name, row in rows.items() if name == "all"}
    return Plot(
        "contributions",
        "Contributions by week",
        "Merged pull requests by the week of the label, in all and by repository.",
        "weeks",
        tuple(weeks),
        {name: tuple(row[week] for week in weeks) for name, row in rows.items()},
        "merged pull requests",
    )


# --- parts -------------------------------------------------------------------------------------


def find_percentile(values: Sequence[float], share: float) -> float:
    """Find the smallest value that so large a share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _list_weeks(runs: Sequence[RunEntry], now: float) -> list[str]:
    """List the weeks from the first run to now, at most a year of them."""
    first = min((run.queued_at for run in runs), default=now)
    day = _find_monday(now)
    weeks = [day]
    while len(weeks) < _MOST_WEEKS and weeks[-1] > _find_monday(first):
        weeks.append(weeks[-1] - timedelta(days=7))
    return [one.strftime("%Y-%m-%d") for one in reversed(weeks)]


def _find_monday(at: float) -> datetime:
    day = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def _name_week(at: float) -> str:
    return _name_week_of_day(int(at // _DAY))


@lru_cache(maxsize=4_096)
def _name_week_of_day(day: int) -> str:
    return _find_monday(day * _DAY).strftime("%Y-%m-%d")


def _word(name: str) -> str:
    return name.replace("_", " ")


def _rank(counts: Counter[str]) -> tuple[str, ...]:
    """Order by count, the largest first."""
    ranked = sorted(counts, key=lambda one: (-counts[one], one))
    return tuple(ranked[:_MOST_ROWS])


def _round(value: float, digits: int = 1) -> float:
    return round(value, digits)
