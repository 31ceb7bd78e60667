"""The scout: where no test of base runs, a model looks for the configuration with which they do.

It has a sandbox of the base commit, of which nothing is kept. What it proposes is read as a
repository's own configuration is, and may say less; each proposal is built and measured by steps
of its own, as any other candidate.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from agent import cleaning, worktree
from agent.checks.check import TESTS
from agent.checks.suite import COLLECTION
from agent.contract import kept, written
from agent.domain import (
    Change,
    Checkout,
    CheckReport,
    Contract,
    Opened,
    Prepared,
    Record,
    Run,
)
from agent.editing import asking, forms, opening, prompting
from agent.editing.called import Opening
from agent.editing.job import Job, why
from agent.editing.loop import Conversation
from agent.editing.tools import Form, Tools
from agent.environments import obstacles
from agent.environments.obstacles import Obstacle
from agent.errors import ASKING_ENDS, CheckUnfinished, EnvironmentFailed
from agent.ports import Step
from agent.secret_names import says_secret
from agent.services import Services
from repo_config import detect, load, rule_files, test_files
from repo_config.tree import Tree

_MOST_TURNS = 30
_MOST_TRIES = 6
#: Of what the run may spend and how long it may take.
_SHARE = 0.25
_MOST_ANSWER = 4_000
_MOST_LISTED = 10
_MOST_WORDS = 300
_NAME = "proposed.yml"
SET_UP = "set-up"
"""Stands for a rule in the finding that no person has confirmed what was found."""
#: What a scout may set, whole or in part.
_KEYS = frozenset({
    "version", "root", "python", "setup", "env", "services", "django.manage", "django.settings",
    "checks.tests.runner", "checks.tests.script", "checks.tests.args",
})  # fmt: skip
#: By these, programs start another way or tests are judged another way.
_STEERING = re.compile(r"(?:PYTEST|LD|COVERAGE|GIT)_.*|PYTHON(?!PATH$|UTF8$).*|PATH|HOME|BASH_ENV")
_ADDRESS = re.compile(r"://(?:[^/\s'\"@]*@)?(?P<host>[^/\s'\":]*)")
_HERE = {"", "localhost", "127.0.0.1"}
#: What installs the packages that a manifest lists, and the manifests.
_INSTALLS = re.compile(r"(?:npm|pnpm|yarn) (?:ci|install)(?: --[a-z-]+)*")
_MANIFESTS = frozenset({
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml",
})  # fmt: skip

Attempt = Callable[[Contract, str], tuple[Prepared, CheckReport]]
"""Builds and measures a contract, by steps that have this in their names."""


class TryConfiguration(Record):
    """Lines of configuration with which the tests may run."""

    yaml: str


class GiveUp(Record):
    """Why no such lines help."""

    why: str


_FORMS: Mapping[str, Form] = {
    "try_configuration": ("Set base up with these lines, run its tests.", TryConfiguration),
    "decline": ("Say why no configuration helps.", GiveUp),
}


class Reading(Record):
    """What became of proposed lines: a contract with them, or why they are refused."""

    contract: Contract | None = None
    refusal: str = ""


class Scouted(NamedTuple):
    """What came of proposed lines, or of all of them."""

    found: tuple[Prepared, CheckReport] | None = None
    """With these, tests run."""
    why: str = ""
    """Why nothing was found."""


@dataclass(frozen=True)
class Trials:
    """Sets base up with proposed lines and measures it."""

    base: Opened
    step: Step
    svc: Services
    most: int
    """Tests that an earlier candidate has collected; with fewer, lines are refused."""
    attempt: Attempt

    def run(self, text: str, name: str) -> Scouted:
        """Try lines, by steps with this name."""
        base, step, svc = self.base, self.step, self.svc
        contract, run, commit = base.contract, base.run, base.checkout
        reading = step(f"read {name}", read, text, contract, run, commit, svc)
        if reading.contract is None:
            return Scouted(why=f"refused: {reading.refusal}")
        try:
            prepared, report = self.attempt(reading.contract, f" {name}")
        except (EnvironmentFailed, CheckUnfinished) as problem:
            return Scouted(why=problem.message)
        look = step(f"look at {name}", look_at, prepared, report, self.most, svc)
        if look.contract is None:
            return Scouted(why=f"refused: {look.refusal}")
        prepared = prepared.model_copy(update={"contract": look.contract})
        if not obstacles.is_measured(report.result(TESTS)):
            return Scouted(why=_describe(prepared, report))
        return Scouted((prepared, report))


def scout(job: Job, prepared: Prepared, obstacle: Obstacle, trials: Trials) -> Scouted:
    """Have a model look for lines with which base's tests run.

    Args:
        prepared: The base with an environment for the model's sandbox.
    """
    if job.svc.models is None or "editor" not in job.terms.roles:
        return Scouted()
    job.prepared = prepared
    talk = Conversation(
        name=asking.SCOUT,
        role="editor",
        prompt=prompting.prompt("scout", job.base.contract),
        tools=Tools(job, _FORMS, edits=False),
        opening=job.step("scout opening", _open, obstacle, job.base),
        change=Change(base_commit=job.base.checkout.commit, files=()),
        most_turns=_MOST_TURNS,
    )
    try:
        with job.lending(_SHARE):
            return _search(talk, job, trials)
    except ASKING_ENDS as problem:
        return Scouted(why=why(problem))
    finally:
        talk.tools.close()


def _open(obstacle: Obstacle, base: Opened) -> Opening:
    words = "\n\n".join(filter(None, (obstacle.cause, obstacle.evidence, obstacle.ci)))
    return Opening(text=opening.data("Why no test runs", words, base))


def _search(talk: Conversation, job: Job, trials: Trials) -> Scouted:
    best: list[tuple[Prepared, CheckReport]] = []
    why = f"None of {_MOST_TRIES} tries ran a test."
    for number in range(1, _MOST_TRIES + 1):
        handed = talk.next_form(job)
        if handed.name != "try_configuration":
            said = GiveUp.model_validate_json(handed.form).why if handed.name else handed.why
            why = f"A model found no lines with which they run: {forms.plain(said, _MOST_WORDS)}"
            break
        result = trials.run(TryConfiguration.model_validate_json(handed.form).yaml, f"try {number}")
        if result.found:
            best.append(result.found)
            if _count_passed(result.found)[1] > 1 / 2:
                break
        words = _describe(*result.found) if result.found else result.why
        talk.answer(cleaning.cut(words, _MOST_ANSWER, where="not kept"), job)
    return Scouted(max(best, key=_count_passed)) if best else Scouted(why=why)


def _count_passed(measured: tuple[Prepared, CheckReport]) -> tuple[int, float]:
    """Return how many tests pass, and which part of them."""
    tests = measured[1].result(TESTS)
    passed = tests.count("passed") if tests else 0
    return passed, passed / len(tests.items) if tests and tests.items else 0.0


def _describe(prepared: Prepared, report: CheckReport) -> str:
    tests = report.result(TESTS)
    errors = obstacles.list_errors(tests) if tests else ""
    return f"{obstacles.describe_report(report)}\n{prepared.contract.scouted}\n{errors}"


# --- what is proposed -------------------------------------------------------------------------


def read(text: str, given: Contract, run: Run, base: Checkout, svc: Services) -> Reading:
    """Read proposed lines, and lay them over the repository's own configuration."""
    tree = worktree.open_tree(base, svc.base_folder(run))
    try:
        asked = load.from_text(text, _NAME).model_dump(mode="json", exclude_unset=True)
        if refusal := next(_refuse(asked, tree), ""):
            return Reading(refusal=refusal)
        own = given.config.model_dump(mode="json", exclude_defaults=True)
        config = load.from_text(json.dumps(_lay_over(own, asked)), _NAME, tree)
    except load.ConfigProblem as problem:
        return Reading(refusal=str(problem))
    asked.pop("version", None)
    update = {
        "config": config,
        "project": detect.project(tree, config),
        "scouted": written.render(asked),
    }
    return Reading(contract=given.model_copy(update=update))


