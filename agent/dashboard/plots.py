"""What the charts show: bars, each with the address of the runs that it counts. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode

from agent.dashboard import statistics
from agent.dashboard.index import RunEntry
from agent.dashboard.pages import write_money, write_span, write_word
from agent.dashboard.statistics import Statistics

_DAY = 86_400.0
#: With more days than these, and than a screen has space for, a column is a week.
_MOST_DAYS, _MOST_ROWS = 92, 15
ENDS = {"success": "open", "done": "merged", "attention": "closed", "danger": "no pull request"}
"""How runs end, by the tone that it is shown in."""
_TONES = {words: tone for tone, words in ENDS.items()}


@dataclass(frozen=True)
class Bar:
    label: str
    parts: tuple[tuple[str, float], ...]
    """Tones with their values."""
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


class Period(NamedTuple):
    """A day or a week, from its first day to its last."""

    first: date
    last: date


class Charts(NamedTuple):
    over_time: tuple[Chart, ...]
    """Each has a bar for each of the periods."""
    ranked: tuple[Chart, ...]
    by_category: tuple[tuple[Statistics, Bar], ...]


def make_charts(
    entries: Sequence[RunEntry], runs: Sequence[RunEntry], now: float, filters: dict[str, str]
) -> Charts:
    """Make the charts that have something to show.

    Args:
        entries: All runs with what they cost.
        runs: The same as statistics count them, with their follow-ups.
        filters: What both were narrowed by, as the list of runs has it.
    """
    tickets = {**filters, "origin": "ticket"}
    periods = _list_periods(min((entry.queued_at for entry in entries), default=now), now)
    spent: dict[str, dict[str, float]] = {name: defaultdict(float) for name in _SPENT_BY}
    for entry in entries:
        for model, usd in entry.models:
            spent["model"][model] += usd or 0.0
        for name in ("repository", "person"):
            spent[name][getattr(entry, name) or statistics.UNKNOWN] += entry.usd
    failed = (run.reason.value for run in runs if run.reason and run.state not in statistics.OPENED)
    unpriced = sum(entry.used is not None and entry.used.usd is None for entry in entries)
    about = "Cost of models."
    if unpriced:
        about += f" {unpriced:,} runs of models without known prices are left out."
    unit = "week" if periods[0].first != periods[0].last else "day"
    over_time = (
        _plot_time("spend", f"Spend by {unit}", about,
                   entries, periods, filters, _measure_spend),
        _plot_time("runs", f"Runs by {unit}", "How the runs ended.",
                   runs, periods, tickets, _measure_ends, ENDS),
        _plot_time("time", f"Label to pull request by {unit}", "Median time.",
                   runs, periods, tickets, _measure_time),
    )  # fmt: skip
    ranked = (
        *(
            _rank(f"spend-{name}", title, about, spent[name], filters, name)
            for name, title in _SPENT_BY.items()
        ),
        _rank("failures", "Runs without a pull request", "Why they ended.", Counter(failed),
              tickets, "reason"),
    )  # fmt: skip
    by_category: dict[str, list[RunEntry]] = defaultdict(list)
    for run in runs:
        by_category[run.category or statistics.UNKNOWN].append(run)
    groups = []
    for group in statistics.compute_by_category(runs):
        parts, words = _measure_ends(by_category[group.group])
        link = _link({**tickets, "category": group.group})
        groups.append((group, Bar(group.group, parts, words, link)))
    shown = [tuple(chart for chart in charts if _has_bars(chart)) for charts in (over_time, ranked)]
    return Charts(shown[0], shown[1], tuple(groups))


_SPENT_BY = {
    "model": "Spend by model",
    "repository": "Spend by repository",
    "person": "Spend by person",
}


def _has_bars(chart: Chart) -> bool:
    return any(bar.total for bar in chart.bars)


def _rank(
    name: str,
    title: str,
    about: str,
    values: Mapping[str, float],
    filters: dict[str, str],
    narrowed_by: str,
) -> Chart:
    """Make a bar for each value, the largest first; the smallest of many are one bar."""
    is_failure = narrowed_by == "reason"
    tone = "danger" if is_failure else "active"

    def write(value: float) -> str:
        return f"{value:,.0f}" if is_failure else write_money(value)

    ranked = sorted((label for label in values if values[label]), key=lambda at: (-values[at], at))
    bars = [
        Bar(
            write_word(label) if is_failure else label,
            ((tone, values[label]),),
            write(values[label]),
            _link({**filters, narrowed_by: label}),
        )
        for label in ranked[:_MOST_ROWS]
    ]
    if rest := ranked[_MOST_ROWS:]:
        total = sum(values[label] for label in rest)
        bars.append(Bar(f"{len(rest):,} others", ((tone, total),), write(total)))
    return Chart(name, title, about, tuple(bars), {})


# --- over time -----------------------------------------------------------------------------------


def _plot_time(
    name: str,
    title: str,
    about: str,
    runs: Sequence[RunEntry],
    periods: Sequence[Period],
    filters: dict[str, str],
    measure: Callable[[Sequence[RunEntry]], tuple[tuple[tuple[str, float], ...], str]],
    legend: Mapping[str, str] | None = None,
) -> Chart:
    seconds = ((periods[0].last - periods[0].first).days + 1) * _DAY
    start = datetime.combine(periods[0].first, time.min, UTC).timestamp()
    found: list[list[RunEntry]] = [[] for _ in periods]
    for run in runs:
        at = int((run.queued_at - start) // seconds)
        if 0 <= at < len(found):
            found[at].append(run)
    bars = []
    for period, own in zip(periods, found, strict=True):
        within = {"since": period.first.isoformat(), "until": period.last.isoformat()}
        parts, words = measure(own)
        link = _link({**filters, **within}) if own else ""
        bars.append(Bar(period.first.isoformat(), parts, words, link))
    return Chart(name, title, about, tuple(bars), legend or {})


def _measure_spend(runs: Sequence[RunEntry]) -> tuple[tuple[tuple[str, float], ...], str]:
    usd = sum(run.usd for run in runs)
    return (("active", usd),), write_money(usd) if usd else "–"


def _measure_ends(runs: Sequence[RunEntry]) -> tuple[tuple[tuple[str, float], ...], str]:
    counts = Counter(
        _TONES[run.state.value if run.state in statistics.OPENED else "no pull request"]
        for run in runs
        if run.reason is not None
    )
    parts = tuple((tone, counts[tone]) for tone in ENDS if tone in counts)
    words = ", ".join(f"{value:,.0f} {ENDS[tone]}" for tone, value in parts)
    return parts, words or "–"


def _measure_time(runs: Sequence[RunEntry]) -> tuple[tuple[tuple[str, float], ...], str]:
    seconds = [run.seconds_to_pull for run in runs if run.seconds_to_pull is not None]
    value = median(seconds) if seconds else None
    return (("active", value or 0.0),), write_span(value)


def _list_periods(begin: float, now: float) -> list[Period]:
    """List the days from a time to now; of a long time the weeks."""
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (begin, now))
    days = 1
    if (last - first).days >= _MOST_DAYS:
        first, days = first - timedelta(days=first.weekday()), 7
    count = (last - first).days // days + 1
    starts = [first + timedelta(days=days * number) for number in range(count)][-2 * _MOST_DAYS :]
    return [Period(start, start + timedelta(days=days - 1)) for start in starts]


def _link(filters: dict[str, str]) -> str:
    return f"/runs?{urlencode({name: value for name, value in filters.items() if value})}"


# --- backtests -----------------------------------------------------------------------------------


def count_ends(ends: Sequence[tuple[str, str]], legend: Mapping[str, str]) -> Chart:
    """Count how past changes ended, each by its end and the tone of what the merged tests say."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for end, tone in ends:
        counts[end][tone] += 1
    bars = tuple(
        Bar(end, tuple((tone, found[tone]) for tone in legend), f"{sum(found.values()):,}")
        for end, found in counts.items()
    )
    return Chart("ends", "Past changes, redone", "How the runs ended, and what the merged tests"
                 " say of them.", bars, legend)  # fmt: skip
