"""Five facts by which a maintainer sees whether changes here can be checked at all."""

from __future__ import annotations

from agent.environments.locks import kinds
from agent.onboarding.facts import Evidence, Fact, places
from repo_config import python_versions, workflows

_NONE = "none found"


def list_facts(evidence: Evidence) -> tuple[Fact, ...]:
    """List tests, type checker, Python, dependencies and CI, each with where it was found."""
    return (
        _find_tests(evidence),
        _find_type_checker(evidence),
        _find_python(evidence),
        _find_dependencies(evidence),
        _find_ci(evidence),
    )


def _find_tests(evidence: Evidence) -> Fact:
    runner, files = evidence.project.test_runner, evidence.survey.tests
    if runner is None:
        return Fact(key="tests", value=_NONE, why="no test can check a change")
    value = f"{runner}; test files: {len(files)}"
    return Fact(key="tests", value=value, why=evidence.project.origins.get("test_runner", ""))


def _find_type_checker(evidence: Evidence) -> Fact:
    value = ", ".join(evidence.project.type_tools) or _NONE
    return Fact(key="type checker", value=value, why=evidence.project.origins.get("type_tools", ""))


def _find_python(evidence: Evidence) -> Fact:
    found = python_versions.read_version_file(evidence.files) or python_versions.find_lowest(
        evidence.files
    )
    if found is None:
        return Fact(key="Python", value="not declared", why="runs take one that is installed")
    return Fact(key="Python", value=found.value, why=found.origin)


def _find_dependencies(evidence: Evidence) -> Fact:
    locks = [
        path
        for path in kinds.PATHS
        if evidence.files.has_file(path) or evidence.whole.has_file(path)
    ]
    origins = list(dict.fromkeys(one.origin for one in evidence.declared))
    value = "locked" if locks else "declared without a lock file" if origins else "not declared"
    return Fact(key="dependencies", value=value, why=places(locks or origins))


def _find_ci(evidence: Evidence) -> Fact:
    found = workflows.find_paths(evidence.whole)
    value = f"GitHub workflows: {len(found)}" if found else _NONE
    return Fact(key="CI", value=value, why=places(found))
