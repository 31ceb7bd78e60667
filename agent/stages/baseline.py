"""Baseline: the checks on the base commit, so that "already red" and "new" are told apart.

Kept in `home/baselines` by everything that decides about the result, so that a second run on the
same base does not measure again. A result that says nothing, or that a limit ended, is not kept:
the next run tries anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from agent import worktree
from agent.checks import check, measuring, reports
from agent.checks.check import Site
from agent.domain import CheckReport, CheckResult, Prepared, Status
from agent.errors import StorageFull
from agent.ports import FROM_EARLIER
from agent.services import Services


def measure(prepared: Prepared, svc: Services) -> CheckReport:
    """Measure the base commit, or take the stored measurement of it.

    Raises:
        StorageFull: The measurement could not be stored.
    """
    stored = svc.settings.home / "baselines" / f"{_key(prepared, svc)}.json"
    if report := _load(stored):
        svc.say(f"the checks of the base commit are {FROM_EARLIER}")
    else:
        report = _measured(prepared, svc)
        if all(_is_lasting(result) for result in report.results):
            _store(stored, report)
    reports.keep(svc.run_folder(prepared.run), report)
    return report


def _measured(prepared: Prepared, svc: Services) -> CheckReport:
    worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    site = Site(
        tree=svc.base_folder(prepared.run),
        environment=svc.environment(prepared),
        config=prepared.contract.config,
        project=prepared.contract.project,
        limits=check.granted(svc.settings),
    )
    results = measuring.measure(site, svc.sandbox, svc.say)
    return CheckReport(
        side="base",
        commit=prepared.checkout.commit,
        change_digest=None,
        results=tuple(
            result.model_copy(
                update={"unstable": measuring.unstable_ids(site, result, svc.sandbox, svc.say)}
            )
            if result.name == check.TESTS
            else result
            for result in results
        ),
    )


def _is_lasting(result: CheckResult) -> bool:
    ended_early = result.status is not Status.ABSENT and result.exit_code is None
    return result.status is not Status.UNVERIFIED and not ended_early


def _key(prepared: Prepared, svc: Services) -> str:
    """Digest of all that a measurement of the base commit depends on."""
    parts = (
        prepared.checkout.commit,
        prepared.environment.key,
        prepared.environment.model_dump_json(include={"services"}),
        prepared.contract.config.model_dump_json(),
        prepared.contract.project.model_dump_json(),
        check.granted(svc.settings).model_dump_json(),
        measuring.scripts_digest(),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _load(stored: Path) -> CheckReport | None:
    try:
        return CheckReport.model_validate_json(stored.read_bytes())
    except (OSError, ValidationError):
        # A damaged file is worth no more than none: it is measured again and replaced.
        return None


def _store(stored: Path, report: CheckReport) -> None:
    """Write the whole file or none."""
    try:
        stored.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=stored.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(report.model_dump_json().encode())
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(stored)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise StorageFull(f"{stored.parent} cannot be written: {problem.strerror}") from problem
