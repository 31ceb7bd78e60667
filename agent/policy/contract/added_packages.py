"""Check that packages which a change installs exist and are what it names. Pure."""

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import AddedPackages
from agent.policy.rule import Rule
from agent.text.sanitise import list_some

ALTERED = Rule(
    id="environment-altered",
    demands="Installed files match the packages they come from.",
    severity=Severity.REVIEW,
)
UNASKED = Rule(
    id="package-unasked",
    demands="Every installed package is declared, or required by a declared one.",
    severity=Severity.REVIEW,
)
OF_PACKAGES = (ALTERED, UNASKED)
_MOST_LISTED = 5


def find_package_problems(added: AddedPackages) -> Iterator[Finding]:
    if added.altered:
        named = list_some(added.altered, _MOST_LISTED)
        message = f"the change's set-up modifies installed files: {named}"
        yield ALTERED.make_finding("", message, "Find out what its build does, and why.")
    if added.unasked:
        named = list_some(added.unasked, _MOST_LISTED)
        message = f"the change's set-up installs undeclared packages: {named}"
        yield UNASKED.make_finding(
            "", message, "Find out what installs it. Declare it or remove it."
        )
