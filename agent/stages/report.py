"""Report: describe how the checks of a base commit ended, for a run without a ticket."""

from agent.desk import Desk
from agent.editing import base_report
from agent.editing.preparation import MeasuredBase
from agent.models.checks import TESTS, Status
from agent.models.environment import OpenedRepository
from agent.models.outcome import Outcome, RunFiles
from agent.models.record import replace
from agent.models.run import Reason
from agent.text.check_summary import format_count


def report_base(base: OpenedRepository, measured: MeasuredBase, desk: Desk) -> Outcome:
    """Describe the base; without tests the run ends with a reason, since no ticket could pass."""
    prepared, tests = measured.prepared, measured.baseline.result(TESTS)
    report = base_report.describe_base(prepared, measured.baseline, base.contract, desk)
    ran = report.checks
    red = [check.name for check in ran if check.result is not Status.PASSED]
    branch = f" ({report.branch})" if report.branch else ""
    reason = Reason.CHECKED
    sentence = f"{format_count(len(ran), 'check')} ran on {report.commit[:12]}{branch}"
    sentence += f"; not passed: {', '.join(red)}." if red else "; all passed." if ran else "."
    if tests and tests.status is Status.ABSENT and prepared.contract.config.checks.tests != "off":
        has_python = any(path.endswith(".py") for path in desk.open_base(prepared).paths())
        reason = Reason.NO_TESTS if has_python else Reason.UNFIT
        sentence += f" No ticket can be verified: {tests.reason}."
    outcome = Outcome.for_stopped_run(base.run.run_id, reason, sentence)
    files = RunFiles(text="", log=desk.log_place(base.run))
    return replace(outcome, base=report, files=files)
