"""Allow a change only the packages that a project has chosen: a new one is a person's decision.

That a package exists is proved by the environment, which is built from these files.
"""

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import AddedPackages
from agent.models.record import replace
from agent.policy import requirements
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from agent.text.sanitise import list_some
from repo_config import dependencies
from repo_config.dependencies import Dependency
from repo_config.index_hosts import list_index_hosts

NEW_DEPENDENCY = Rule(
    "new-dependency", "New dependencies need review.", Severity.REVIEW, may_be_asked=True
)
FORBIDDEN_DEPENDENCY = Rule(
    "forbidden-dependency",
    "No new dependencies where `scope.new_dependencies` is forbid.",
    Severity.BLOCK,
)
SOURCE = Rule(
    "dependency-source", "Declared dependencies come from the package index.", Severity.REVIEW
)
RULES = (NEW_DEPENDENCY, FORBIDDEN_DEPENDENCY, SOURCE)
ALTERED = Rule(
    "environment-altered", "Installed files match the packages they come from.", Severity.REVIEW
)
UNASKED = Rule(
    "package-unasked",
    "Every installed package is declared, or required by a declared one.",
    Severity.REVIEW,
)
_MOST_LISTED = 5


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    yield from _check_index_hosts(change_context)
    if not requirements.may_declare(change_context):
        return
    before, after = requirements.read_sides(change_context)
    had = dependencies.list_declared(before)
    sources = {(need.name, need.source) for need in had}
    # Extras may name the project itself: `app[test]`.
    known = {need.name for need in had}.union(dependencies.list_own_names(after)[:1])
    root = f"{change_context.project.root}/" if change_context.project.root else ""
    reported: set[tuple[str, str]] = set()
    for need in dependencies.list_declared(after):
        place = root + need.path, requirements.find_line(after, need.path, need.name)
        found = [] if need.name in known else [*_check_new(need, change_context, *place)]
        is_moved = need.name not in known or (need.name, "") in sources
        if need.source and is_moved and (need.name, need.source) not in sources:
            says = f"installs {need.name} from {need.source[:200]}, not from the package index"
            fix = "Use a released version, or check what is there and who can change it."
            found.append(SOURCE.make_finding(place[0], says, fix, place[1]))
        for finding in found:
            if (need.name, finding.rule) not in reported:
                reported.add((need.name, finding.rule))
                yield finding


def _check_index_hosts(change_context: ChangeContext) -> Iterator[Finding]:
    sides = change_context.tree, change_context.after
    had, has = (list_index_hosts(side, change_context.project.root) for side in sides)
    for host in sorted(has.keys() - had.keys()):
        says = f"names the package index host {host[:200]}, from which set-up may read once merged"
        yield SOURCE.make_finding(has[host], says, "Check who runs it and what is taken from it.")


def _check_new(
    one: Dependency, change_context: ChangeContext, path: str, line: int | None
) -> Iterator[Finding]:
    demand = change_context.config.scope.new_dependencies
    if demand == "forbid":
        message = f"declares {one.name}; scope.new_dependencies is forbid"
        fix = "Do without it, or have someone declare it first."
        yield FORBIDDEN_DEPENDENCY.make_finding(path, message, fix, line)
    elif demand == "ask":
        message = f"adds the dependency {one.name}"
        fix = "Check its maintainer, its licence, and whether the project wants it."
        finding = NEW_DEPENDENCY.make_finding(path, message, fix, line)
        yield replace(finding, subject=one.name)


def find_package_problems(added: AddedPackages) -> Iterator[Finding]:
    """Check that packages which a change installs are what it names."""
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
