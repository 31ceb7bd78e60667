"""Charts: bars, each with a link to the runs that it counts. Pure."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from agent.dashboard import statistics
from agent.dashboard.pages import write_money, write_word
from agent.store.sql_run_lists import UNKNOWN, CountedRun, RunFilters

#: With at least so many days, a column is a week, for lack of space; maximum rows of a ranking.
_MOST_DAYS, _MOST_ROWS = 92, 15
#: Minimum range of a plot, so that columns do not become too wide.
_LEAST_DAYS = 30
ENDS = {"success": "open", "done": "merged", "attention": "closed", "danger": "no pull request"}
"""How runs end, by the tone that shows this end."""
Parts = tuple[tuple[str, float], ...]
"""Tones with their values."""
Measure = Callable[[Sequence[CountedRun]], tuple[Parts, str]]
"""Measures some runs; returns the values, and the values as people write them."""


@dataclass(frozen=True)
class Bar:
    label: str
    parts: Parts
    words: str
    """The values as people write them."""
    link: str = ""
    """Page of the counted runs; empty: there is none."""

    @property
    def total(self) -> float:
        return sum(value for _, value in self.parts)


@dataclass(frozen=True)
class Chart:
    name: str
    title: str
    about: str
    """Description of the counted values, as a sentence."""
    bars: tuple[Bar, ...]
    legend: Mapping[str, str] = field(default_factory=dict)
    """Words of each tone, if there are several."""

    @property
    def highest(self) -> Bar:
        return max(self.bars, key=lambda bar: bar.total)


class Charts(NamedTuple):
    over_time: tuple[Chart, ...]
    """Each has a bar for each day, or for each week."""
    ranked: tuple[Chart, ...]


def make_charts(
    every: Sequence[CountedRun],
    runs: Sequence[CountedRun],
    since: float,
    now: float,
    filters: RunFilters,
) -> Charts:
    """Make the charts that have any values.

    `every` has all runs with their own cost, `runs` those of issues with the cost of follow-ups,
    both narrowed by `filters`. `since` 0: the charts begin with the first run.
    """
    narrowed = filters.model_dump(mode="json", exclude_defaults=True)
    tickets = narrowed | {"origin": "ticket"}
    about = "Cost of models."
    if unpriced := sum(run.reason is not None and run.usd is None for run in every):
        about += f" {unpriced:,} runs of models without known prices are left out."
    columns = _list_columns(since or min((run.queued_at for run in runs), default=now), now)
    unit = "day" if columns[0][0] == columns[0][1] else "week"
    spend = _plot(every, columns, narrowed, _measure_spend)
    ends = _plot(runs, columns, tickets, _measure_ends)
    over_time = (
        Chart("spend", f"Spend by {unit}", about, spend),
        Chart("runs", f"Runs by {unit}", "How the runs ended.", ends, ENDS),
    )
    costs = [(model, usd) for run in every for model, usd in json.loads(run.costs or "{}").items()]
    failed = [run.reason for run in runs if run.reason and run.state not in statistics.OPENED]
    ranked = [Chart("by-model", "Spend by model", about, _rank("model", costs, narrowed))]
    for name in ("repository", "person"):
        spent = _rank(name, [(getattr(run, name), run.usd) for run in every], narrowed)
        ranked.append(Chart(f"by-{name}", f"Spend by {name}", about, spent))
    reasons = _rank("reason", [(reason, 1) for reason in failed], tickets)
    why = "Why they ended."
    ranked.append(Chart("by-reason", "Runs without a pull request", why, reasons))
    return Charts(_keep_filled(over_time), _keep_filled(ranked))


def _keep_filled(charts: Iterable[Chart]) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if any(bar.total for bar in chart.bars))


def _rank(
    name: str, values: Iterable[tuple[str | None, float | None]], filters: dict[str, str]
) -> tuple[Bar, ...]:
    """Make a bar for the sum of each label, the largest first; the smallest ones share a bar."""
    is_failure = name == "reason"
    tone, write = ("danger", "{:,.0f}".format) if is_failure else ("active", write_money)
    sums: dict[str, float] = defaultdict(float)
    for label, value in values:
        sums[label or UNKNOWN] += value or 0.0
    ranked = sorted((label for label in sums if sums[label]), key=lambda at: (-sums[at], at))
    bars = [
        Bar(write_word(label) if is_failure else label, ((tone, sums[label]),),
            write(sums[label]), _link(filters, **{name: label}))
        for label in ranked[:_MOST_ROWS]
    ]  # fmt: skip
    if rest := ranked[_MOST_ROWS:]:
        total = sum(sums[label] for label in rest)
        bars.append(Bar(f"{len(rest):,} others", ((tone, total),), write(total)))
    return tuple(bars)


def _list_columns(begin: float, now: float) -> list[tuple[date, date]]:
    """List first and last day of each column from a time to now; columns are days or weeks."""
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (begin, now))
    first, days = min(first, last - timedelta(_LEAST_DAYS - 1)), 1
    if (last - first).days >= _MOST_DAYS:
        first, days = first - timedelta(first.weekday()), 7
    starts = [first + timedelta(age) for age in range(0, (last - first).days + 1, days)]
    return [(start, start + timedelta(days - 1)) for start in starts[-2 * _MOST_DAYS :]]


def _plot(
    runs: Sequence[CountedRun],
    columns: Sequence[tuple[date, date]],
    filters: dict[str, str],
    measure: Measure,
) -> tuple[Bar, ...]:
    """Make a bar for each day or week, also for an empty one."""
    (first, last), counted = columns[0], defaultdict[float, list[CountedRun]](list)
    begin, seconds = datetime.combine(first, time.min, UTC).timestamp(), 86_400.0
    seconds *= (last - first).days + 1
    for run in runs:
        counted[(run.queued_at - begin) // seconds].append(run)
    return tuple(
        Bar(
            first.isoformat(),
            *measure(counted[number]),
            _link(filters, since=str(first), until=str(last)) if counted[number] else "",
        )
        for number, (first, last) in enumerate(columns)
    )


def _measure_spend(runs: Sequence[CountedRun]) -> tuple[Parts, str]:
    usd = sum(run.usd or 0.0 for run in runs)
    return (("active", usd),), write_money(usd) if usd else "–"


def _measure_ends(runs: Sequence[CountedRun]) -> tuple[Parts, str]:
    tones = {words: tone for tone, words in ENDS.items()}
    counts = Counter(tones.get(run.state, "danger") for run in runs if run.reason)
    parts = tuple((tone, counts[tone]) for tone in ENDS if tone in counts)
    return parts, ", ".join(f"{value:,} {ENDS[tone]}" for tone, value in parts) or "–"


def _link(filters: dict[str, str], **narrowed: str) -> str:
    return f"/runs?{urlencode(filters | narrowed)}"
