"""`mergewright`, with every report of its checks written down: `recorded_run FILE run …`.

The command's result has counts; to hold outcomes test by test against a bare run takes the
reports themselves, which go to FILE as one JSON object per line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from agent import steps
from agent.cli import main
from agent.models.checks import CheckReport

T = TypeVar("T")


class Call(Protocol):
    """A step that is called."""

    def __call__(
        self, step: steps.Steps, name: str, work: Callable[..., T], /, *args: object
    ) -> T: ...


def recording(place: Path) -> Call:
    """Give what calling a step does, and that writes reports down in passing."""
    as_ever = steps.Steps.__call__

    def call(step: steps.Steps, name: str, work: Callable[..., T], /, *args: object) -> T:
        result = as_ever(step, name, work, *args)
        if isinstance(result, CheckReport):
            with place.open("a", encoding="utf-8") as file:
                file.write(result.model_dump_json() + "\n")
        return result

    return call


def read(place: Path) -> dict[str, CheckReport]:
    """Read what was written down, by side."""
    lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    reports = [CheckReport.model_validate_json(line) for line in lines]
    return {report.side: report for report in reports}


if __name__ == "__main__":
    steps.Steps.__call__ = recording(Path(sys.argv.pop(1)))  # type: ignore[method-assign]
    main.main()
