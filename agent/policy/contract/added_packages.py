"""Hold what a change installs against the packages that have it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import AddedPackages
from agent.policy.rule import Rule
from agent.text.sanitise import list_some

ALTERED = Rule(
    id="environment-altered",
    demands="What a change installs comes from packages, as these have it.",
    severity=Severity.REVIEW,
)
UNASKED = Rule(
    id="package-unasked",
    demands="What the set-up of a change installs is declared, or needed by what is.",
    severity=Severity.REVIEW,
)
OF_PACKAGES = (ALTERED, UNASKED)
_MOST_LISTED = 5


def find_package_problems(added: AddedPackages) -> Iterator[Finding]:
    if added.altered:
        named = list_some(added.altered, _MOST_LISTED)
        message = f"set-up of the change writes into the environment: {named}"
        yield ALTERED.make_finding("", message, "See what its build does, and why.")
    if added.unasked:
        named = list_some(added.unasked, _MOST_LISTED)
        message = f"set-up of the change installs what no file declares: {named}"
        yield UNASKED.make_finding(
            "", message, "Find what brings it, and declare it or do without."
        )
