"""Backtests: their list, each on a page, and as one to hand on, which fetches nothing.

They are the operator's, so nobody else sees them, and their runs count in no statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from agent.backtest import folders
from agent.dashboard import diffs, pages, plots
from agent.dashboard.access import Dashboard, Here, PageMissing, Visitor, Who
from agent.dashboard.diffs import DiffFile
from agent.dashboard.plots import Plot
from agent.models.backtest import BacktestResult, End, Figures, compute_figures

router = APIRouter()

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


@router.get("/backtests")
def list_backtests(here: Here, who: Who) -> Response:
    kept = _list_kept(here, who)
    rows = [(backtest, compute_figures(backtest.rows)) for backtest in kept[::-1]]
    return here.render("backtests.html.j2", who, rows=rows)


@router.get("/backtests/{name}")
def show_backtest(here: Here, who: Who, name: str) -> Response:
    found = next((backtest for backtest in _list_kept(here, who) if backtest.name == name), None)
    if found is None:
        raise PageMissing
    values = _make_values(name, found.rows, compute_figures(found.rows))
    return here.render("backtest.html.j2", who, **values)


def _list_kept(here: Dashboard, who: Visitor) -> list[folders.StoredBacktest]:
    if not who.is_operator:
        raise PageMissing
    return [folders.load_kept(place) for place in folders.list_folders(here.home / "backtest")]


def render_page(name: str, rows: Sequence[BacktestResult], figures: Figures) -> str:
    """Write the page to hand on."""
    style = pages.read_static("style.css").decode()
    values = _make_values(name, rows, figures)
    return pages.render_text("backtest_export.html.j2", style=style, **values)


def _make_values(name: str, rows: Sequence[BacktestResult], figures: Figures) -> dict[str, object]:
    """Give what the page shows; what would have been wrongly ready comes first."""
    # How runs ended, by what the merged tests say of them.
    ended = {
        words: tuple(sum(row.end is end and row.resolved is value for row in rows) for end in End)
        for value, words in _JUDGED.items()
    }
    plot = Plot("backtest", "stacked", tuple(end.value for end in End), ended)
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
    return {
        "name": name,
        "tasks": shown,
        "figures": figures,
        "plots": [plot],
        "groups": (),
        "images": plots.embed_pictures([plot]),
    }
