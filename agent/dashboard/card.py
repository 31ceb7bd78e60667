"""The card: what came of all runs and backtests, as a small picture for a README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from agent.backtest import folders
from agent.dashboard import pages
from agent.dashboard.access import Here, PageMissing
from agent.dashboard.index import summarize_runs
from agent.models.backtest import compute_figures
from agent.telemetry import statistics
from agent.telemetry.statistics import RunSummary

router = APIRouter()


@router.get("/card.svg")
def show_card(here: Here) -> Response:
    """Show the card to everybody, where the operator opens it."""
    if not here.has_card:
        raise PageMissing
    card = render_card(summarize_runs(here.index.entries()), here.home)
    headers = {
        "Cache-Control": "max-age=300",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(card, media_type="image/svg+xml", headers=headers)


def render_card(runs: Sequence[RunSummary], home: Path) -> str:
    """Draw the card.

    Args:
        home: The data folder, with the backtests in it.
    """
    figures = statistics.compute_statistics("all", runs)
    kept = map(folders.load_kept, folders.list_folders(home / "backtest"))
    tests = compute_figures(row for backtest in kept for row in backtest.rows)
    merged, price = figures.states.get("merged", 0), figures.usd.value
    cells = [("pull requests", f"{figures.pull_requests:,}"), ("merged", f"{merged:,}")]
    if price is not None:
        cells.append(("per merge", f"${price:,.2f}"))
    if tests.judged:
        cells.append(("backtests resolved", f"{tests.resolved:,} of {tests.judged:,}"))
    return pages.render_text("card.svg.j2", cells=cells)
