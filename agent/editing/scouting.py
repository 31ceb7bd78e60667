"""The scout: where no test of base runs, a model looks for the configuration with which they do.

Nothing is kept of its sandbox. A proposal may set less than a repository's own configuration, and
is measured as any other candidate.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.checks.check import TESTS
from agent.checks.suite import COLLECTION
from agent.editing import forms, prompting, rounds, turns
from agent.editing.loop import Conversation
from agent.editing.run_context import RunContext, explain_stop
from agent.editing.tools import ToolExecutor
from agent.environments import obstacles
from agent.environments.obstacles import Obstacle
from agent.errors import ASKING_ENDS, BudgetSpent, RequestRefused, TimeSpent
from agent.git import worktree
from agent.models.change import Change, Finding, Severity
from agent.models.chat import OpeningMessage
from agent.models.checks import CheckReport, CheckResult, Status
from agent.models.environment import Contract, Opened, Prepared
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_ENVIRONMENT
from agent.onboarding import facts, written
from agent.services import Services
from agent.text import sanitise
from agent.text.secret_names import says_secret
from repo_config import detect, load, rule_files, test_files
from repo_config.schema import PackagesCommand
from repo_config.tree import Tree

_MOST_TURNS = 30
_MOST_TRIES = 6
#: Of what the run may spend and how long it may take.
_SHARE = 0.25
_WITHIN = "A model may use a quarter of the run's budget and minutes on this."
_MOST_ANSWER = 4_000
_MOST_LISTED = 10
_MOST_WORDS = 300
#: More of base's tests than these are red: then other versions are tried.
_MOST_RED = 0.05
#: At most this part of them passes: then another Python is tried.
_HARDLY = 0.1
#: Suites that take more than this part of the run's minutes are measured once, if most pass.
_MOST_TIME = 1 / 6
_NAME = "proposed.yml"
#: What a scout may set.
_KEYS = (
    "version.", "root.", "python.", "setup.", "env.", "services.", "django.manage.",
    "django.settings.", "checks.tests.runner.", "checks.tests.script.", "checks.tests.args.",
)  # fmt: skip
#: By these, programs start another way or tests are judged another way.
_STEERING = re.compile(r"(?:PYTEST|LD|COVERAGE|GIT)_.*|PYTHON(?!PATH$|UTF8$).*|PATH|HOME|BASH_ENV")
_HOST = re.compile(r"://(?:[^/\s'\"@]*@)?([^/\s'\":]*)")
_HERE = {"", "localhost", "127.0.0.1"}
_PYTHON = (".py", ".pyc", ".pth", ".so")
#: What installs the packages that a manifest lists, and the manifests.
_INSTALLS = re.compile(r"(?:npm|pnpm|yarn) (?:ci|install)(?: --[a-z-]+)*")
_MANIFESTS = frozenset({
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml",
})  # fmt: skip


class TryConfiguration(Record):
    yaml: str


class GiveUp(Record):
    why: str


_FORMS: Mapping[str, tuple[str, type[Record]]] = {
    "try_configuration": ("Set base up with these lines, run its tests.", TryConfiguration),
    "decline": ("Say why no configuration helps.", GiveUp),
}


Scouted = tuple[Prepared, CheckReport] | str
"""With what tests run, or why nothing was found."""
TryLines = Callable[[str, str], Scouted]
"""Measures base with lines, by steps that have the second in their names."""


def scout_configuration(
    run_context: RunContext,
    prepare: Callable[[], Prepared],
    obstacle: Obstacle,
    try_lines: TryLines,
) -> Scouted:
    """Have a model look for lines with which base's tests run.

    Args:
        prepare: Gives the base with an environment for the model's sandbox.
    """
    # Steps alone decide what follows, so that a replay and a run that goes on meet the same ones.
    if "editor" not in run_context.attempt_limits.roles:
        return ""
    run_context.prepared, run_context.budget_share = prepare(), _SHARE
    run_context.reserved_seconds = run_context.step.seconds_left * (1 - _SHARE)
    talk = Conversation(
        name=turns.SCOUT,
        role="editor",
        prompt=prompting.make_prompt("scout", run_context.base.contract),
        tools=ToolExecutor(run_context, _FORMS, edits=False),
        opening=run_context.step("scout opening", _make_opening, obstacle, run_context.base),
        change=Change(base_commit=run_context.base.checkout.commit, files=()),
        most_turns=_MOST_TURNS,
    )
    try:
        return _search_configuration(talk, run_context, try_lines)
    finally:
        run_context.budget_share, run_context.reserved_seconds = 1.0, 0.0
        talk.tools.close()


def _make_opening(obstacle: Obstacle, base: Opened) -> OpeningMessage:
    words = f"{obstacle.words}\n\n{obstacle.evidence}"
    return OpeningMessage(text=prompting.fence_text("Why no test runs", words, base.run.run_id))


def _search_configuration(
    talk: Conversation, run_context: RunContext, try_lines: TryLines
) -> Scouted:
    best: list[tuple[Prepared, CheckReport]] = []
    end = "No try ran a test."
    for number in range(1, _MOST_TRIES + 1):
        try:
            handed = talk.next_form(run_context)
        except ASKING_ENDS as problem:
            spent = isinstance(problem, BudgetSpent | TimeSpent)
            end = f"{_WITHIN} {problem.message}" if spent else explain_stop(problem)
            break
        if handed.name != "try_configuration":
            said = GiveUp.model_validate_json(handed.form).why if handed.name else handed.why
            said_short = forms.flatten_text(said, _MOST_WORDS)
            end = f"A model found no lines with which they run: {said_short}"
            break
        lines = TryConfiguration.model_validate_json(handed.form).yaml
        result = words = try_lines(lines, f"try {number}")
        if not isinstance(result, str):
            best.append(result)
            words = describe_tests(*result)
            if find_tests(result[1]).count("passed") > find_tests(result[1]).count(
                "failed", "error"
            ):
                break
        talk.answer(
            sanitise.shorten_middle(str(words), _MOST_ANSWER, where="not kept"), run_context
        )
    return max(best, key=lambda one: rate_tests(one[1]), default=end)


def describe_tests(prepared: Prepared, report: CheckReport) -> str:
    """Count the tests, name those that are left out, and show the last errors."""
    tests = find_tests(report)
    counts = (f"{one} {tests.count(one)}" for one in ("passed", "failed", "error"))
    left = (one.message for one in prepared.contract.scouted)
    head = f"collected {count_tests(report)}: {', '.join(counts)}"
    return "\n".join((head, *left, obstacles.list_errors(tests)))


def find_tests(report: CheckReport) -> CheckResult:
    return report.result(TESTS) or CheckResult(name=TESTS, status=Status.ABSENT)


def rate_tests(report: CheckReport) -> float:
    """Weigh the number of tests that pass by their share; files not collected count as red."""
    passed, red = (find_tests(report).count(*one) for one in (("passed",), ("failed", "error")))
    return passed * passed / (passed + red) if passed else 0.0


def count_tests(report: CheckReport) -> int:
    """Count the tests that were collected; a module that could not be is none."""
    return sum(not item.item_id.endswith(COLLECTION) for item in find_tests(report).items)


def count_modules(tests: CheckResult) -> tuple[int, int]:
    """Count the modules of tests that could not be imported, and those that were."""
    names = [item.item_id for item in tests.items]
    lost = {name for name in names if name.endswith(COLLECTION)}
    return len(lost), len({name.partition("::")[0] for name in names} - lost)


# --- how well a repository is set up, by base's tests -----------------------------------------


def is_poor(report: CheckReport, contract: Contract) -> bool:
    """Whether other versions may have more of base's tests pass, in reasonable time."""
    tests = find_tests(report)
    if tests.status is Status.ABSENT:
        return False
    lost, read = count_modules(tests)
    if lost > read:
        return True
    passed, red = tests.count("passed"), tests.count("failed", "error")
    if passed > red and _is_slow(tests, contract):
        return False
    # Of few tests, a single red one is rarely a matter of versions.
    return not passed or red > max(1, _MOST_RED * len(tests.items))


