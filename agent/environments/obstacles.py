"""Say why no test of base runs: the last error, its place, what CI does first, and the way out.

Pure. The error is found by the form in which Python and pytest print one, not by its words.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator

from agent import cleaning
from agent.domain import CheckReport, CheckResult, Record, Status
from agent.ports import ROOM_TREE
from repo_config import ci_setup
from repo_config.ci_setup import CiSetup
from repo_config.project_files import Files
from repo_config.tree import Tree

_FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_PYTEST_FRAME = re.compile(r"(?P<path>[^\s:]+\.py):(?P<line>\d+): ")
_PYTEST_ERROR = re.compile(r"E\s+(\S.*)")
_MOST_ITEMS = 5
_MOST_EVIDENCE = 3_000
_MOST_CI = 5
_LONGEST = 300
_ANY_LINES = ("setup: [COMMAND]", "env: {NAME: VALUE}")


class Obstacle(Record):
    """Why no test of base runs."""

    cause: str
    """The last error with its place, or why packages cannot be installed."""
    ci: str = ""
    """What CI does before its tests, in a sentence; empty: nothing is known of it."""
    lines: tuple[str, ...] = _ANY_LINES
    """Of configuration."""
    evidence: str = ""
    """The last lines that were printed."""

    @property
    def words(self) -> str:
        """Cause, evidence and the way out, for people."""
        lines = ", ".join(map(quote, self.lines))
        way = f"Add to `.github/mergewright.yml`: {lines}." if lines else ""
        return "\n\n".join(filter(None, (self.cause, self.ci, way)))


def quote(text: str) -> str:
    """Write foreign words as one piece of code in a sentence, cut."""
    flat = " ".join(text.split()).replace("`", "'")
    return f"`{flat[:_LONGEST]}`"


def is_measured(tests: CheckResult | None) -> bool:
    """Whether a test came to an end of its own, or the runner found that there is none."""
    if tests is None or tests.status is Status.ABSENT or (tests.suite and not tests.items):
        return True
    return any(item.outcome != "error" for item in tests.items)


def find(tests: CheckResult | None, problem: str, tree: Tree, folder: str) -> Obstacle:
    """Name the obstacle.

    Args:
        tests: As they ended on base; None: no environment could be built.
        problem: Why none could be built.
        folder: Of the project.
    """
    # Of a sub-folder, CI's steps begin elsewhere.
    ci = CiSetup() if folder else ci_setup.read(Files(tree))
    said = _describe(ci)
    if tests is None:
        return Obstacle(cause=problem, ci=said, lines=())
    paths = frozenset(tree.paths())
    error, place = _find_error(_texts(tests), paths)
    error = error or tests.reason or "nothing was printed"
    where = f" ({place})" if place else ""
    cause = f"Tests cannot start on the base commit: {quote(error)}{where}."
    lines = tuple(_propose(error, paths, ci)) or _ANY_LINES
    return Obstacle(cause=cause, ci=said, lines=lines, evidence=list_errors(tests))


def list_errors(tests: CheckResult) -> str:
    """Return the last error lines of a run of the tests, cut."""
    texts = cleaning.terminal("\n".join(_texts(tests))).strip()
    return texts[-_MOST_EVIDENCE:] or tests.reason


def describe_report(report: CheckReport) -> str:
    """Count the tests of a report."""
    tests = report.result("tests")
    if tests is None:
        return "no test was found"
    passed, failed, errors = (tests.count(one) for one in ("passed", "failed", "error"))
    total = f"collected {len(tests.items)}, passed {passed}, failed {failed}, errors {errors}"
    return f"{total}. {tests.reason}".removesuffix(". ")


def _texts(tests: CheckResult) -> list[str]:
    """Return what was printed, then what single tests say; what counts most stands last."""
    red = [item.text for item in tests.items if item.outcome == "error" and item.text]
    return [tests.output, *dict.fromkeys(red[:_MOST_ITEMS])]


def _find_error(texts: list[str], paths: Collection[str]) -> tuple[str, str]:
    """Find the last error, and the innermost place in the repository that led to it."""
    error = place = at = ""
    in_trace = in_block = False
    for line in cleaning.terminal("\n".join(texts)).splitlines():
        frame = _FRAME.match(line) or _PYTEST_FRAME.match(line)
        shown = _PYTEST_ERROR.match(line)
        if frame:
            path = frame["path"].removeprefix(f"{ROOM_TREE}/")
            at = f"{path}:{frame['line']}" if path in paths else at
            in_trace = True
        elif shown and not in_block:
            error, place, at = shown[1], at, ""
        elif in_trace and line.strip() and not line[0].isspace() and not shown:
            error, place, at, in_trace = line.strip(), at, "", False
        in_block = bool(shown)
    return error, place


def _propose(error: str, paths: Collection[str], ci: CiSetup) -> Iterator[str]:
    """Yield the lines that follow from an error of Python's own."""
    kind, _, words = error.partition(": ")
    quoted = re.findall(r"'([^']+)'", words)
    if not quoted:
        return
    name = quoted[-1]
    if kind == "ModuleNotFoundError":
        top = name.partition(".")[0]
        own = {path.partition(f"{top}/__init__.py")[0] for path in paths
               if path == f"{top}/__init__.py" or path.endswith(f"/{top}/__init__.py")}  # fmt: skip
        if not own:
            yield f"python: {{install: [{top}]}}"
        yield from (f"env: {{PYTHONPATH: {folder[:-1]}}}" for folder in sorted(own - {""})[:1])
    elif kind == "KeyError" and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        yield f"env: {{{name}: {ci.env.get(name, 'VALUE')}}}"
    elif kind == "FileNotFoundError":
        folder = posixpath.dirname(name.removeprefix(f"{ROOM_TREE}/"))
        if folder and not folder.startswith(("/", "..")):
            yield f"setup: [mkdir -p {folder}]"


def _describe(ci: CiSetup) -> str:
    if not ci.origin:
        return ""
    told = [quote(line) for line in ci.describe()][:_MOST_CI]
    return f"CI ({ci.origin}) does before its tests: {'; '.join(told) or 'nothing'}."