def read_kept(run: Run, svc: Services) -> str:
    """Return the lines that an earlier run of the repository has found; empty: it found none."""
    values: dict[str, Any] = {}
    for fact in kept.read(svc.settings.home, run.repository):
        *above, last = fact.key.split(".")
        place = values
        for key in above:
            place = place.setdefault(key, {})
        place[last] = fact.value
    return json.dumps(values) if values else ""


def _lay_over(own: Any, asked: Any) -> Any:
    if not (isinstance(own, dict) and isinstance(asked, dict)):
        return asked
    return own | {key: _lay_over(own.get(key), value) for key, value in asked.items()}


def _refuse(asked: Mapping[str, Any], tree: Tree) -> Iterator[str]:
    """Yield why values are refused that a repository's own configuration could have."""
    if others := list(_others(asked)):
        yield f"{', '.join(others)}: a scout may set nothing but {', '.join(sorted(_KEYS))}"
    hosts = {found["host"] for words in _texts(asked) for found in _ADDRESS.finditer(words)}
    if strange := hosts - _HERE:
        yield f"no addresses are taken, but of this machine: {', '.join(sorted(strange))}"
    lines = asked.get("python", {}).get("install", ())
    yield from (f"no addresses are taken: {line}" for line in lines if _has_address(line))
    for name, value in asked.get("env", {}).items():
        if _STEERING.fullmatch(name):
            yield f"{name} would change how programs start or how tests are judged"
        if says_secret(name) and value != "test":
            yield f"{name} is called as a secret is; its value has to be `test`"
    for command in asked.get("setup", ()):
        if isinstance(command, dict) and not _installs(command):
            yield f"`{command['run']}`: with network, only the files of npm or yarn are installed"
    folder = asked.get("root", ".")
    words = asked.get("checks", {}).get("tests", {}).get("args", ())
    strange = {word for word in words if not _is_path(word, folder, tree)}
    yield from (f"checks.tests.args: {word} is no path here" for word in sorted(strange))


