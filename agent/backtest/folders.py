"""Read and write the folders of backtests, with the order and the rows of tasks."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from agent.errors import StorageFull
from agent.models.backtest import BacktestResult

ORDER, ROWS = "order.json", "rows.jsonl"
JUDGED = {True: "resolved", False: "not resolved", None: "not judged"}
_OBJECT = TypeAdapter(dict[str, Any])


class StoredBacktest(NamedTuple):
    name: str
    tasks: int
    """Number of tasks in the backtest."""
    rows: tuple[BacktestResult, ...]
    repositories: tuple[str, ...] = ()
    command: str = ""
    """The command that began it; "": not recorded."""
    version: str = ""
    """The version of Mergewright; "": not recorded."""

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.model for row in self.rows if row.model))

    @property
    def begun_at(self) -> float | None:
        """When it began, in seconds since the epoch, by its name."""
        with suppress(ValueError):
            return datetime.strptime(f"{self.name[:15]}Z", "%Y%m%d-%H%M%S%z").timestamp()
        return None


def list_folders(backtests: Path) -> list[Path]:
    """List the folders of all backtests in their data folder, the oldest first."""
    return sorted(place.parent for place in (backtests / "campaigns").glob(f"*/{ORDER}"))


def load_rows(folder: Path) -> tuple[BacktestResult, ...]:
    """Read the rows of finished tasks, in the order in which they ended."""
    rows: dict[str, BacktestResult] = {}
    with suppress(OSError):
        for line in (folder / ROWS).read_bytes().split(b"\n"):
            # The first line is empty, and a killed command may leave an incomplete line.
            with suppress(ValidationError):
                row = BacktestResult.model_validate_json(line)
                rows[row.instance_id] = row
    return tuple(rows.values())


def add_row(folder: Path, row: BacktestResult) -> None:
    """Append a row to those of the folder, on a line of its own.

    Raises:
        StorageFull: It cannot be written.
    """
    try:
        with (folder / ROWS).open("a", encoding="utf-8") as file:
            file.write(f"\n{row.model_dump_json()}")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise StorageFull(f"{folder} cannot be written ({problem.strerror}).") from problem


def load_stored(folder: Path) -> StoredBacktest:
    """Read the order and the rows of a backtest, also while it runs."""
    order: dict[str, Any] = {}
    with suppress(OSError, ValidationError):
        order = _OBJECT.validate_json((folder / ORDER).read_bytes())
    tasks = order.get("tasks", ())
    repositories = dict.fromkeys(str(task["repo"]) for task in tasks if "repo" in task)
    return StoredBacktest(
        folder.name,
        len(tasks),
        load_rows(folder),
        # A clone is named by its folder, without the folders above.
        tuple(Path(name).name if name[0] in "./" else name for name in repositories if name),
        str(order.get("command") or ""),
        str(order.get("version") or ""),
    )
