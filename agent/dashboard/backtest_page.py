"""The page of a backtest to hand on; it fetches nothing, and its runs count in no statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.dashboard import diffs, pages, plots
from agent.dashboard.diffs import DiffFile
from agent.dashboard.plots import Plot
from agent.models.backtest import BacktestResult, End, Figures

_TONES = {
    End.READY: "success",
    End.DRAFT: "attention",
    End.WITHHELD: "quiet",
    End.DECLINED: "quiet",
    End.FAILED: "danger",
    End.NOT_RUN: "quiet",
}
_JUDGED = {True: "resolved", False: "not resolved", None: "not judged"}


@dataclass(frozen=True)
class _ShownTask:
    row: BacktestResult
    tone: str
    judged: str
    ours: list[DiffFile]
    merged: list[DiffFile]


def render_page(name: str, rows: Sequence[BacktestResult], figures: Figures) -> str:
    """Write the page; what would have been wrongly ready comes first."""
    plot = _make_plot(rows)
    shown = [
        _ShownTask(
            row,
            _TONES[row.end],
            _JUDGED[row.resolved],
            diffs.parse_diff(row.patch, ())[0],
            diffs.parse_diff(row.merged, ())[0],
        )
        for row in sorted(rows, key=lambda row: not row.is_wrongly_ready)
    ]
    return pages.render_text(
        "backtest.html.j2",
        style=pages.read_static("style.css").decode(),
        name=name,
        tasks=shown,
        figures=figures,
        plots=[plot],
        groups=(),
        images=plots.embed_pictures([plot]),
    )


def _make_plot(rows: Sequence[BacktestResult]) -> Plot:
    """Count how runs ended, by what the merged tests say of them."""
    return Plot(
        "backtest",
        "stacked",
        tuple(end.value for end in End),
        tuple(
            (
                words,
                tuple(sum(row.end is end and row.resolved is value for row in rows) for end in End),
            )
            for value, words in _JUDGED.items()
        ),
    )
