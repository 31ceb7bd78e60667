"""Check a configuration that a model proposes: it may set fewer keys than a repository's."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.errors import RequestRefused
from agent.git import worktree
from agent.models.change import Finding, Severity
from agent.models.checks import TestRun
from agent.models.environment import LEFT_OUT, Contract, OpenedRepository, Prepared
from agent.models.record import replace
from agent.setup import obstacles, proposal
from agent.text import sanitise
from repo_config import command_lines, detect, load, rule_files, test_files

SET_UP = "set-up"
"""Stands for a rule's id in findings with set-up lines that a model found."""
_MOST_LISTED = 10
_NAME = "proposed.yml"
#: Keys that a model may set.
_KEYS = (
    "version.", "root.", "python.", "setup.", "env.", "services.", "django.manage.",
    "django.settings.", "checks.tests.",
)  # fmt: skip
#: Variables that change how programs start or how tests are judged.
_STEERING = re.compile(
    r"(?:PYTEST|LD|COVERAGE|GIT)_.*|PYTHON(?!PATH$|UTF8$|DEVMODE$|WARNINGS$).*|PATH|HOME|BASH_ENV"
)


def read_lines(
    text: str, base: OpenedRepository, folder: Path, origin: str = "a model found"
) -> Contract:
    """Read proposed lines, which override the repository's own configuration.

    Args:
        origin: Their source, for people.

    Raises:
        RequestRefused: They are no valid configuration, or set keys that a model may not set.
    """
    tree, contract = worktree.open_tree(base.checkout, folder), base.contract
    try:
        asked = load.from_text(text, _NAME).model_dump(mode="json", exclude_unset=True)
        unset = [name for name in asked.get("env", {}) if _STEERING.fullmatch(name)]
        for name in unset:
            del asked["env"][name]
        if refusals := "\n".join(_find_refusals(asked)):
            raise RequestRefused(refusals)
        values = contract.config.model_dump(mode="json", exclude_defaults=True)
        config = load.from_text(json.dumps(proposal.override(values, asked)), _NAME, tree)
    except load.ConfigProblem as problem:
        raise RequestRefused(str(problem)) from problem
    # One finding for each line, since texts for people are cut if they are long.
    messages = [
        (SET_UP, f"The tests run with set-up that {origin}: {line}.")
        for line in map(obstacles.quote_as_code, _list_lines(asked))
    ]
    messages += [
        (LEFT_OUT, f"env.{name} is not set: it changes how programs start.") for name in unset
    ]
    findings = [
        Finding(
            rule=rule,
            severity=Severity.INFO,
            path=contract.source or load.OWN_FILES[0],
            message=message,
            fix="Check it, and add it to the configuration.",
            asks_author=False,
        )
        for rule, message in messages
    ]
    project = detect.detect_project(tree, config)
    return Contract(config=config, project=project, source=contract.source, scouted=tuple(findings))


def _find_refusals(asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield reasons against values that only a repository's own configuration may have."""
    values: dict[str, Any] = dict(proposal.flatten_values(asked))
    if others := [key for key in values if not f"{key}.".startswith(_KEYS)]:
        yield f"{', '.join(others)}: only {', '.join(_KEYS)} may be set"
    tests = values.get("checks.tests", "auto")
    suites = command_lines.read_suites(tests) if tests != "auto" else ()
    if any(suite.runner == "command" for suite in suites):
        yield "checks.tests: must call pytest, manage.py test or a script"
    for line in _list_lines(asked):
        # Reviewers must see the whole line in the pull request.
        if len(line) > obstacles.LONGEST:
            yield f"`{line[:40]}…` has more than {obstacles.LONGEST} characters: shorten it"


def _list_lines(asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield each key as a line; of a long value, each entry as a line of its own."""
    for key, value in asked.items():
        whole = [proposal.write_pair(key, value)]
        if isinstance(value, list | dict) and len(whole[0]) > obstacles.LONGEST:
            pairs = value.items() if isinstance(value, dict) else ()
            parts: list[Any] = [{name: entry} for name, entry in pairs]
            parts = parts or [[entry] for entry in value]
            whole = [proposal.write_pair(key, part) for part in parts]
        yield from whole


def name_left_out(
    base: OpenedRepository, prepared: Prepared, tests: TestRun, folder: Path
) -> Contract:
    """Add a finding with the test files of which no test ran.

    Raises:
        RequestRefused: Its set-up writes tests, or files that configure checks.
    """
    contract = prepared.contract
    is_configured = contract.config.setup == base.contract.config.setup
    if not is_configured and (planted := sorted(_find_planted(prepared))):
        named = sanitise.list_some(planted, _MOST_LISTED)
        raise RequestRefused(
            f"set-up may not write tests or files that configure the checks: {named}"
        )
    left, _ = obstacles.find_missing_modules(tests, worktree.open_tree(prepared.checkout, folder))
    if not (left and contract.scouted):
        return contract
    message = (
        "Test files of which no test ran on the base branch (CI may have a server or variable that"
        f" is missing here): {sanitise.list_some(left, _MOST_LISTED)}."
    )
    finding = replace(contract.scouted[0], rule=LEFT_OUT, path="", message=message, fix="")
    return replace(contract, scouted=(*contract.scouted, finding))


def _find_planted(prepared: Prepared) -> Iterator[str]:
    """Yield files that set-up has created and that are tests or configure checks."""
    contract, environment = prepared.contract, prepared.environment
    for layer in environment.layers:
        tops = {f"bulk/{number}": below for number, below in enumerate(layer.bulk)}
        for top, below in {"tree": "", "home": "~", **tops}.items():
            for folder, folders, names in os.walk(Path(layer.folder, top)):
                # package.json determines what is in node_modules, and runners find no test there.
                folders[:] = [name for name in folders if name != "node_modules"]
                inner = Path(below, Path(folder).relative_to(Path(layer.folder, top)))
                for path in (str(inner / name) for name in names):
                    is_rule = rule_files.explain_file(path, contract.project)
                    # A set-up may create data for tests, such as compiled messages.
                    is_test = path.endswith(".py") and test_files.is_test(path)
                    if (is_rule or is_test) and not rule_files.is_setting(path, contract.project):
                        yield path
