"""The statistics as one file to hand on: nothing in it is fetched, and no script runs."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from agent.dashboard import pages, plots, statistics
from agent.dashboard.index import RunEntry
from agent.telemetry import statistics as run_statistics


def write_html(runs: Sequence[RunEntry], since: float, now: float) -> str:
    """Write the page of statistics.

    Args:
        runs: What it is about.
        since: When the first of them may have begun, in seconds since the epoch; 0: at any time.
    """
    made = statistics.make_plots(runs, now)
    summaries = [one.summary for one in runs]
    pictures = {plot.name: base64.b64encode(plots.draw(plot)).decode() for plot in made}
    return pages.render_text(
        "export.html.j2",
        style=pages.read_static("style.css").decode(),
        since=since,
        numbers=run_statistics.compute_statistics("all", summaries),
        groups=run_statistics.compute_by_group(summaries, "category"),
        plots=made,
        images={name: f"data:image/svg+xml;base64,{raw}" for name, raw in pictures.items()},
    )
