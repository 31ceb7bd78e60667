"""What is on disk of backtests: a folder each, with the order, and a row for each task done."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from agent.models.backtest import BacktestResult

ORDER = "order.json"


def list_folders(own: Path) -> list[Path]:
    """List the folders of all backtests, the oldest first.

    Args:
        own: Data folder of the backtests.
    """
    return sorted(place.parent for place in (own / "campaigns").glob(f"*/{ORDER}"))


def load_row(place: Path) -> BacktestResult | None:
    """Read a row; None: it is not there, or none of ours."""
    try:
        return BacktestResult.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None
