"""Say why no test of base runs: the last error, its place, what CI does first, and the way out.

Pure. The error is found by the form in which Python and pytest print one, not by its words.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from itertools import islice

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.models.checks import COLLECTION, CheckResult, Status
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_TREE
from agent.text import sanitise
from agent.text.secret_names import PLACEHOLDER, is_given
from repo_config import ci_setup, dependencies, test_files
from repo_config.ci_setup import CiSetup
from repo_config.project_files import ProjectFiles
from repo_config.tree import Tree

_FRAME = re.compile(r'(?:\s*File ")?(?P<path>[^\s":]+\.py)(?:", line |:)(?P<line>\d+)')
_SHOWN = re.compile(r"E\s+(\S.*)")
_MOST_ITEMS = 5
_MOST_EVIDENCE = 3_000
_MOST_CI, _MOST_OF_LINE = 5, 100
#: How packages are called after their module.
_FORMS = ("{}", "django-{}", "python-{}", "py{}")
LONGEST = 300
"""Characters of foreign words that are quoted at once."""
_ANY_LINES = ("setup: [COMMAND]", f"env: {{NAME: {PLACEHOLDER}}}")


class Obstacle(Record):
    """Why no test of base runs."""

    words: str
    """The cause with its place, what CI does first, and lines of configuration; for people."""
    evidence: str = ""
    """The last lines that were printed."""


def is_measured(tests: CheckResult) -> bool:
    """Whether a test came to an end of its own, or the runner found that there is none."""
    return tests.status is Status.ABSENT or finds_none(tests) or has_ended(tests)


def finds_none(tests: CheckResult) -> bool:
    """Whether the runner looked for tests, and found none."""
    return tests.suite is not None and not tests.items


def has_ended(tests: CheckResult) -> bool:
    """Whether at least one test came to an end of its own, and the whole run did."""
    return not tests.limit and any(item.outcome != "error" for item in tests.items)


def find_obstacle(tests: CheckResult | None, problem: str, tree: Tree, folder: str) -> Obstacle:
    """Name the obstacle.

    Args:
        tests: As they ended on base; None: no environment could be built.
        problem: Why none could be built, or what it is without.
        folder: Of the project.
    """
    ci = ci_setup.read_ci_setup(ProjectFiles(tree, folder))
    told = "; ".join(quote_as_code(line, _MOST_OF_LINE) for line in [*ci.describe()][:_MOST_CI])
    does = f"Before the tests comes ({ci.origin}): {told}." if told else ""
    if tests is None:
        return Obstacle(words="\n\n".join(filter(None, (problem, does))))
    paths = tree.paths()
    error, place = _find_error(_join_texts(tests), paths)
    error = error or tests.reason or "nothing was printed"
    where = f" ({place})" if place else ""
    cause = f"Tests cannot start on the base commit: {quote_as_code(error)}{where}."
    if ran := [item for item in tests.items if not item.item_id.endswith(COLLECTION)]:
        red = sum(item.outcome in ("failed", "error") for item in ran)
        said = f"{red:,} of {len(ran):,} tests fail on the base commit"
        cause = f"{said}; the last error: {quote_as_code(error)}{where}."
    if tests.limit:
        cause = f"Tests did not end on the base commit: {tests.reason.rstrip('.')}."
    way = _name_lines(error, tree, folder, ci)
    words = "\n\n".join(filter(None, (cause, problem, does, way)))
    return Obstacle(words=words, evidence=list_errors(tests))


def name_way(printed: str, tree: Tree, folder: str) -> str:
    """Name lines of configuration for the last error in what a program has printed."""
    ci = ci_setup.read_ci_setup(ProjectFiles(tree, folder))
    error, _ = _find_error(sanitise.strip_terminal_codes(printed).strip(), tree.paths())
    return _name_lines(error, tree, folder, ci)


def _name_lines(error: str, tree: Tree, folder: str, ci: CiSetup) -> str:
    lines = tuple(_propose_lines(error, tree, folder, ci))
    start = "Add" if lines else "If a command or a variable is needed first, add"
    told = ", ".join(map(quote_as_code, lines or _ANY_LINES))
    return f"{start} to `.github/mergewright.yml`: {told}."


def quote_as_code(text: str, longest: int = LONGEST) -> str:
    """Write foreign words as one piece of code in a sentence, cut; paths as the repository has."""
    flat = " ".join(text.split()).replace("`", "'").replace(f"{SANDBOX_TREE}/", "")
    return f"`{flat if len(flat) <= longest else f'{flat[: longest - 1]}…'}`"


def list_errors(tests: CheckResult) -> str:
    """Return the last error lines of a run of the tests, cut."""
    return _join_texts(tests)[-_MOST_EVIDENCE:] or tests.reason


def _join_texts(tests: CheckResult) -> str:
    """Join what was printed and what single tests say; what counts most stands last."""
    red = (item.text for item in tests.items if item.outcome in ("failed", "error"))
    texts = (tests.output, *[*dict.fromkeys(red)][:_MOST_ITEMS])
    return sanitise.strip_terminal_codes("\n".join(texts)).strip()


def _find_error(text: str, paths: Collection[str]) -> tuple[str, str]:
    """Find the last error, and the innermost place in the repository that led to it."""
    error = place = at = ""
    in_trace = in_block = False
    for line in text.splitlines():
        frame, shown = _FRAME.match(line), _SHOWN.match(line)
        if frame:
            path = frame["path"].removeprefix(f"{SANDBOX_TREE}/")
            at = f"{path}:{frame['line']}" if path in paths else at
            # Of pytest's own form, the error stands behind an E.
            in_trace = line.lstrip().startswith("File ")
        elif (shown and not in_block) or (in_trace and not shown and line[:1].strip()):
            error, place, at, in_trace = shown[1] if shown else line, at, "", False
        # A blank line of the block is an E by itself.
        in_block = bool(shown) or (in_block and line.strip() == "E")
    return error, place


def _propose_lines(error: str, tree: Tree, folder: str, ci: CiSetup) -> Iterator[str]:
    """Yield the line that follows from an error of Python's own, where one surely does."""
    kind, _, words = error.partition(": ")
    name = ["", *re.findall(r"'([^']+)'", words)][-1]
    # Of a dotted name the first part was found, so neither a place nor a package is missing.
    if kind == "ModuleNotFoundError" and name.isidentifier():
        holders = {*_find_holders(name, tree.paths())}
        if len(holders) == 1 and (place := holders.pop()) not in ("", folder):
            yield f"env: {{PYTHONPATH: {posixpath.relpath(place, folder or '.')}}}"
        elif not holders:
            packages, forms = (
                _list_packages(tree, folder, ci),
                (form.format(name) for form in _FORMS),
            )
            named = (one for one in forms if canonicalize_name(one) in packages)
            yield from (f"python: {{install: [{one}]}}" for one in islice(named, 1))
    elif kind == "KeyError" and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        value = ci.env.get(name, PLACEHOLDER)
        # What is taken out of the text could not be copied.
        yield f"env: {{{name}: {PLACEHOLDER if is_given(name, value) else value}}}"
    elif kind == "FileNotFoundError":
        path = posixpath.relpath(posixpath.join(SANDBOX_TREE, folder, name), SANDBOX_TREE)
        place = posixpath.dirname(path)
        there = any(one.startswith(f"{place}/") for one in tree.paths())
        if place and not there and not place.startswith(".."):
            yield f"setup: [mkdir -p {posixpath.relpath(place, folder or '.')}]"


def _find_holders(name: str, paths: Collection[str]) -> Iterator[str]:
    """Yield the folders, but for those of tests, that hold a module or package."""
    for path in paths:
        parts = path.removesuffix(".py").split("/")
        if path.endswith(".py") and name in parts:
            holder = "/".join(parts[: parts.index(name)])
            if not test_files.find_folder(f"{holder}/{name}"):
                yield holder


def _list_packages(tree: Tree, folder: str, ci: CiSetup) -> set[str]:
    """List the packages that the project or its CI says it needs, by their normalised names."""
    files = ProjectFiles(tree, folder)
    asked = (Requirement(line).name for line in ci.install)
    return {one.name for one in dependencies.list_declared(files)} | {
        *map(canonicalize_name, asked)
    }
