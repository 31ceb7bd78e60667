"""Backtests: their list, a page for each, and a page to share, which fetches nothing.

They are visible to the operator alone, and their runs count in no statistics.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from agent.backtest import folders
from agent.backtest.folders import StoredBacktest
from agent.dashboard import diffs, pages
from agent.dashboard.access import Dashboard, Here, PageMissing, Visitor, Who
from agent.dashboard.diffs import DiffFile
from agent.models.backtest import BacktestResult, End, compute_figures

router = APIRouter()

_TONES = {
    End.READY: "success",
    End.DRAFT: "attention",
    End.WITHHELD: "quiet",
    End.DECLINED: "quiet",
    End.FAILED: "danger",
    End.NOT_RUN: "quiet",
}
#: Maximum lines of a shown patch, and of wrongly ready tasks whose patches are shown at first.
_MOST_LINES, _MOST_SHOWN = 300, 5


@dataclass(frozen=True)
class _ShownTask:
    row: BacktestResult
    anchor: str
    is_shown: bool
    """Whether the page has its tests and patches."""

    @property
    def tone(self) -> str:
        return "danger" if self.row.is_wrongly_ready else _TONES[self.row.end]

    @property
    def judged(self) -> str:
        return folders.JUDGED[self.row.resolved]

    @property
    def words(self) -> str:
        return "ready but wrong" if self.row.is_wrongly_ready else f"{self.row.end}, {self.judged}"

    @property
    def ours(self) -> tuple[list[DiffFile], bool]:
        return diffs.parse_diff(self.row.patch, most=_MOST_LINES)

    @property
    def merged(self) -> tuple[list[DiffFile], bool]:
        return diffs.parse_diff(self.row.merged, most=_MOST_LINES)


@router.get("/backtests")
def list_backtests(here: Here, who: Who) -> Response:
    stored = _list_stored(here, who)
    rows = [(backtest, compute_figures(backtest.rows)) for backtest in stored[::-1]]
    return here.render("backtests.html.j2", who, rows=rows)


@router.get("/backtests/{name}")
def show_backtest(here: Here, who: Who, name: str, task: str = "") -> Response:
    backtest = next((stored for stored in _list_stored(here, who) if stored.name == name), None)
    if backtest is None:
        raise PageMissing
    wrong = [row.instance_id for row in backtest.rows if row.is_wrongly_ready]
    values = _make_values(backtest, {task} if task else set(wrong[:_MOST_SHOWN]))
    return here.render("backtest.html.j2", who, **values)


def _list_stored(here: Dashboard, who: Visitor) -> list[StoredBacktest]:
    if not who.is_operator:
        raise PageMissing
    return [folders.load_stored(place) for place in folders.list_folders(here.home / "backtest")]


def render_page(backtest: StoredBacktest) -> str:
    """Render the page to share."""
    style = pages.read_static("style.css").decode()
    values = _make_values(backtest, {row.instance_id for row in backtest.rows})
    return pages.render_text("backtest_export.html.j2", style=style, **values)


def _make_values(backtest: StoredBacktest, shown: set[str]) -> dict[str, Any]:
    """Return the values of the page; changes that were wrongly ready come first."""
    rows = sorted(backtest.rows, key=lambda row: not row.is_wrongly_ready)
    return {
        "backtest": backtest,
        "figures": compute_figures(rows),
        "tasks": [
            _ShownTask(row, f"task-{number}", row.instance_id in shown)
            for number, row in enumerate(rows, 1)
        ],
    }
