"""The clients a stage may be given, and the folders of one run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.domain import Run
from agent.ports import Forge, PackageIndex, Sandbox
from agent.settings import Settings


@dataclass(frozen=True)
class Services:
    """What stages work with; put together in `agent.wiring`."""

    settings: Settings
    forge: Forge
    sandbox: Sandbox
    index: PackageIndex

    def run_folder(self, run: Run) -> Path:
        """Folder that keeps the run's text, log and ledger."""
        return self.settings.home / "runs" / run.run_id

    def tree_folder(self, run: Run) -> Path:
        """Folder of the run's work tree: a cache, gone after the run."""
        return self.settings.home / "trees" / run.run_id
