"""The card: what came of all runs and backtests, as a small picture for a README."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from agent.backtest import folders
from agent.dashboard import pages
from agent.dashboard.access import Here, PageMissing
from agent.dashboard.index import summarize_runs
from agent.models.backtest import Figures, compute_figures
from agent.models.clock import read_clock
from agent.telemetry import statistics
from agent.telemetry.statistics import RunSummary

router = APIRouter()
_SECONDS = 300
"""How long a card is shown before it is drawn anew."""


@router.get("/card.svg")
def show_card(here: Here) -> Response:
    """Show the card to everybody, where the operator opens it."""
    if not here.has_card:
        raise PageMissing
    card = render_card(summarize_runs(here.index.entries()), _count_lately(here.home))
    headers = {
        "Cache-Control": f"max-age={_SECONDS}",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(card, media_type="image/svg+xml", headers=headers)


def count_backtests(home: Path) -> Figures:
    """Count what came of all backtests in a data folder."""
    kept = map(folders.load_kept, folders.list_folders(home / "backtest"))
    return compute_figures(row for backtest in kept for row in backtest.rows)


def _count_lately(home: Path) -> Figures:
    """Count them for all visitors of a while: each time, every file of every backtest is read."""
    return _count_within(home, int(read_clock() // _SECONDS))


@lru_cache(maxsize=1)
def _count_within(home: Path, _period: int) -> Figures:
    return count_backtests(home)


def render_card(runs: Sequence[RunSummary], tests: Figures) -> str:
    """Draw the card of runs and backtests."""
    figures = statistics.compute_statistics("all", runs)
    merged, price = figures.states.get("merged", 0), figures.usd.value
    cells = [("pull requests", f"{figures.pull_requests:,}"), ("merged", f"{merged:,}")]
    if price is not None:
        cells.append(("per merge", f"${price:,.2f}"))
    if tests.judged:
        cells.append(("backtests resolved", f"{tests.resolved:,} of {tests.judged:,}"))
    return pages.render_text("card.svg.j2", cells=cells)
