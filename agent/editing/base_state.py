"""What a model is told of the base: how each check is run, how it ended, and which versions count.

Made of the report on the base commit, of the environment, and of what the project declares.
"""

from __future__ import annotations

import shlex

from packaging.utils import canonicalize_name

from agent import worktree
from agent.checks import check
from agent.domain import CheckItem, CheckReport, CheckResult, Prepared, Status
from agent.editing.called import Opening
from agent.environments import rooms
from agent.services import Services
from repo_config import dependencies
from repo_config.project_files import Files
from repo_config.tree import Below

_FAILING = ("failed", "error")
_MOST_NAMED = 8
_MOST_REASON = 300
_MOST_WHY = 120
_MOST_VERSIONS = 20


def describe(before: CheckReport, prepared: Prepared, svc: Services) -> Opening:
    """Say how the checks are run, what passes, what fails and what cannot be measured; foreign."""
    results = before.results
    commands = [
        f"{one.name}: {shlex.join(_command(one, prepared))}"
        for one in results
        if one.command and one.status is not Status.ABSENT
    ]
    passing = [_counted(one) for one in results if one.status is Status.PASSED]
    failing = [_failed(one) for one in results if one.status is Status.FAILED]
    unknown = [
        f"{one.name} ({' '.join(one.reason.split())[:_MOST_REASON]})"
        for one in results
        if one.status in (Status.UNVERIFIED, Status.UNMEASURABLE)
    ]
    versions = (f"python=={prepared.environment.python}", *_versions(prepared, svc))
    lines = [
        f"Versions: {', '.join(versions)}",
        f"Not installed: {'; '.join(left)}" if (left := prepared.environment.left_out) else "",
        f"Passes: {', '.join(passing)}" if passing else "",
        f"Fails already: {'; '.join(failing)}" if failing else "",
        f"Cannot be measured: {'; '.join(unknown)}" if unknown else "",
        *commands,
    ]
    return Opening(text="\n".join(filter(None, lines)))


def _versions(prepared: Prepared, svc: Services) -> list[str]:
    """Return what the project declares as it is installed, what it runs with first."""
    tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    files = Files(Below(tree, prepared.contract.config.folder))
    asked = sorted(dependencies.declared(files), key=lambda one: not one.runtime)
    installed = {
        str(canonicalize_name(package.partition("==")[0])): package
        for package in prepared.environment.packages
    }
    found = dict.fromkeys(installed[one.name] for one in asked if one.name in installed)
    return list(found)[:_MOST_VERSIONS]


def _command(result: CheckResult, prepared: Prepared) -> tuple[str, ...]:
    """The command as it is typed in the sandbox.

    A mypy of ours is told where packages are, and tests keep their database.
    """
    named = {entry.partition("==")[0].lower() for entry in prepared.environment.packages}
    words = result.command
    if result.name == check.TESTS and any(
        one.name == "postgres" for one in prepared.environment.services
    ):
        # The server runs as long as the sandbox is open, so what is made once can stay.
        if "pytest-django" in named:
            return (*words, "--reuse-db")
        return (*words, "--keepdb") if "test" in words else words
    if result.name != "mypy" or "mypy" in named:
        return words
    at = words.index("mypy") + 1
    return (*words[:at], "--python-executable", rooms.PYTHON, *words[at:])


def _counted(result: CheckResult) -> str:
    tests = result.count("passed")
    return f"{result.name} ({tests:,} tests)" if tests else result.name


def _failed(result: CheckResult) -> str:
    found = list(
        dict.fromkeys(
            f"{item.item_id}{_why(item)}"
            for item in result.items
            if item.outcome in (*_FAILING, "finding")
        )
    )
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    named = f"{', '.join(found[:_MOST_NAMED])}{more}" if found else result.reason[:_MOST_REASON]
    return f"{result.name}: {named}"


def _why(item: CheckItem) -> str:
    """Return the last line of what a test says went wrong; a finding says it by its name."""
    line = item.text.strip().rpartition("\n")[2] if item.outcome in _FAILING else ""
    return f": {line[:_MOST_WHY]}" if line else ""
