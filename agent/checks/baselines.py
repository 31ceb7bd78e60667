"""Keep measurements of base commits, by everything that decides about their results.

A result that says nothing, or that a limit ended, is not kept: the next run tries anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from agent.checks import check, measuring, reports
from agent.models.checks import CheckReport, CheckResult, Status
from agent.models.environment import Prepared
from agent.settings import Settings

#: What of an environment its key does not tell: servers, and tools of our own.
_TOOLS = {"services", "gate_path", "type_checker_path", "tools"}


def locate_baseline(prepared: Prepared, settings: Settings) -> Path:
    """Say where the measurement of a base commit is kept."""
    return settings.home / "baselines" / f"{_make_key(prepared, settings)}.json"


def load_baseline(stored: Path) -> CheckReport | None:
    """Read a measurement, if there is one."""
    try:
        return CheckReport.model_validate_json(stored.read_bytes())
    except (OSError, ValidationError):
        # A damaged file is worth no more than none: it is measured again and replaced.
        return None


def store_baseline(stored: Path, report: CheckReport) -> None:
    """Keep a measurement if it is worth it.

    Raises:
        StorageFull: It could not be written.
    """
    if all(_is_lasting(result) for result in report.results):
        reports.write_private_file(stored, report.model_dump_json())


def _is_lasting(result: CheckResult) -> bool:
    ended_early = result.status is not Status.ABSENT and result.exit_code is None
    return result.status is not Status.UNVERIFIED and not ended_early


def _make_key(prepared: Prepared, settings: Settings) -> str:
    """Digest of all that a measurement of the base commit depends on."""
    parts = (
        prepared.checkout.commit,
        prepared.environment.key,
        prepared.environment.model_dump_json(include=_TOOLS),
        prepared.contract.config.model_dump_json(),
        prepared.contract.project.model_dump_json(),
        check.get_granted_limits(settings).model_dump_json(),
        measuring.scripts_digest(),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
