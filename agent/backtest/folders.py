"""What is on disk of backtests: a folder each, with the order, and a row for each task done."""

import json
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from agent.models.backtest import BacktestResult

ORDER = "order.json"


class StoredBacktest(NamedTuple):
    name: str
    tasks: int
    """Number of tasks in the backtest."""
    rows: tuple[BacktestResult, ...]


def list_folders(own: Path) -> list[Path]:
    """List the folders of all backtests in their data folder, the oldest first."""
    return sorted(place.parent for place in (own / "campaigns").glob(f"*/{ORDER}"))


def load_row(place: Path) -> BacktestResult | None:
    """Read a row; None: it is not there, or none of ours."""
    try:
        return BacktestResult.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None


def load_kept(folder: Path) -> StoredBacktest:
    """Read what is kept of a backtest, under way or over."""
    try:
        tasks = len(json.loads((folder / ORDER).read_bytes())["tasks"])
    except (OSError, ValueError, KeyError, TypeError):
        tasks = 0
    found = map(load_row, sorted(place for place in folder.glob("*.json") if place.name != ORDER))
    return StoredBacktest(folder.name, tasks, tuple(row for row in found if row))
