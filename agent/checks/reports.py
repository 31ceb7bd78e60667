"""Store the results of checks: in a run's folder, and those of base commits for later runs."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from agent.checks import check, measuring
from agent.models.checks import CheckReport, Status, TestReach
from agent.models.environment import Prepared
from agent.settings import Settings
from agent.telemetry.private_files import write_private_file

T = TypeVar("T")
#: Not covered by an environment's key: services, and tools of our own.
_TOOLS = {"services", "gate_path", "tools"}


# --- base commits ---------------------------------------------------------------------------------


def locate_baseline(prepared: Prepared, settings: Settings) -> Path:
    """Name the file for the measurement of a base commit."""
    return _locate(prepared.checkout.commit, prepared, settings)


def locate_processes(prepared: Prepared, settings: Settings) -> Path:
    """Name the file for how many processes share the tests in the same environment."""
    return _locate("processes", prepared, settings)


def locate_reach(prepared: Prepared, settings: Settings) -> Path:
    """Name the file for what each test of a base commit reaches."""
    return locate_baseline(prepared, settings).with_suffix(".reach")


def _locate(subject: str, prepared: Prepared, settings: Settings) -> Path:
    """Name a file by its subject, and by all else that decides about results."""
    parts = (
        subject,
        prepared.checkout.repository,
        prepared.environment.key,
        prepared.environment.model_dump_json(include=_TOOLS),
        prepared.contract.config.model_dump_json(),
        prepared.contract.project.model_dump_json(),
        check.get_granted_limits(settings).model_dump_json(),
        measuring.compute_digest(),
    )
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return settings.home / "baselines" / f"{key}.json"


def load_processes(prepared: Prepared, settings: Settings) -> int:
    """Read how many processes share the tests; 1: that was not tried, or did not do."""
    return _load(locate_processes(prepared, settings), int) or 1


def load_reach(prepared: Prepared, settings: Settings) -> TestReach | None:
    """Read what each test of the base commit reaches; None: that is not recorded."""
    return _load(locate_reach(prepared, settings), TestReach)


def load_baseline(stored: Path) -> CheckReport | None:
    """Read a measurement; a damaged one is measured again."""
    return _load(stored, CheckReport)


def _load(stored: Path, kind: type[T]) -> T | None:
    with suppress(OSError, ValidationError):
        return TypeAdapter(kind).validate_json(stored.read_bytes())
    return None


def store_baseline(stored: Path, report: CheckReport) -> None:
    """Store a measurement unless a result proves nothing, or was ended by a limit."""
    if all(
        result.status is Status.ABSENT
        or (result.status is not Status.UNVERIFIED and result.exit_code is not None)
        for result in report.results
    ):
        write_private_file(stored, report.model_dump_json())
