"""What keeps the folder of a run where another machine can go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class StoredFolder(Protocol):
    def store_ledger(self) -> None:
        """Store at once the lines that are not stored yet. Raises StoreUnavailable."""
        ...

    def started(self, step: str) -> None: ...

    def ended(self, step: str, seconds: float, *, ok: bool) -> None: ...

    def store(self) -> None:
        """Store the other files that have changed since. Raises StoreUnavailable."""
        ...


class RunFiles(Protocol):
    def open(self, run_id: str, folder: Path) -> StoredFolder:
        """Lay the folder of a run out as it was left, and keep what is written there from now."""
        ...
