"""`mergewright`, with every report of its checks written down: `recorded_run FILE run …`.

The command's result has counts; to hold outcomes test by test against a bare run takes the
reports themselves, which go to FILE as one JSON object per line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent import worker
from agent.cli import main
from agent.domain import CheckReport

T = TypeVar("T")
_PLACE = Path(sys.argv.pop(1))


class _RecordedStep(worker.DirectStep):
    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
        result = super().__call__(name, work, *args)
        if isinstance(result, CheckReport):
            with _PLACE.open("a", encoding="utf-8") as file:
                file.write(result.model_dump_json() + "\n")
        return result


if __name__ == "__main__":
    worker.DirectStep = _RecordedStep  # type: ignore[misc]
    main.main()
