"""What the plots show, and how: SVG for light and dark pages, and tables.

No script is in a picture, and nothing is fetched.
"""

import base64
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from statistics import median
from typing import Literal

import pygal
from pygal.style import Style

from agent.models.run import Reason, RunState
from agent.telemetry import statistics
from agent.telemetry.statistics import RunSummary

# It looks at every later import for maps, in a way that Python has given up.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)
]

_DAY = 86_400.0
_MOST_WEEKS, _MOST_ROWS = 53, 15
_ROUNDS = ("0", "1", "2", "3", "4", "5 or more")
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#59636e",
    foreground_strong="#1f2328",
    foreground_subtle="#d1d9e0",
    colors=("#1a7f37", "#0969da", "#8250df", "#9a6700", "#bf3989"),
    font_family="system-ui, sans-serif",
    label_font_size=12,
    major_label_font_size=12,
    legend_font_size=13,
    value_font_size=12,
    opacity=".9",
    transition="0s",
)
#: After the style's own rules; a picture follows the page, since browsers tell it the scheme.
_DARK = """inline:@media (prefers-color-scheme: dark) {
 .axis text, .axis text.major, .legends .legend text, text.no_data { fill: #9198a1 }
 .axis .line, .axis .major.line { stroke: #6e7681 }
 .axis .guide.line, .axis .major.guide.line { stroke: #3d444d } }"""
_SCRIPT = re.compile(rb"<script.*?</script>|<!--.*?-->", re.DOTALL)
_LABELS_OF_COUNTS = 5
_LABELS_SHOWN = 8


Value = float | int | None


@dataclass(frozen=True)
class Plot:
    """One plot: a value for each series at each label."""

    name: str
    kind: Literal["bars", "stacked", "lines"]
    labels: tuple[str, ...]
    series: Mapping[str, tuple[Value, ...]]

    @property
    def title(self) -> str:
        return _TEXTS[self.name][0]

    @property
    def about(self) -> str:
        """Say what is counted."""
        return _TEXTS[self.name][1]

    @property
    def unit(self) -> str:
        return _TEXTS[self.name][2]

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


#: By name: title, what is counted in a sentence, and the unit.
_TEXTS = {
    "acceptance": ("Acceptance by category",
        "How runs ended, by the category of the ticket.", "runs"),
    "time-to-pull-request": ("Label to pull request",
        "Minutes from the label to the pull request, by the week of the label.", "minutes"),
    "first-round": ("Verdict on the first change",
        "Result of rules and checks for the first change of each run.", "runs"),
    "repair-rounds": ("Repair rounds",
        "Rounds of review and repair per merged or closed pull request.", "pull requests"),
    "dollars": ("Dollars per merged pull request",
        "Mean model cost, by the week of the label.", "dollars"),
    "failures": ("Runs without a pull request, by reason",
        "Why runs ended without a pull request.", "runs"),
    "merged": ("Merged by week",
        "Merged pull requests by the week of the label.", "merged pull requests"),
    "backtest": ("Past changes, redone",
        "How the runs ended, and the result of the merged tests.", "past changes"),
}  # fmt: skip


def make_plots(runs: Sequence[RunSummary], now: float) -> tuple[Plot, ...]:
    weeks = _list_weeks(runs, now)
    judged = (run.first_round for run in runs if run.first_round)
    verdicts = Counter("passed" if reason is Reason.READY else _word(reason) for reason in judged)
    ended = (run for run in runs if run.state in (RunState.MERGED, RunState.CLOSED))
    rounds = Counter(_ROUNDS[min(run.rounds, len(_ROUNDS) - 1)] for run in ended)
    failed = Counter(
        _word(run.reason) for run in runs if run.reason and run.state not in statistics.OPENED
    )
    return (
        _plot_acceptance(runs),
        _plot_time_to_pull(runs, weeks),
        _plot_counts("first-round", verdicts),
        _plot_counts("repair-rounds", rounds, _ROUNDS),
        _plot_dollars(runs, weeks),
        _plot_counts("failures", failed),
        _plot_merged(runs, weeks),
    )


