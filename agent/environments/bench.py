"""What every part of one build works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.environments import storage
from agent.environments.interpreters import Interpreter
from agent.ports import PackageIndex, Sandbox
from agent.settings import Settings


@dataclass(frozen=True)
class Bench:
    """The clients, the Python and the ear of one build."""

    sandbox: Sandbox
    index: PackageIndex
    settings: Settings
    interpreter: Interpreter
    say: Callable[[str], None]
    """Takes one line of progress."""

    @property
    def mark(self) -> str:
        """Differs wherever what is made for one Python does not fit another."""
        return (
            f"{self.interpreter.version}\0{self.interpreter.path}\0"
            f"{storage.image_id(self.settings)}\0{storage.FORMAT}\0"
        )