def may_improve(report: CheckReport, contract: Contract) -> bool:
    """Whether there is something to try: also where a single module cannot be imported."""
    tests = find_tests(report)
    has_lost = count_modules(tests)[0] > 0
    return is_poor(report, contract) or (has_lost and not _is_slow(tests, contract))


def _is_slow(tests: CheckResult, contract: Contract) -> bool:
    return tests.seconds > contract.config.limits.minutes * 60 * _MOST_TIME


def is_hopeless(report: CheckReport) -> bool:
    """Whether hardly any test passes, so that versions alone may not be the cause."""
    tests = find_tests(report)
    return tests.count("passed") <= _HARDLY * tests.count("passed", "failed", "error")


# --- what is proposed -------------------------------------------------------------------------


def read_lines(text: str, base: Opened, svc: Services) -> Contract:
    """Read proposed lines, and lay them over the repository's own configuration.

    Raises:
        RequestRefused: They are no configuration, or say more than a scout may.
    """
    tree, given = worktree.open_tree(base.checkout, svc.base_folder(base.run)), base.contract
    try:
        asked = load.from_text(text, _NAME).model_dump(mode="json", exclude_unset=True)
        if refusal := next(_find_refusals(asked, tree), ""):
            raise RequestRefused(refusal)
        own = given.config.model_dump(mode="json", exclude_defaults=True)
        config = load.from_text(json.dumps(_lay_over(own, asked)), _NAME, tree)
    except load.ConfigProblem as problem:
        raise RequestRefused(str(problem)) from problem
    lines = (obstacles.quote_as_code(line) for line in written.render(asked))
    finding = Finding(
        rule=rounds.SET_UP,
        severity=Severity.REVIEW,
        path=given.source or load.OWN_FILES[0],
        line=None,
        message=f"The tests run with lines that a model found: {', '.join(lines)}.",
        fix="See whether they hold, and add them to it.",
    )
    project = detect.detect_project(tree, config)
    return Contract(config=config, project=project, source=given.source, scouted=(finding,))