def _plot_counts(name: str, counts: Counter[str], labels: tuple[str, ...] = ()) -> Plot:
    """Plot a bar for each label; without labels for the most frequent ones."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    labels = labels or tuple(ranked[:_MOST_ROWS])
    series = {_TEXTS[name][2]: tuple(counts[label] for label in labels)}
    return Plot(name, "bars", labels, series)


def _plot_acceptance(runs: Sequence[RunSummary]) -> Plot:
    names = ("merged", "open", "closed", "no pull request")
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        if run.reason is not None:
            state = run.state.value if run.state in statistics.OPENED else names[-1]
            counts[run.category or statistics.UNKNOWN][state] += 1
    labels = tuple(sorted(counts, key=lambda name: (-counts[name].total(), name)))
    series = {name: tuple(counts[label][name] for label in labels) for name in names}
    return Plot("acceptance", "stacked", labels, series)


def _plot_time_to_pull(runs: Sequence[RunSummary], weeks: tuple[str, ...]) -> Plot:
    minutes: dict[str, list[float]] = {week: [] for week in weeks}
    for run in runs:
        if run.seconds_to_pull is not None:
            minutes.setdefault(_name_week(run.queued_at), []).append(run.seconds_to_pull / 60)

    def measure(compute: Callable[[list[float]], float]) -> tuple[Value, ...]:
        return tuple(round(compute(minutes[week]), 1) if minutes[week] else None for week in weeks)

    series = {
        "median": measure(median),
        "90th percentile": measure(lambda values: find_percentile(values, 0.9)),
    }
    return Plot("time-to-pull-request", "lines", weeks, series)


def _plot_dollars(runs: Sequence[RunSummary], weeks: tuple[str, ...]) -> Plot:
    used: dict[str, list[float | None]] = defaultdict(list)
    for run in runs:
        if run.state is RunState.MERGED:
            used[_name_week(run.queued_at)].append(statistics.get_usd(run))
    means = tuple(statistics.compute_mean(used[week]).value for week in weeks)
    return Plot("dollars", "lines", weeks, {"dollars": means})


def _plot_merged(runs: Sequence[RunSummary], weeks: tuple[str, ...]) -> Plot:
    merged = (run for run in runs if run.state is RunState.MERGED)
    counts = Counter(_name_week(run.queued_at) for run in merged)
    return Plot("merged", "lines", weeks, {"merged": tuple(counts[week] for week in weeks)})


def find_percentile(values: Sequence[float], share: float) -> float:
    """Find the smallest value that so large a share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _list_weeks(runs: Sequence[RunSummary], now: float) -> tuple[str, ...]:
    """List the weeks from the first run to now, at most a year of them."""
    first = min((run.queued_at for run in runs), default=now)
    weeks = min(_MOST_WEEKS, int((_find_monday(now) - _find_monday(first)).days // 7) + 1)
    return tuple(_name_week(now - 7 * _DAY * ago) for ago in reversed(range(max(1, weeks))))


def _find_monday(at: float) -> date:
    day = datetime.fromtimestamp(at, UTC).date()
    return day - timedelta(days=day.weekday())


def _name_week(at: float) -> str:
    return _name_week_of_day(int(at // _DAY))


@lru_cache(maxsize=4_096)
def _name_week_of_day(day: int) -> str:
    return _find_monday(day * _DAY).isoformat()


def _word(reason: Reason) -> str:
    return reason.value.replace("_", " ")


# --- pictures ------------------------------------------------------------------------------------


def draw(plot: Plot) -> bytes:
    """Draw a plot; equal plots are drawn once."""
    series = tuple(plot.series.items())
    return _draw(plot.kind, plot.title, plot.unit, plot.labels, series)


@lru_cache(maxsize=256)
def _draw(
    kind: str,
    title: str,
    unit: str,
    labels: tuple[str, ...],
    series: tuple[tuple[str, tuple[Value, ...]], ...],
) -> bytes:
    made = {"stacked": pygal.StackedBar, "bars": pygal.HorizontalBar, "lines": pygal.Line}[kind]
    chart = made(
        style=_STYLE,
        css=["file://style.css", "file://graph.css", _DARK],
        js=[],
        width=640,
        height=max(220, 70 + 26 * len(labels)) if kind == "bars" else 320,
        show_legend=len(series) > 1,
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        legend_box_size=12,
        margin=8,
        margin_bottom=24,
        margin_right=24,
        no_data_text="nothing yet",
        pretty_print=False,
        disable_xml_declaration=False,
        no_prefix=True,
        dots_size=2.5,
        include_x_axis=True,
        truncate_label=40,
        x_labels_major_count=_LABELS_SHOWN,
        show_minor_x_labels=len(labels) <= _LABELS_SHOWN or kind != "lines",
        max_scale=6,
    )
    # Horizontal bars begin at the bottom.
    turn = -1 if kind == "bars" else 1
    chart.x_labels = [label[5:] if kind == "lines" else label for label in labels[::turn]]
    for name, values in series:
        chart.add(name, values[::turn])
    if kind != "lines":
        # Counts: an axis of halves and fifths would show what cannot be.
        columns = zip(*(values for _, values in series), strict=True)
        most = max((int(sum(value or 0 for value in column)) for column in columns), default=0)
        step = max(1, math.ceil(most / _LABELS_OF_COUNTS))
        chart.y_labels = range(0, most + step, step)
    # A picture runs no script, and pygal's would only move.
    return _SCRIPT.sub(b"", chart.render())


def embed_pictures(made: Sequence[Plot]) -> dict[str, str]:
    """Give the picture of each plot, by its name, as an address that holds all of it."""
    start = "data:image/svg+xml;base64,"
    return {plot.name: start + base64.b64encode(draw(plot)).decode() for plot in made}
