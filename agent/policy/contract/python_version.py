"""Hold changed code to the oldest Python that the project supports.

A file that we cannot parse but some Python may run would hide its content from every rule. So no
repository can allow it.
"""

import posixpath
import re
import sys
from collections.abc import Iterator
from contextlib import suppress

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.contract import needs
from agent.policy.rule import Rule

PYTHON_SYNTAX = Rule(
    id="python-syntax",
    demands="Changed code runs on the oldest supported Python.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
)
UNREADABLE_PYTHON = Rule(
    id="unreadable-python",
    demands="Every changed Python file can be parsed.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
HIDDEN = Rule(
    id="hidden-from-rules",
    demands="No changed Python file hides from the rules by its encoding, its nesting or its size.",
    severity=Severity.BLOCK,
    floor=Severity.BLOCK,
)
RULES = (PYTHON_SYNTAX, UNREADABLE_PYTHON, HIDDEN)

_TEST_MODULE = re.compile(r"(?:test_.*|.*_test|conftest|__init__)\.py")
_HOST = sys.version_info[:2]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    found = re.match(r"(\d+)\.(\d+)", change_context.project.python_version or "")
    target = (int(found[1]), int(found[2])) if found else None
    for file in change_context.python:
        problems = _check_file(file, target, change_context)
        is_data = _is_data(file.path)
        yield from (each for each in problems if not (is_data and each.rule == PYTHON_SYNTAX.id))


def _is_data(path: str) -> bool:
    """Whether a file is of the tests, but not read by each Python that runs them."""
    return layout.is_test(path) and not _TEST_MODULE.fullmatch(posixpath.basename(path))


def _check_file(
    file: PythonFile, target: needs.Version | None, change_context: ChangeContext
) -> Iterator[Finding]:
    content = file.file.after
    if content is None:
        return
    before = source.get_earlier_content(change_context.change, file.file)
    problem = None
    try:
        change_context.places.parse(content)
    except source.UnreadableError as refused:
        problem = refused
    if problem is None and file.after is None and before != content:
        problem = source.UnreadableError("it is nested too deeply", may_run=True)
    if problem is not None:
        yield _explain_unreadable(file.path, before, content, problem, target)
        return
    if target is None or file.after is None:
        return
    new = needs.find_needs(content, target)
    known: set[str] = set()
    with suppress(source.UnreadableError):
        known = {need.what for need in needs.find_needs(before or b"", target)} if new else known
    for need in sorted(new, key=lambda need: (need.line or 0, need.what)):
        if need.what not in known:
            yield PYTHON_SYNTAX.make_finding(
                file.path,
                f"uses {need.what} (Python 3.{need.minor}+); the project supports"
                f" {_dotted(target)}",
                f"Write it for Python {_dotted(target)}, or raise the declared version first.",
                need.line,
            )


def _explain_unreadable(
    path: str,
    before: bytes | None,
    after: bytes,
    problem: source.UnreadableError,
    target: needs.Version | None,
) -> Finding:
    """Judge a file that cannot be read: hidden, broken, or too new for this service's Python."""
    rule, says = PYTHON_SYNTAX, f"does not parse with Python {_dotted(_HOST)} ({problem.message})"
    fix = "Use syntax of the oldest supported Python, or set python.version."
    if problem.may_run and before != after:
        rule, says = HIDDEN, f"{says}, so no rule could check it"
        fix = "Save it as UTF-8, and make it smaller or less nested."
    elif before is not None and not source.is_parsable(before):
        rule, says = UNREADABLE_PYTHON, f"{says}, but parsed before the change"
        fix = "Check that this is intended."
    elif target is not None and target > _HOST:
        rule = UNREADABLE_PYTHON
        fix = "Check by hand that it is valid, or run the service with a newer Python."
    if target is not None:
        says += f"; the project supports {_dotted(target)} and newer"
    return rule.make_finding(path, says, fix, problem.line)


def _dotted(version: tuple[int, ...]) -> str:
    return f"{version[0]}.{version[1]}"
