"""What a model is told of the base: how checks are run, how they ended, which versions count."""

from __future__ import annotations

import shlex

from packaging.utils import canonicalize_name

from agent.checks.check import TESTS
from agent.editing.run_context import RunContext
from agent.editing.turn_records import OpeningMessage
from agent.environments import sandbox_requests
from agent.git import worktree
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.environment import Prepared
from agent.text.sanitise import list_some
from repo_config import dependencies
from repo_config.project_files import Files
from repo_config.tree import Below

_MOST_NAMED = 8
_MOST_REASON = 300
_MOST_WHY = 120
_MOST_VERSIONS = 20


def describe_base(run_context: RunContext) -> OpeningMessage:
    """Say how the checks are run, what passes, what fails and what cannot be measured; foreign."""
    prepared, results = run_context.prepared, run_context.baseline.results
    failing = [_describe_failed(one) for one in results if one.status is Status.FAILED]
    unknown = [
        f"{one.name} ({' '.join(one.reason.split())[:_MOST_REASON]})"
        for one in results
        if one.status in (Status.UNVERIFIED, Status.UNMEASURABLE)
    ]
    facts = {
        "Versions": [f"python=={prepared.environment.python}", *_list_versions(run_context)],
        "Not installed": prepared.environment.left_out,
        "Passes": [_count_outcomes(one) for one in results if one.status is Status.PASSED],
        "Fails already": failing,
        "Cannot be measured": unknown,
    }
    lines = [
        f"{name}: {(', ' if name in ('Versions', 'Passes') else '; ').join(found)}"
        for name, found in facts.items()
        if found
    ]
    lines += [
        f"{one.name}: {shlex.join(_command(one, prepared))}"
        for one in results
        if one.command and one.status is not Status.ABSENT
    ]
    return OpeningMessage(text="\n".join(lines))


def _list_versions(run_context: RunContext) -> list[str]:
    """Return what the project declares as it is installed, what it runs with first."""
    tree = worktree.open_tree(
        run_context.base.checkout, run_context.svc.base_folder(run_context.base.run)
    )
    files = Files(Below(tree, run_context.base.contract.config.folder))
    declared = sorted(dependencies.list_declared(files), key=lambda one: not one.runtime)
    installed = {
        str(canonicalize_name(package.partition("==")[0])): package
        for package in run_context.prepared.environment.packages
    }
    found = dict.fromkeys(installed[one.name] for one in declared if one.name in installed)
    return list(found)[:_MOST_VERSIONS]


def _command(result: CheckResult, prepared: Prepared) -> tuple[str, ...]:
    """The command as it is typed in the sandbox.

    A mypy of ours is told where packages are, and tests keep their database.
    """
    environment, words = prepared.environment, result.command
    installed = {entry.partition("==")[0].lower() for entry in environment.packages}
    if result.name == "mypy" and "mypy" not in installed:
        at = words.index("mypy") + 1
        return (*words[:at], "--python-executable", sandbox_requests.PYTHON, *words[at:])
    if result.name == TESTS and any(one.name == "postgres" for one in environment.services):
        # The server lives as long as the sandbox, and with it what its first tests make.
        if "pytest" in words:
            return (*words, "--reuse-db") if "pytest-django" in installed else words
        return (*words, "--keepdb") if "test" in words else words
    return words


def _count_outcomes(result: CheckResult) -> str:
    tests = result.count("passed")
    return f"{result.name} ({tests:,} tests)" if tests else result.name


def _describe_failed(result: CheckResult) -> str:
    bad = ("failed", "error", "finding")
    found = dict.fromkeys(_describe_item(one) for one in result.items if one.outcome in bad)
    named = list_some(found, _MOST_NAMED) or result.reason[:_MOST_REASON]
    return f"{result.name}: {named}"


def _describe_item(item: CheckItem) -> str:
    """Name a test with the last line of what went wrong; a finding says it by its name."""
    why = item.text.strip().rpartition("\n")[2] if item.outcome != "finding" else ""
    return f"{item.item_id}: {why[:_MOST_WHY]}" if why else item.item_id
