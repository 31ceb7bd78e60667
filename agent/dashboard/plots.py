"""Draw plots as SVG, for light and dark pages. No script is in them, and nothing is fetched."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Sequence
from functools import lru_cache

import pygal
from pygal.style import Style

from agent.dashboard import pages, statistics
from agent.dashboard.index import RunEntry
from agent.dashboard.statistics import Plot
from agent.telemetry import statistics as run_statistics

# It looks at every later import for maps, in a way that Python has given up.
sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, pygal.PluginImportFixer)]

_WIDTH = 640
_COLORS = ("#1a7f37", "#0969da", "#8250df", "#9a6700", "#bf3989")
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#59636e",
    foreground_strong="#1f2328",
    foreground_subtle="#d1d9e0",
    colors=_COLORS,
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
_LABELS_SHOWN = 8


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
    series: tuple[tuple[str, tuple[float | int | None, ...]], ...],
) -> bytes:
    if kind == "weeks":
        return _draw_weeks(title, labels, series)
    made = {"stacked": pygal.StackedBar, "bars": pygal.HorizontalBar, "lines": pygal.Line}[kind]
    chart = made(
        style=_STYLE,
        css=["file://style.css", "file://graph.css", _DARK],
        js=[],
        width=_WIDTH,
        height=max(220, 70 + 26 * len(labels)) if kind == "bars" else 320,
        show_legend=len(series) > 1,
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        legend_box_size=12,
        margin=8,
        margin_bottom=16,
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
    # A picture runs no script, and pygal's would only move.
    return _SCRIPT.sub(b"", chart.render())


def _draw_weeks(
    title: str,
    labels: tuple[str, ...],
    series: tuple[tuple[str, tuple[float | int | None, ...]], ...],
) -> bytes:
    most = max((value or 0 for _, values in series for value in values), default=0)
    rows = [
        (name, [(value or 0, _find_level(value or 0, most)) for value in values])
        for name, values in series
    ]
    template = pages.TEMPLATES.get_template("weeks.svg.j2")
    return template.render(title=title, labels=labels, rows=rows).encode()


def _find_level(value: float, most: float) -> int:
    """Say how dark a square is, from 0 to 4."""
    return 0 if not value else max(1, round(4 * value / most))


def write_html(runs: Sequence[RunEntry], since: float, now: float) -> str:
    """Write the statistics as one page to hand on: it fetches nothing and runs no script.

    Args:
        runs: What it is about.
        since: When the first of them may have begun, in seconds since the epoch; 0: at any time.
    """
    made = statistics.make_plots(runs, now)
    summaries = [one.summary for one in runs]
    pictures = {plot.name: base64.b64encode(draw(plot)).decode() for plot in made}
    return pages.render_text(
        "export.html.j2",
        style=pages.read_static("style.css").decode(),
        since=since,
        numbers=run_statistics.compute_statistics("all", summaries),
        groups=run_statistics.compute_by_group(summaries, "category"),
        plots=made,
        images={name: f"data:image/svg+xml;base64,{raw}" for name, raw in pictures.items()},
    )
