"""What all attempts on a room work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from agent.ports import RoomLimits, RoomOrder, RoomResult, Sandbox

MIB = 1024**2
LIMITS = RoomLimits(seconds=20, memory_bytes=256 * MIB, processes=32, disk_bytes=16 * MIB)
_PYTHON = "python3"

Said = tuple[bool, str]
"""Whether the limit held, and what happened."""


@dataclass(frozen=True)
class Bench:
    """What all attempts work with."""

    sandbox: Sandbox
    tree: Path
    root: str = ""

    def order(self, argv: tuple[str, ...], **more: Any) -> RoomOrder:
        """Order a command with the limits that are tried, in rooms of this root."""
        given: dict[str, Any] = {"limits": LIMITS} | more
        return RoomOrder(argv=argv, root=self.root, **given)

    def argv(self, script: str, *args: str) -> tuple[str, ...]:
        """Say how to run one of the scripts in `inside/`."""
        code = resources.files("agent.adapters").joinpath(f"inside/{script}.py").read_text()
        return (_PYTHON, "-I", "-S", "-c", code, *args)

    def worst(self, *args: str, collect: tuple[str, ...] = (), **limits: Any) -> RoomResult:
        """Run one of the functions of `worst.py` in a room of its own."""
        bounds = LIMITS.model_copy(update=limits)
        argv = self.argv("worst", *args)
        return self.sandbox.run(self.order(argv, collect=collect, limits=bounds))


Attempt = Callable[[Bench], list[Said]]