def _lay_over(own: Any, asked: Any) -> Any:
    if not (isinstance(own, dict) and isinstance(asked, dict)):
        return asked
    return own | {key: _lay_over(own.get(key), value) for key, value in asked.items()}


def _find_refusals(asked: Mapping[str, Any], tree: Tree) -> Iterator[str]:
    """Yield why values are refused that a repository's own configuration could have."""
    values: dict[str, Any] = dict(facts.flatten_values(asked))
    if others := [key for key in values if not f"{key}.".startswith(_KEYS)]:
        yield f"{', '.join(others)}: a scout may set nothing but {', '.join(_KEYS)}"
    hosts = {*_HOST.findall(json.dumps(asked).replace("\\", " "))} - _HERE
    urls = [line for line in values.get("python.install", ()) if "@" in line]
    for address in (*sorted(hosts), *urls):
        yield f"no addresses are taken but those of this machine: {address}"
    for name, value in values.get("env", {}).items():
        if _STEERING.fullmatch(name) or (says_secret(name) and value != "test"):
            yield f"{name} is secret (its value has to be `test`), or steers how programs start"
    if values.get("checks.tests.runner") == "off":
        yield "checks.tests.runner: off runs no test"
    for command in (one for one in values.get("setup", ()) if isinstance(one, dict)):
        names = {posixpath.basename(path) for path in command.get("files", ())}
        if not (_INSTALLS.fullmatch(command["run"]) and names and names <= _MANIFESTS):
            yield f"`{command['run']}`: with network, only the files of npm or yarn are installed"
    for word in values.get("checks.tests.args", ()):
        if word.startswith(("-", "@")) or not _is_path(word, values.get("root", "."), tree):
            yield f"checks.tests.args: {word} is no path here"
    if any(len(line) > obstacles.LONGEST for line in written.render(asked)):
        # A person sees all of it in the draft.
        yield f"a line has more than {obstacles.LONGEST} characters: write it shorter"


def _is_path(word: str, folder: str, tree: Tree) -> bool:
    """Whether a word is a file or folder, or its dotted name; then it is no option."""
    names = {posixpath.normpath(f"{folder}/{one}") for one in (word, word.replace(".", "/"))}
    starts = tuple(f"{name}/" for name in (*names, *(f"{name}.py" for name in names)))
    return any(f"{path}/".startswith(starts) for path in tree.paths())


# --- what came of it --------------------------------------------------------------------------


def name_left_out(
    base: Opened, prepared: Prepared, report: CheckReport, most: int, svc: Services
) -> Contract:
    """Name the tests that a proposal leaves out.

    Args:
        most: Tests that an earlier candidate has collected.

    Raises:
        RequestRefused: It collects less, or decides about its own verdict.
    """
    contract = prepared.contract
    is_own = contract.config.setup == base.contract.config.setup
    if not is_own and (planted := sorted(_find_planted(prepared))):
        named = sanitise.list_some(planted, _MOST_LISTED)
        raise RequestRefused(
            "set-up may write no Python but Django's settings, and not into the environment:"
            f" {named}"
        )
    if (count := count_tests(report)) < most:
        raise RequestRefused(f"it collects {count} tests, where {most} were collected before")
    tree = worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run))
    left = _find_left_out(report, tree)
    message = f"Test files that do not run: {sanitise.list_some(left, _MOST_LISTED)}."
    more = [one.model_copy(update={"message": message}) for one in contract.scouted if left]
    return contract.model_copy(update={"scouted": (*contract.scouted, *more)})


def _find_planted(prepared: Prepared) -> Iterator[str]:
    """Yield what set-up has made that could stand in for tests, or decide about them.

    Whatever Python it makes can be put on the path, and packages can bring plugins of pytest.
    """
    contract, environment = prepared.contract, prepared.environment
    # First come the layers of packages, one each, which the repository's own manifests list.
    packages = sum(isinstance(one, PackagesCommand) for one in contract.config.setup)
    for layer in environment.layers[packages:]:
        if environment.path.startswith(f"{layer.folder}/"):
            yield SANDBOX_ENVIRONMENT
        tops = {f"bulk/{number}": below for number, below in enumerate(layer.bulk)}
        for top, below in {"tree": "", "home": "~", **tops}.items():
            for folder, _, names in os.walk(Path(layer.folder, top)):
                inner = Path(below, Path(folder).relative_to(Path(layer.folder, top)))
                for path in (str(inner / name) for name in names):
                    is_rule = path.endswith(_PYTHON) or rule_files.explain_file(
                        path, contract.project
                    )
                    if is_rule and not rule_files.is_setting(path, contract.project):
                        yield path


def _find_left_out(report: CheckReport, tree: Tree) -> list[str]:
    """List files of tests that were not collected; one that failed to be is red, not left out."""
    if (suite := find_tests(report).suite) is None:
        return []
    seen = {*suite.files, *suite.empty}
    named = (path for path in tree.paths() if test_files.has_test_name(path))
    return [path for path in named if path not in seen and not path.endswith("conftest.py")]
