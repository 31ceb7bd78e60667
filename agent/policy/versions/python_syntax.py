"""Hold changed code to the oldest Python that the project supports.

A file that does not parse there breaks every import of it, and a module or function that the
standard library does not have yet breaks at run time, often in a branch that no test takes.
So both are read from the syntax tree. Syntax counts wherever it stands, since no guard saves a
file from not parsing; the library counts where the code would run (see `guards`). What the file
already needed before the change is not held against the change.
Data of tests (a formatter's input, say) and tests that conftest.py leaves out on some versions may
well be newer: these are for the reviewer.
What a file asks for is found by `needs`. Syntax newer than the Python of this service cannot be
read; that is said, never guessed at. What some Python may run and nothing here can read would keep
every rule from what is in it, so that no repository can let it pass.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import guards, layout, source
from agent.policy.change_context import ChangeContext
from agent.policy.modules import Modules
from agent.policy.rule import Rule
from agent.policy.versions import needs
from repo_config.detect import Project

PYTHON_SYNTAX = Rule(
    id="python-syntax",
    demands="Changed code runs on the oldest Python that the project supports.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="import tomllib  # and requires-python is >=3.9",
    good="import tomli",
)
PYTHON_SYNTAX_OF_DATA = Rule(
    id="python-syntax-of-data",
    demands="What tests only read, or not on every Python, is newer than that on purpose.",
    severity=Severity.REVIEW,
    bad="match x: ...  # in tests/data/case.py, and requires-python is >=3.9",
    good="the case says from which version on it is read",
)
UNREADABLE_PYTHON = Rule(
    id="unreadable-python",
    demands="Every changed Python file can be read by the rules.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="a file that did not parse before the change and does not now",
    good="a file that parses",
)
HIDDEN = Rule(
    id="hidden-from-rules",
    demands="No changed Python file is such that some Python may run it and the rules cannot read "
    "it: in letters that cannot be decoded, nested too deeply, or beyond all measure.",
    severity=Severity.BLOCK,
    floor=Severity.BLOCK,
    bad="x = 1 + 1 + 1  # and so on, three hundred times",
    good="x = sum(NUMBERS)",
)
RULES = (PYTHON_SYNTAX, PYTHON_SYNTAX_OF_DATA, UNREADABLE_PYTHON, HIDDEN)

_DATA_FOLDERS = frozenset(
    {"cases", "data", "expected", "fixtures", "inputs", "resources", "samples", "snippets",
     "test_data", "testdata"}
)  # fmt: skip
_TEST_MODULE = re.compile(r"(?:test_.*|.*_test|conftest|__init__)\.py")
_HOST_VERSION = sys.version_info[:2]
_HOST = f"Python {_HOST_VERSION[0]}.{_HOST_VERSION[1]}"


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for everything that the oldest supported Python cannot run."""
    change, project = change_context.change, change_context.project
    yield from _too_deep(change_context)
    target = _target(project.python_version)
    for file in source.find_changed(change):
        before = source.get_earlier_content(change, file)
        found = _check_file(file, before, target, project, change_context.places)
        for finding in found:
            if finding.rule in (PYTHON_SYNTAX.id, HIDDEN.id) and _is_data(
                file.path, change_context
            ):
                yield PYTHON_SYNTAX_OF_DATA.make_finding(
                    finding.path,
                    finding.message,
                    "Check that no Python reads it for which it is too new.",
                    finding.line,
                )
            else:
                yield finding


