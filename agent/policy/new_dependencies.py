"""Allow a change only the packages that a project has chosen: a new one is a person's decision.

That a package exists is proved by the environment, which is built from these files.
"""

import posixpath
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import AddedPackages
from agent.policy import requirements
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from agent.text.sanitise import list_some
from repo_config.dependencies import Dependency, list_own_names
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


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    yield from _check_index_hosts(change_context)
    had, has = change_context.declared
    _, after = change_context.files
    sources = {(need.name, need.source) for need in had}
    # Extras may name the project itself: `app[test]`.
    names = {need.name for need in had}.union(list_own_names(after)[:1])
    demand, root = change_context.config.scope.new_dependencies, change_context.project.root
    findings: dict[tuple[str, Rule], Finding] = {}

    def add(rule: Rule, need: Dependency, says: str, fix: str, **more: str) -> None:
        line = requirements.find_line(after, need.path, need.name)
        finding = rule.make_finding(posixpath.join(root, need.path), says, fix, line, **more)
        findings.setdefault((need.name, rule), finding)

    for need in has:
        is_new = need.name not in names
        if is_new and demand == "forbid":
            says = f"declares {need.name}; scope.new_dependencies is forbid"
            add(
                FORBIDDEN_DEPENDENCY, need, says, "Do without it, or have someone declare it first."
            )
        elif is_new and demand == "ask":
            fix = "Check its maintainer, its licence, and whether the project wants it."
            add(NEW_DEPENDENCY, need, f"adds the dependency {need.name}", fix, subject=need.name)
        is_moved = is_new or (need.name, "") in sources
        if need.source and is_moved and (need.name, need.source) not in sources:
            says = f"installs {need.name} from {need.source[:200]}, not from the package index"
            fix = "Use a released version, or check what is there and who can change it."
            add(SOURCE, need, says, fix)
    yield from findings.values()


def _check_index_hosts(change_context: ChangeContext) -> Iterator[Finding]:
    sides = change_context.tree, change_context.after
    had, has = (list_index_hosts(side, change_context.project.root) for side in sides)
    for host in sorted(has.keys() - had.keys()):
        says = f"names the package index host {host[:200]}, from which set-up may read once merged"
        yield SOURCE.make_finding(has[host], says, "Check who runs it and what is taken from it.")


def find_package_problems(added: AddedPackages) -> Iterator[Finding]:
    """Check that packages which a change installs are what it names."""
    if added.altered:
        says = f"the change's set-up modifies installed files: {list_some(added.altered, 5)}"
        yield ALTERED.make_finding("", says, "Find out what its build does, and why.")
    if added.unasked:
        says = f"the change's set-up installs undeclared packages: {list_some(added.unasked, 5)}"
        yield UNASKED.make_finding("", says, "Find out what installs it. Declare it or remove it.")
