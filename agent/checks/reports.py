"""Store the results of checks on base commits for later runs."""

import hashlib
from contextlib import suppress
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from agent.checks import check
from agent.models.checks import TESTS, CheckReport, Status
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.settings import Settings
from agent.telemetry.private_files import write_private_file

#: Fields of an environment that its key does not cover.
_TOOLS = {"services", "gate_path", "tools"}


def locate_baseline(prepared: Prepared, settings: Settings) -> Path:
    """Return the file for the results of a base commit, named by a digest of all their inputs."""
    inputs = (
        prepared.checkout.commit,
        prepared.checkout.repository,
        prepared.environment.key,
        prepared.environment.model_dump_json(include=_TOOLS),
        prepared.contract.config.model_dump_json(),
        prepared.contract.project.model_dump_json(exclude={"unrun"}),
        check.get_granted_limits(settings).model_dump_json(),
        _compute_digest(),
    )
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    return settings.home / "baselines" / f"{key}.json"


def load_baseline(stored: Path) -> CheckReport | None:
    """Read stored results; None: there are none, or they are damaged."""
    with suppress(OSError, ValidationError):
        return CheckReport.model_validate_json(stored.read_bytes())
    return None


def refresh_tests(before: CheckReport, prepared: Prepared, settings: Settings) -> CheckReport:
    """Return base's report with the results of its tests that are stored now, if there are any."""
    stored = load_baseline(locate_baseline(prepared, settings))
    tests = stored.result(TESTS) if stored else None
    results = (tests if tests and run.name == TESTS else run for run in before.results)
    return replace(before, results=tuple(results))


def is_older(prepared: Prepared, settings: Settings) -> bool:
    """Whether the stored results are of an earlier run."""
    with suppress(OSError):
        return locate_baseline(prepared, settings).stat().st_mtime < prepared.run.started
    return False


def store_baseline(stored: Path, report: CheckReport) -> None:
    """Store results, unless one of them is unverified or was ended by a limit."""
    if all(
        result.status is Status.ABSENT
        or (result.status is not Status.UNVERIFIED and result.exit_code is not None)
        for result in report.results
    ):
        write_private_file(stored, report.model_dump_json())


def _compute_digest() -> str:
    """Return a digest of the code that runs and reads checks."""
    folder, total = Path(str(resources.files("agent.checks"))), hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()
