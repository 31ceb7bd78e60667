"""What is on disk of backtests: a folder each, with the order, and a row for each task done."""

import json
from contextlib import suppress
from datetime import datetime
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
    repositories: tuple[str, ...] = ()
    command: str = ""
    """That began it; empty: not recorded."""
    version: str = ""
    """Of Mergewright; empty: not recorded."""

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.model for row in self.rows if row.model))

    @property
    def begun_at(self) -> float | None:
        """When it was begun, in seconds since the epoch, as its name has it."""
        with suppress(ValueError):
            return datetime.strptime(f"{self.name[:15]}Z", "%Y%m%d-%H%M%S%z").timestamp()
        return None


def list_folders(own: Path) -> list[Path]:
    """List the folders of all backtests in their data folder, the oldest first."""
    return sorted(place.parent for place in (own / "campaigns").glob(f"*/{ORDER}"))


def load_row(place: Path) -> BacktestResult | None:
    """Read a row; None: it is not there, or none of ours."""
    try:
        return BacktestResult.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None


def _name_repository(repo: str) -> str:
    """Name a repository of a code host, or the folder of a clone without those above it."""
    return Path(repo).name if repo.startswith((".", "/")) else repo


def load_kept(folder: Path) -> StoredBacktest:
    """Read what is kept of a backtest, under way or over."""
    try:
        order = json.loads((folder / ORDER).read_bytes())
        tasks = order["tasks"]
        names = dict.fromkeys(_name_repository(task["repo"]) for task in tasks if "repo" in task)
    except (OSError, ValueError, KeyError, TypeError):
        order, tasks, names = {}, (), {}
    found = map(load_row, sorted(place for place in folder.glob("*.json") if place.name != ORDER))
    return StoredBacktest(
        folder.name,
        len(tasks),
        tuple(row for row in found if row),
        tuple(names),
        str(order.get("command") or ""),
        str(order.get("version") or ""),
    )
