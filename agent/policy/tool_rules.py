"""Rules whose findings tools make in a sandbox; here is what they demand and weigh.

What a tool reports is compared between base and head like any check; what is new becomes a
finding of the rule of that check. Which tool it is and how it is run is left to `agent.checks`.
"""

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import CheckItem, split_place
from agent.policy import application, ruff_rules, test_changes
from agent.policy.contract import added_packages, fastapi_auth, handlers
from agent.policy.migrations import on_rows, operations
from agent.policy.rule import Rule

OTHER_SETTINGS = Rule(
    id="other-settings",
    demands="Findings that appear only with the base branch's settings need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)

RULES: tuple[Rule, ...] = (
    *ruff_rules.RULES,
    OTHER_SETTINGS,
    *handlers.OF_HANDLERS,
    *fastapi_auth.OF_ENDPOINTS,
    *application.OF_APPLICATIONS,
    *test_changes.OF_TESTS,
    *added_packages.OF_PACKAGES,
    on_rows.ON_ROWS,
    operations.DESTRUCTIVE,
)


def find_problems(items: tuple[CheckItem, ...]) -> Iterator[Finding]:
    """Make findings of what a tool reports by the settings of base alone.

    Args:
        items: New with the change; the place of each is `path:line`, where there is one.
    """
    for item in items:
        path, line = split_place(item.place)
        said = (item.item_id.partition(": ")[2] or item.text).rstrip(".")
        message = f"has a finding under the base branch's settings: {said}"
        fix = "Check that the settings should change."
        yield OTHER_SETTINGS.make_finding(path, message, fix, line)
