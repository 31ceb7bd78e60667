"""`mergewright`, with every report of its checks written down: `recorded_run FILE run …`.

The command's result has counts; to hold outcomes test by test against a bare run takes the
reports themselves, which go to FILE as one JSON object per line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent import steps
from agent.cli import main
from agent.domain import CheckReport

T = TypeVar("T")


def recording(place: Path) -> type[steps.Steps]:
    """Give the step that works as ever and writes reports down in passing."""

    class RecordedSteps(steps.Steps):
        def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
            result = super().__call__(name, work, *args)
            if isinstance(result, CheckReport):
                with place.open("a", encoding="utf-8") as file:
                    file.write(result.model_dump_json() + "\n")
            return result

    return RecordedSteps


def read(place: Path) -> dict[str, CheckReport]:
    """Read what was written down, by side."""
    lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    reports = [CheckReport.model_validate_json(line) for line in lines]
    return {report.side: report for report in reports}


if __name__ == "__main__":
    steps.Steps = recording(Path(sys.argv.pop(1)))  # type: ignore[misc]
    main.main()
