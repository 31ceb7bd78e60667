"""Name every changed file that decides about the checks themselves.

A ticket may ask for such a change; the reviewer sees it first, since a green result means less.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from repo_config import lock_files, rule_files
from repo_config.detect import Project

GATE_FILES = Rule(
    id="gate-files",
    demands="A change to files that configure the checks needs review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="conftest.py is edited",
    good="tests/test_orders.py is edited",
    may_be_asked=True,
)
RULES = (GATE_FILES,)

#: Besides what the checks here are run with: what else installs, checks, reviews or hides.
_BY_NAME = {
    "noxfile.py": "it configures the tests",
    "setup.py": "it is run to install the project",
    ".gitattributes": "it decides how files are checked out and shown in a diff",
    "codeowners": "it decides who must review",
    "makefile": "it starts the checks",
    ".gitlab-ci.yml": "it is CI",
    ".travis.yml": "it is CI",
    "azure-pipelines.yml": "it is CI",
    "jenkinsfile": "it is CI",
    ".pre-commit-config.yaml": "it configures checks",
} | dict.fromkeys(
    (".pylintrc", "pylintrc"),
    "it configures the checks",
)
_DEPENDENCIES = re.compile(
    r"(?:.*requirements.*|constraints.*)\.(?:txt|in)|pipfile|environment\.ya?ml|\.python-version"
)
_INSTALLS = "it decides what is installed for the checks"
_CI_FOLDERS = (".github/", ".circleci/", ".buildkite/", ".gitlab/", ".ci/")


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file in change_context.change.files:
        for reason in list_reasons(file, change_context.project):
            yield GATE_FILES.make_finding(
                file.path,
                f"is touched, and {reason}",
                "Read this part first: it bears on what the checks prove.",
            )


def list_reasons(file: ChangedFile, project: Project) -> list[str]:
    """Say why a changed file decides about the checks; nothing where it does not."""
    if rule_files.has_tables(file.path):
        return list(_name_tables(file))
    reason = _find_reason(file.path, project)
    return [reason] if reason else []


def _find_reason(path: str, project: Project) -> str | None:
    lowered = path.lower()
    name = posixpath.basename(lowered)
    if (
        lock_files.is_lock(path)
        or _DEPENDENCIES.fullmatch(name)
        or "/requirements/" in f"/{lowered}"
    ):
        return _INSTALLS
    if name.endswith(".pyi"):
        return "type checkers read it in place of the code"
    if name not in _BY_NAME and lowered.startswith(_CI_FOLDERS):
        return "it belongs to CI"
    return _BY_NAME.get(name) or rule_files.explain_file(path, project)


def _name_tables(file: ChangedFile) -> Iterator[str]:
    """Name the tables that differ in what a tool or the build reads."""
    found = rule_files.list_read_by_tools(file.path, file.before, file.after)
    if found is None:
        yield "it configures the checks and does not parse on one side"
    for name, old, new in found or ():
        yield f"[{name}] configures a tool: {_name_keys(old, new)}"


def _name_keys(old: object, new: object, start: str = "") -> str:
    """Name the keys of two tables that differ."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        tables = [one for one in (old, new) if isinstance(one, dict)]
        return ", ".join(tables[0]) if tables and not start else start
    names = [name for name in (old | new) if old.get(name) != new.get(name)]
    return ", ".join(
        _name_keys(old.get(name), new.get(name), f"{start}.{name}".strip(".")) for name in names
    )
