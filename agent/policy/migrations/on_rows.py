"""Show the reviewer what new migrations do to a test database with rows. Pure.

They are applied in a sandbox (`agent.checks.django_state`). Their own code runs there, so silence
proves nothing: what is no plain operation is a finding of `operations` all the same.
"""

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import LintRun
from agent.policy.rule import Rule

ON_ROWS = Rule(
    id="migration-on-rows",
    demands="New migrations run on a test database with rows, keep these, and leave the columns"
    " that the models have.",
    severity=Severity.REVIEW,
)
_FIX = "Check what it does to production data."


def find_problems(trial: LintRun) -> Iterator[Finding]:
    if trial.reason:
        yield ON_ROWS.make_finding("", f"New migrations were not tried: {trial.reason}", _FIX)
    for item in trial.items:
        yield ON_ROWS.make_finding(item.place, item.text.replace("\n", " "), _FIX, 1)
