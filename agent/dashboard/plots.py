"""What the charts show: bars, each with the address of the runs that it counts. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode

from agent.dashboard import statistics
from agent.dashboard.index import RunEntry
from agent.dashboard.pages import write_money, write_span, write_word
from agent.dashboard.statistics import UNKNOWN, Statistics

#: With more days than these, and than a screen has space for, a column is a week.
_MOST_DAYS, _MOST_ROWS = 92, 15
#: Time that is plotted at least, so that no column is wider than a day deserves.
_LEAST_DAYS = 30
ENDS = {"success": "open", "done": "merged", "attention": "closed", "danger": "no pull request"}
"""How runs end, by the tone that it is shown in."""
_TONES = {words: tone for tone, words in ENDS.items()}
Parts = tuple[tuple[str, float], ...]
"""Tones with their values."""
Measure = Callable[[Sequence[RunEntry]], tuple[Parts, str]]
"""Measures some runs: the values, and how people write them."""


@dataclass(frozen=True)
class Bar:
    label: str
    parts: Parts
    words: str
    """The values as people write them."""
    link: str = ""
    """The page of the runs that are counted; empty: there is none."""

    @property
    def total(self) -> float:
        return sum(value for _, value in self.parts)


@dataclass(frozen=True)
class Chart:
    name: str
    title: str
    about: str
    """What is counted, in a sentence."""
    bars: tuple[Bar, ...]
    legend: Mapping[str, str]
    """Words of each tone, if there are several."""

    @property
    def highest(self) -> Bar:
        return max(self.bars, key=lambda bar: bar.total)


class Charts(NamedTuple):
    over_time: tuple[Chart, ...]
    """Each has a bar for each day, or for each week."""
    ranked: tuple[Chart, ...]
    by_category: tuple[tuple[Statistics, Bar], ...]


def make_charts(
    entries: Sequence[RunEntry],
    runs: Sequence[RunEntry],
    since: float,
    now: float,
    filters: dict[str, str],
) -> Charts:
    """Make the charts that have something to show.

    Args:
        entries: All runs with what they cost.
        runs: The same as statistics count them, with their follow-ups.
        since: Beginning of the chosen time; 0: of the first run.
        filters: What both were narrowed by, as the list of runs has it.
    """
    tickets = {**filters, "origin": "ticket"}
    unpriced = sum(entry.used is not None and entry.used.usd is None for entry in entries)
    about = "Cost of models."
    if unpriced:
        about += f" {unpriced:,} runs of models without known prices are left out."
    columns = _list_columns(since or min((run.queued_at for run in entries), default=now), now)
    over_time = (
        _plot("spend", "Spend", about, entries, columns, filters, _measure_spend),
        _plot("runs", "Runs", "How the runs ended.", runs, columns, tickets, _measure_ends, ENDS),
        _plot("time", "Label to pull request", "Median time.", runs, columns, tickets,
              _measure_time),
    )  # fmt: skip
    failed = (run for run in runs if run.reason and run.state not in statistics.OPENED)
    ranked = (
        _rank("model", "Spend by model", about, filters,
              (pair for entry in entries for pair in entry.models)),
        _rank("repository", "Spend by repository", about, filters,
              ((entry.repository, entry.usd) for entry in entries)),
        _rank("person", "Spend by person", about, filters,
              ((entry.person, entry.usd) for entry in entries)),
        _rank("reason", "Runs without a pull request", "Why they ended.", tickets,
              ((run.reason or "", 1) for run in failed)),
    )  # fmt: skip
    groups = (
        (
            statistics.compute_statistics(category, group),
            _make_bar(category, group, _measure_ends, tickets | {"category": category}),
        )
        for category, group in statistics.group_by_category(runs)
    )
    return Charts(_leave_out_empty(over_time), _leave_out_empty(ranked), tuple(groups))


def _leave_out_empty(charts: Iterable[Chart]) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if any(bar.total for bar in chart.bars))


def _rank(
    narrowed_by: str,
    title: str,
    about: str,
    filters: dict[str, str],
    values: Iterable[tuple[str, float | None]],
) -> Chart:
    """Make a bar for the sum of each label, the largest first; the smallest of many are one bar."""
    is_failure = narrowed_by == "reason"
    tone = "danger" if is_failure else "active"
    write = "{:,.0f}".format if is_failure else write_money
    sums: dict[str, float] = defaultdict(float)
    for label, value in values:
        sums[label or UNKNOWN] += value or 0.0
    ranked = sorted((label for label in sums if sums[label]), key=lambda at: (-sums[at], at))
    bars = [
        Bar(
            write_word(label) if is_failure else label,
            ((tone, sums[label]),),
            write(sums[label]),
            _link({**filters, narrowed_by: label}),
        )
        for label in ranked[:_MOST_ROWS]
    ]
    if rest := ranked[_MOST_ROWS:]:
        total = sum(sums[label] for label in rest)
        bars.append(Bar(f"{len(rest):,} others", ((tone, total),), write(total)))
    return Chart(f"by-{narrowed_by}", title, about, tuple(bars), {})


def _list_columns(begin: float, now: float) -> list[tuple[date, date]]:
    """List the days from a time to now, each from its first day to its last; or the weeks."""
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (begin, now))
    first, days = min(first, last - timedelta(_LEAST_DAYS - 1)), 1
    if (last - first).days >= _MOST_DAYS:
        first, days = first - timedelta(first.weekday()), 7
    starts = [first + timedelta(age) for age in range(0, (last - first).days + 1, days)]
    return [(start, start + timedelta(days - 1)) for start in starts[-2 * _MOST_DAYS :]]


def _plot(
    name: str,
    title: str,
    about: str,
    runs: Sequence[RunEntry],
    columns: Sequence[tuple[date, date]],
    filters: dict[str, str],
    measure: Measure,
    legend: Mapping[str, str] | None = None,
) -> Chart:
    """Make a column for each day or week, also for an empty one."""
    by_day: dict[date, list[RunEntry]] = defaultdict(list)
    for run in runs:
        by_day[datetime.fromtimestamp(run.queued_at, UTC).date()].append(run)
    bars = []
    for first, last in columns:
        days = [first + timedelta(number) for number in range((last - first).days + 1)]
        counted = [run for day in days for run in by_day[day]]
        within = filters | {"since": first.isoformat(), "until": last.isoformat()}
        bars.append(_make_bar(first.isoformat(), counted, measure, within))
    unit = "day" if columns[0][0] == columns[0][1] else "week"
    return Chart(name, f"{title} by {unit}", about, tuple(bars), legend or {})


def _make_bar(
    label: str, runs: Sequence[RunEntry], measure: Measure, filters: dict[str, str]
) -> Bar:
    return Bar(label, *measure(runs), _link(filters) if runs else "")


def _measure_spend(runs: Sequence[RunEntry]) -> tuple[Parts, str]:
    usd = sum(run.usd for run in runs)
    return (("active", usd),), write_money(usd) if usd else "–"


def _measure_ends(runs: Sequence[RunEntry]) -> tuple[Parts, str]:
    counts = Counter(
        _TONES[run.state.value if run.state in statistics.OPENED else "no pull request"]
        for run in runs
        if run.reason is not None
    )
    parts = tuple((tone, counts[tone]) for tone in ENDS if tone in counts)
    return parts, ", ".join(f"{value:,} {ENDS[tone]}" for tone, value in parts) or "–"


def _measure_time(runs: Sequence[RunEntry]) -> tuple[Parts, str]:
    seconds = [run.seconds_to_pull for run in runs if run.seconds_to_pull is not None]
    value = median(seconds) if seconds else None
    return (("active", value or 0.0),), write_span(value)


def _link(filters: dict[str, str]) -> str:
    return f"/runs?{urlencode({name: value for name, value in filters.items() if value})}"


def count_ends(ends: Sequence[tuple[str, str]], legend: Mapping[str, str]) -> Chart:
    """Count how past changes ended, each by its end and the tone of what the merged tests say."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for end, tone in ends:
        counts[end][tone] += 1
    bars = tuple(
        Bar(end, tuple((tone, tones[tone]) for tone in legend), f"{tones.total():,}")
        for end, tones in counts.items()
    )
    about = "How the runs ended, and what the merged tests say of them."
    return Chart("ends", "Past changes, redone", about, bars, legend)
