"""What in a repository makes automation fail, or guess: one aspect each, with a ticket for a gap.

Owns the record and what files tell without code: tests, types, pins, services, run times, flaky
tests. What is counted over code is left to `code_gaps`; what only a run can tell to the command.
An aspect that nothing tells is said to be unknown, never to be ready.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from packaging.version import Version

from agent.contract.facts import Evidence, places
from agent.domain import Record
from repo_config import python_versions
from repo_config.located import inert
from repo_config.project_files import table

Severity = Literal["high", "medium", "low"]
ORDER: tuple[Severity, ...] = ("high", "medium", "low")

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")
#: Tables of pyproject.toml that hold commands.
_RUNNERS = ("tox", "hatch", "poe", "pdm", "taskipy")
_LOCKED = re.compile(r"[\w.-]*requirements[\w.-]*\.lock")
_CHECKERS = re.compile(r"(?<![\w-])(mypy|pyright|basedpyright|pytype|pyre|ty check)(?![\w-])")
#: Where commands stand that CI runs.
_COMMANDS = re.compile(
    r"(?:tox\.(?:ini|toml)|noxfile\.py|Makefile|justfile|Taskfile\.ya?ml|\.pre-commit-config\.ya?ml"
    r"|pyproject\.toml|hatch\.toml)"
)
_CI = re.compile(
    r"\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml|\.travis\.yml|\.circleci/config\.yml"
    r"|azure-pipelines\.yml|Jenkinsfile|\.cirrus\.yml"
)
#: Of commands and CI, and of the tests themselves.
_AGAIN = re.compile(
    r"--(?:reruns|retries)\b|(?:nick-fields|nick-invision)/retry|^[ \t]*retry:[ \t]*\d",
    re.MULTILINE,
)
_MARKED = re.compile(r"\bmark\.flaky\b|^[ \t]*@flaky\b|^from flaky import", re.MULTILINE)
_RERUNNERS = frozenset({"pytest-rerunfailures", "flaky", "pytest-retry", "pytest-flakefinder"})
_TIMEOUT = re.compile(r"timeout-minutes:\s*(\d+)|^\s*timeout:\s*(\d+)\s*(m|h)", re.MULTILINE)
_SHARDS = re.compile(r"--splits?\b|--num-shards|pytest-split|--shard", re.IGNORECASE)
_OFFERED = frozenset({"postgres", "redis"})
_OLDEST = Version("3.9")
_LONG_MINUTES = 30
_SEVERAL = 3


class Ticket(Record):
    """Words for an issue that closes a gap."""

    title: str
    body: str


class Aspect(Record):
    """One thing that automation depends on, and how it stands in a repository."""

    name: str
    state: Literal["ready", "gap", "unknown"]
    says: str
    severity: Severity | None = None
    """Of a gap: high, where runs fail for it; medium, where they guess; low, where they are slow
    or a reviewer has more to look at."""
    places: tuple[str, ...] = ()
    ticket: Ticket | None = None


def ready(name: str, says: str, found: Sequence[object] = ()) -> Aspect:
    """Say that nothing is to be done."""
    return Aspect(name=name, state="ready", says=inert(says), places=_few(found))


def unknown(name: str, says: str) -> Aspect:
    """Say that the files do not tell."""
    return Aspect(name=name, state="unknown", says=inert(says))


def gap(  # what a gap is said with stands beside each other where it is found
    name: str,
    severity: Severity,
    says: str,
    found: Sequence[object],
    title: str,
    body: str,
) -> Aspect:
    """Say what is missing, where, and give the words of a ticket.

    Args:
        body: What is to be done, and how one sees that it is done; the places are added.
    """
    listed = "".join(f"\n- `{inert(str(one))}`" for one in found[:20])
    more = f"\n- and {len(found) - 20} more" if len(found) > 20 else ""
    text = f"{inert(says)[:1].upper()}{inert(says)[1:]}.\n\n{body}"
    if listed:
        text += f"\n\nPlaces:{listed}{more}"
    return Aspect(
        name=name,
        state="gap",
        says=inert(says),
        severity=severity,
        places=_few(found),
        ticket=Ticket(title=title, body=text + "\n"),
    )


def _few(found: Sequence[object]) -> tuple[str, ...]:
    return tuple(inert(str(one)) for one in found[:5])


def told_by_files(evidence: Evidence) -> Iterator[Aspect]:
    """Yield what the files of a project tell without its code."""
    yield _tests(evidence)
    yield _ci(evidence)
    yield _types(evidence)
    yield _dependencies(evidence)
    yield _python(evidence)
    yield _services(evidence)
    if evidence.project.django is not None:
        yield _settings(evidence)
    yield _run_time(evidence)
    yield _flaky(evidence)


def _ci_files(evidence: Evidence) -> list[str]:
    return [path for path in evidence.whole.paths if _CI.fullmatch(path)]


def _lines(evidence: Evidence, paths: Sequence[str], wanted: re.Pattern[str]) -> list[str]:
    """Where a pattern stands in files of the repository."""
    found = []
    for path in paths:
        text = evidence.whole.text(path)
        for match in wanted.finditer(text):
            number = text.count("\n", 0, match.start() + len(match[0]) - len(match[0].lstrip())) + 1
            found.append(f"{path}:{number}")
    return list(dict.fromkeys(found))


def _tests(evidence: Evidence) -> Aspect:
    name, runner = "tests", evidence.project.test_runner
    if runner is None:
        return gap(
            name,
            "high",
            "there are no tests that a runner finds, so no change can be shown to break nothing",
            (),
            "Add a first test suite",
            "Add tests with pytest for the most used parts, in a folder `tests`. Done when"
            " `pytest` runs them in CI.",
        )
    count = len(evidence.survey.tests)
    return ready(name, f"{runner}, {count} file{'s' if count != 1 else ''} of tests")


def _ci(evidence: Evidence) -> Aspect:
    name, files = "tests in CI", _ci_files(evidence)
    if evidence.ci.of("tests"):
        where = [place for several in evidence.ci.of("tests").values() for place in several]
        return ready(name, "CI runs the tests", list(dict.fromkeys(where)))
    if files:
        return unknown(name, f"no job of {places(files)} was recognised as one that runs tests")
    return gap(
        name,
        "medium",
        "no CI runs the tests, so nobody knows whether they pass on the default branch",
        (),
        "Run the tests in CI",
        "Add a workflow that installs the project and runs its tests on each pull request and on"
        " the default branch. Done when it is green there.",
    )


def _types(evidence: Evidence) -> Aspect:
    name = "type checker in CI"
    commands = [path for path in evidence.files.paths if _COMMANDS.fullmatch(path)]
    start = f"{evidence.folder}/" if evidence.folder else ""
    paths = [*_ci_files(evidence), *(start + path for path in commands)]
    run = _lines(
        evidence, [path for path in paths if not path.endswith("pyproject.toml")], _CHECKERS
    )
    tool = table(evidence.files.pyproject, "tool")
    run += [
        f"pyproject.toml: tool.{name}"
        for name in _RUNNERS
        if _CHECKERS.search(json.dumps(tool.get(name, ""), default=str))
    ]
    configured = " and ".join(evidence.project.type_tools)
    if run:
        return ready(name, "a type checker is run", run)
    if configured:
        return gap(
            name,
            "medium",
            f"types can be checked by {configured}, and no command of CI does so",
            [evidence.project.origins.get("type_tools", "")],
            f"Run {configured} in CI",
            f"Add a job that runs {configured} on each pull request, and mend what it finds or"
            " write down what is left. Done when that job is green on the default branch.",
        )
    return gap(
        name,
        "medium",
        "no type checker is configured, so a call of something that is not there shows at run time",
        (),
        "Check types in CI",
        "Configure mypy or pyright (`[tool.mypy]`, `[tool.pyright]` in pyproject.toml), lenient at"
        " first, and run it in CI on each pull request. Done when that job is green on the default"
        " branch.",
    )


def _dependencies(evidence: Evidence) -> Aspect:
    name = "pinned dependencies"
    files = evidence.files
    locks = [path for path in _LOCKS if files.has(path) or evidence.whole.has(path)]
    locks += [path for path in files.paths if _LOCKED.fullmatch(path)]
    if locks:
        return ready(name, "a lock file is committed", locks)
    listed = {one.origin for one in evidence.declared if files.has(one.origin)}
    if pinned := [path for path in sorted(listed) if _is_pinned(files.text(path), path)]:
        return ready(name, "requirements are pinned", pinned)
    origins = list(dict.fromkeys(one.origin for one in evidence.declared))
    if not origins:
        return unknown(name, "nothing is declared that could be pinned")
    return gap(
        name,
        "medium",
        "no lock file: a new release of a dependency can turn checks red without any change",
        origins,
        "Commit a lock file of what tests run with",
        "Lock what development and tests install (`uv lock`, `poetry lock`, or a requirements file"
        " made by `uv pip compile --generate-hashes`), and use it in CI. A library keeps its ranges"
        " in pyproject.toml; the lock is for its own checks. Done when two installs a week apart"
        " are the same.",
    )


def _is_pinned(text: str, path: str) -> bool:
    """Whether a requirements file names one version of everything, as compiled ones do."""
    wanted = [line for line in map(str.strip, text.splitlines()) if line and line[0] not in "#-"]
    exact = [line for line in wanted if re.search(r"===?\s*[\w.]+", line)]
    return len(wanted) >= _SEVERAL and len(exact) == len(wanted) and "doc" not in path.lower()


def _python(evidence: Evidence) -> Aspect:
    name = "pinned Python"
    lowest, named = python_versions.lowest(evidence.files), python_versions.named(evidence.files)
    if lowest is None:
        return gap(
            name,
            "medium",
            "nothing says which Python the project runs on",
            (),
            "Say which Python versions are supported",
            "Add `requires-python` to pyproject.toml with the oldest version that is supported."
            " Done when CI tests that version.",
        )
    if Version(lowest.value) < _OLDEST:
        return gap(
            name,
            "medium",
            f"Python {lowest.value} is supported, and checks run on nothing older than {_OLDEST}",
            [lowest.origin],
            f"Decide on Python {lowest.value}",
            "It no longer gets security fixes. Raise `requires-python`, or accept that checks of"
            " automated changes run on a newer one. Done when `requires-python` says so.",
        )
    tested = evidence.ci.of("python")
    if named and Version(named.value) < Version(lowest.value):
        named = None
    if named or python_versions.is_exact(evidence.files):
        return ready(name, f"Python {(named or lowest).value}", [(named or lowest).origin])
    if lowest.value in tested:
        return ready(name, f"CI tests the oldest, {lowest.value}", tested[lowest.value])
    return gap(
        name,
        "low",
        f"no job of CI was seen to test the oldest Python that is supported, {lowest.value}",
        [lowest.origin],
        f"Test Python {lowest.value} in CI",
        "Add the oldest supported version to the matrix of the job that runs the tests, or raise"
        " `requires-python`. Done when CI tests what `requires-python` promises.",
    )


def _services(evidence: Evidence) -> Aspect:
    name, found = "services", evidence.ci.of("service")
    foreign = {one: where for one, where in found.items() if one.partition(":")[0] not in _OFFERED}
    if not foreign:
        return ready(
            name, ", ".join(found) or "none are seen", [w for one in found.values() for w in one]
        )
    return gap(
        name,
        "high",
        f"tests are run beside {', '.join(foreign)}, which rooms do not offer",
        [place for where in foreign.values() for place in where],
        f"Let the tests run without {', '.join(foreign)}",
        "Mark the tests that need it, so that the others can be run alone (`pytest -m 'not ...'`),"
        " and name that in `checks.tests.args`. Done when the rest passes without it.",
    )


def _settings(evidence: Evidence) -> Aspect:
    name, django = "settings for tests", evidence.project.django
    if django is None or not django.missing:
        where = evidence.project.origins.get("django.settings_module", "")
        return ready(name, str(django.settings_module if django else ""), [where] if where else [])
    return gap(
        name,
        "high",
        f"Django cannot be started{': ' + django.found_instead if django.found_instead else ''}",
        (),
        "Say which settings the tests use",
        "Set `DJANGO_SETTINGS_MODULE` in pytest's configuration, or `django: {settings: ...}` in"
        " .github/mergewright.yml. Done when `mergewright config check` shows them.",
    )


def _run_time(evidence: Evidence) -> Aspect:
    name, files = "test run time", _ci_files(evidence)
    long = []
    for path in files:
        text = evidence.whole.text(path)
        for match in _TIMEOUT.finditer(text):
            minutes = int(match[1] or match[2]) * (60 if match[3] == "h" else 1)
            if minutes > _LONG_MINUTES:
                long.append(
                    f"{path}:{text.count(chr(10), 0, match.start(1 if match[1] else 2)) + 1}"
                )
    shards = _lines(evidence, files, _SHARDS)
    if not long and not shards:
        return unknown(name, "files do not tell")
    return gap(
        name,
        "low",
        "CI grants its jobs more than half an hour, or splits the suite",
        [*long, *shards],
        "Make the test suite quicker",
        "Look at the slowest tests (`pytest --durations 20`), and mark those that few changes need."
        " Done when the rest runs in ten minutes on one machine.",
    )


def _flaky(evidence: Evidence) -> Aspect:
    name = "flaky tests"
    start = f"{evidence.folder}/" if evidence.folder else ""
    commands = [start + path for path in evidence.files.paths if _COMMANDS.fullmatch(path)]
    found = _lines(evidence, [*_ci_files(evidence), *commands], _AGAIN)
    found += _lines(evidence, [source.path for source in evidence.survey.tests], _MARKED)
    found += [f"{one.origin}: {one.name}" for one in evidence.declared if one.name in _RERUNNERS]
    if not found:
        return unknown(name, "no test is marked as such")
    return gap(
        name,
        "medium",
        "tests are marked as flaky or run again until they pass",
        found,
        "Mend the flaky tests",
        "Find out why each of them fails at times (order, time, network, shared state), mend it,"
        " and take the mark or the repetition away. Done when the suite passes ten times in a row.",
    )
