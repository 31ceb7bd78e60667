"""Keep what the checks of a run said, whole and as data, in the run's folder.

The texts for people are cut to the essential; these files hold every test and every finding.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from agent.errors import StorageFull
from agent.models.checks import CheckReport


def store_report(folder: Path, report: CheckReport) -> Path:
    """Write `checks-base.json` or `checks-head.json`, whole or not at all; may run twice.

    Raises:
        StorageFull: It could not be written.
    """
    goal = folder / f"checks-{report.side}.json"
    # In ASCII: somebody may show the file, and what was printed holds anything.
    write_private_file(goal, report.model_dump_json(indent=1, ensure_ascii=True))
    return goal


def write_private_file(place: Path, text: str) -> None:
    """Write a file that nobody else can read, whole or not at all, and its folder if need be.

    Raises:
        StorageFull: It could not be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=place.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise StorageFull(f"{place.parent} cannot be written: {problem.strerror}") from problem


def load_report(folder: Path, side: str) -> CheckReport:
    """Read what `keep` wrote."""
    return CheckReport.model_validate_json((folder / f"checks-{side}.json").read_bytes())