def _too_deep(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for each file that parses and that no rule reads all the same.

    One long sum would otherwise keep every rule from all else that is in its file.
    """
    for file in change_context.python:
        content = file.file.after
        if content is None or file.after is not None or not _is_parsable(content):
            continue
        if file.file.before == content:
            continue
        yield HIDDEN.make_finding(
            file.path,
            "is nested too deeply to be read, so that no rule has looked at it",
            "Split the long expression or the long row of branches into several.",
        )


def _is_data(path: str, change_context: ChangeContext) -> bool:
    """Whether a file is of the tests, but not read by each Python that runs them."""
    if not layout.is_test(path):
        return False
    *folders, name = path.split("/")
    if not _DATA_FOLDERS.isdisjoint(folders) and not _TEST_MODULE.fullmatch(name):
        return True
    above = ["/".join([*folders[:depth], "conftest.py"]) for depth in range(len(folders) + 1)]
    texts = [
        change_context.places.text(conftest)
        for conftest in above
        if change_context.places.has_module(conftest)
    ]
    return any(b"collect_ignore" in text and name.encode() in text for text in texts)


def _target(version: str | None) -> guards.Version | None:
    found = re.match(r"(\d+)\.(\d+)", version or "")
    return (int(found[1]), int(found[2])) if found else None


def _dotted(version: guards.Version) -> str:
    return f"{version[0]}.{version[1]}"


def _check_file(
    file: ChangedFile,
    before: bytes | None,
    target: guards.Version | None,
    project: Project,
    places: Modules,
) -> Iterator[Finding]:
    after = file.after or b""
    try:
        places.parse(after)
    except source.UnreadableError as problem:
        yield _explain_unreadable(file, before, problem, target)
        return
    if target is None:
        return
    try:
        new = needs.find_needs(after, target)
        known = {need.what for need in _needs_before(before, target)} if new else set()
    except RecursionError:
        yield UNREADABLE_PYTHON.make_finding(
            file.path,
            "is nested too deeply to be held against a version",
            "Check by hand that the oldest supported Python can run it.",
        )
        return
    for need in sorted(set(new), key=lambda need: (need.line or 0, need.what)):
        if need.what not in known:
            yield _too_new(file, need, target, project)


def _too_new(
    file: ChangedFile, need: needs.Need, target: guards.Version, project: Project
) -> Finding:
    origin = project.origins.get("python_version")
    declared = f" ({origin})" if origin else ""
    return PYTHON_SYNTAX.make_finding(
        file.path,
        f"uses {need.what} (Python 3.{need.minor} and newer); the project supports"
        f" {_dotted(target)}{declared}",
        f"Write it for Python {_dotted(target)}, or raise the declared version first.",
        need.line,
    )


# --- files that this service's Python cannot read ---------------------------------------------


def _explain_unreadable(
    file: ChangedFile,
    before: bytes | None,
    problem: source.UnreadableError,
    target: guards.Version | None,
) -> Finding:
    """Judge a file that does not parse here: broken, too new for the project, or too new for us.

    What this Python refuses, an older one refuses too; of a newer one nothing is known. LibCST
    knows the newest grammar on every host, but deep nesting ends its process.
    """
    says = f"does not parse with {_HOST} ({problem.message})"
    if problem.may_run and before != file.after:
        rule, says = HIDDEN, f"{says}, so that no rule has looked at it"
        fix = "Write it in UTF-8, smaller and plainer, so that it can be read."
    elif before is not None and not _is_parsable(before):
        rule, says = UNREADABLE_PYTHON, f"{says}, and did not before the change"
        fix = "Check by hand that it is meant to be so."
    elif target is not None and target > _HOST_VERSION:
        rule, says = UNREADABLE_PYTHON, f"{says}; the project supports {_dotted(target)} and newer"
        fix = "Check by hand that it is valid, or run this service with a newer Python."
    else:
        rule = PYTHON_SYNTAX
        says += f"; the project supports {_dotted(target)}" if target else ""
        fix = "Write what the oldest supported Python can parse, or declare it (python.version)."
    return rule.make_finding(file.path, says, fix, problem.line)


def _is_parsable(content: bytes) -> bool:
    try:
        source.parse_module(content)
    except source.UnreadableError:
        return False
    return True


def _needs_before(before: bytes | None, target: guards.Version) -> list[needs.Need]:
    if before is None:
        return []
    try:
        return needs.find_needs(before, target)
    except source.UnreadableError:
        return []