def _others(asked: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield keys that a scout may not set."""
    for key, value in asked.items():
        name = f"{above}{key}"
        if isinstance(value, dict) and any(one.startswith(f"{name}.") for one in _KEYS):
            yield from _others(value, f"{name}.")
        elif name not in _KEYS:
            yield name


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _has_address(line: str) -> bool:
    try:
        return Requirement(line).url is not None
    except InvalidRequirement:  # a file of the repository
        return False


def _installs(command: Mapping[str, Any]) -> bool:
    names = {path.rpartition("/")[2] for path in command["files"]}
    words = shlex.join(command["run"].split())
    return bool(_INSTALLS.fullmatch(words) and names and names <= _MANIFESTS)


def _is_path(word: str, folder: str, tree: Tree) -> bool:
    """Whether a word is a file or folder, or its dotted name; then it is no option."""
    start = "" if folder == "." else f"{folder}/"
    names = {f"{start}{posixpath.normpath(name)}" for name in (word, word.replace(".", "/"))}
    names |= {f"{name}.py" for name in names}
    return any(path in names or path.startswith(tuple(f"{name}/" for name in names))
               for path in tree.paths())  # fmt: skip


# --- what came of it --------------------------------------------------------------------------


def look_at(prepared: Prepared, report: CheckReport, most: int, svc: Services) -> Reading:
    """Refuse what decides about its own verdict, or collects less; name what it leaves out."""
    contract = prepared.contract
    if planted := sorted(_find_planted(prepared)):
        return Reading(refusal=f"set-up writes what decides about tests: {', '.join(planted)}")
    if (count := count_tests(report)) < most:
        return Reading(refusal=f"it collects {count} tests, where {most} were collected before")
    tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    left = _find_left_out(report, tree)
    note = (
        f"\n# Test files that do not run: {cleaning.list_some(left, _MOST_LISTED)}" if left else ""
    )
    return Reading(contract=contract.model_copy(update={"scouted": contract.scouted + note}))


def count_tests(report: CheckReport) -> int:
    """Count the tests that were collected; a module that could not be is none."""
    tests = report.result(TESTS)
    return sum(not item.item_id.endswith(COLLECTION) for item in tests.items) if tests else 0


def _find_planted(prepared: Prepared) -> Iterator[str]:
    """Yield files made by set-up that are tests or decide about them, but for Django's settings."""
    project = prepared.contract.project
    for layer in prepared.environment.layers:
        top = Path(layer.folder, "tree")
        for folder, _, names in os.walk(top):
            for path in (str(Path(folder, name).relative_to(top)) for name in names):
                is_rule = rule_files.reason(path, project) or test_files.has_test_name(path)
                if is_rule and not rule_files.is_setting(path, project):
                    yield path


def _find_left_out(report: CheckReport, tree: Tree) -> list[str]:
    """List files of tests that were not collected; one that failed to be is red, not left out."""
    tests = report.result(TESTS)
    if tests is None:
        return []
    suite = tests.suite
    seen = {*suite.files, *suite.empty} if suite else set()
    seen |= {item.item_id.partition("::")[0].removesuffix(COLLECTION) for item in tests.items}
    return [
        path
        for path in tree.paths()
        if test_files.has_test_name(path) and not path.endswith("conftest.py") and path not in seen
    ]
