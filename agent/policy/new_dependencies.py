"""Compare the packages that a project declares before a change and after it.

Only files are read. Whether a package exists is seen when the environment is built from them.
"""

import posixpath
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import AddedPackages
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from agent.text.sanitise import list_some
from repo_config.compiled_requirements import list_compiled
from repo_config.dependencies import LOCAL, Dependency, list_own_names
from repo_config.index_hosts import list_index_hosts
from repo_config.project_files import ProjectFiles
from repo_config.tree import FolderTree

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

#: Locks, constraints and settings of resolvers, which decide about versions.
_VERSIONS = re.compile(
    r"(?:^|/)(?:[^/]+\.lock|pylock[^/]*\.toml|[^/]*constraints[^/]*\.txt|uv\.toml|pip\.(?:conf|ini))$"
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    yield from _check_index_hosts(change_context)
    had, has = change_context.declared
    _, after = change_context.files
    sources = {(need.name, need.source) for need in had}
    # Extras may name the project itself, as in `app[test]`.
    names = {need.name for need in had}.union(list_own_names(after)[:1])
    demand, root = change_context.config.scope.new_dependencies, change_context.project.root
    # Compiled requirements are locks: their sources declare the dependencies.
    compiled = {file.path for file in list_compiled(FolderTree(change_context.tree, root))}
    findings: dict[tuple[str, Rule], Finding] = {}

    def add(rule: Rule, need: Dependency, text: str, fix: str, **more: str) -> None:
        line = _find_line(after, need.path, need.name)
        finding = rule.make_finding(posixpath.join(root, need.path), text, fix, line, **more)
        findings.setdefault((need.name, rule), finding)

    for need in has:
        is_new = need.name not in names
        if is_new and demand == "forbid":
            text = f"declares {need.name}; scope.new_dependencies is forbid"
            fix = "Do without it, or have someone declare it first."
            add(FORBIDDEN_DEPENDENCY, need, text, fix)
        elif is_new and demand == "ask" and need.path not in compiled:
            fix = "Check its maintainer, its licence, and whether the project wants it."
            add(NEW_DEPENDENCY, need, f"adds the dependency {need.name}", fix, subject=need.name)
        is_moved = is_new or (need.name, "") in sources
        if need.source and is_moved and (need.name, need.source) not in sources:
            text = f"installs {need.name} from {need.source[:200]}, not from the package index"
            fix = "Use a released version, or check what is there and who can change it."
            add(SOURCE, need, text, fix)
    yield from findings.values()


def _check_index_hosts(change_context: ChangeContext) -> Iterator[Finding]:
    sides = change_context.tree, change_context.after
    had, has = (list_index_hosts(side, change_context.project.root) for side in sides)
    for host in sorted(has.keys() - had.keys()):
        text = f"names the package index host {host[:200]}, from which set-up may read once merged"
        yield SOURCE.make_finding(has[host], text, "Check who runs it and what is taken from it.")


def find_package_problems(added: AddedPackages) -> Iterator[Finding]:
    """Yield findings for installed packages that were altered, or that nobody has declared."""
    if added.altered:
        text = f"the change's set-up modifies installed files: {list_some(added.altered, 5)}"
        yield ALTERED.make_finding("", text, "Find out what its build does, and why.")
    if added.unasked:
        text = f"the change's set-up installs undeclared packages: {list_some(added.unasked, 5)}"
        yield UNASKED.make_finding("", text, "Find out what installs it. Declare it or remove it.")


def has_changed(change_context: ChangeContext) -> bool:
    """Whether the change declares other packages, or other versions of them, than the base."""
    main = posixpath.join(change_context.project.root, "pyproject.toml")
    before, after = change_context.declared
    return {*before} != {*after} or any(
        _VERSIONS.search(path)
        # It is of another project in the repository, which this one may install.
        or (path != main and posixpath.basename(path) == "pyproject.toml")
        for path in change_context.change.paths
    )


def list_new_requirements(change_context: ChangeContext) -> tuple[str, ...]:
    """Return the requirements that the change adds or edits, if they come from the index."""
    had, has = change_context.declared
    names = list_own_names(change_context.files[1])[:1]
    new = (need for need in has if need not in had and need.name not in names)
    of_index = (need for need in new if not need.source and need.version != LOCAL)
    return tuple(
        sorted(
            {f"{need.name}{need.version}{need.marker and f' ; {need.marker}'}" for need in of_index}
        )
    )


def _find_line(files: ProjectFiles, path: str, name: str) -> int | None:
    """Return the 1-based line of a file that names a package, in any spelling; None: no line."""
    written = "[-_.]+".join(re.escape(part) for part in name.split("-"))
    word = re.compile(rf"(?<![\w.-]){written}(?![\w-])", re.IGNORECASE)
    lines = enumerate(files.text(path).splitlines(), 1)
    return next((number for number, line in lines if word.search(line)), None)
