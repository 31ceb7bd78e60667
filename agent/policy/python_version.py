"""Refuse changed Python files that cannot be parsed.

Syntax that the oldest supported Python lacks is ruff's (`newer-syntax`).
"""

import posixpath
import re
import sys
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

PYTHON_SYNTAX = Rule(
    "python-syntax", "Changed code can be parsed.", Severity.BLOCK, floor=Severity.REVIEW
)
UNREADABLE_PYTHON = Rule(
    "unreadable-python",
    "Every changed Python file can be parsed.",
    Severity.REVIEW,
    floor=Severity.REVIEW,
)
RULES = (PYTHON_SYNTAX, UNREADABLE_PYTHON)

#: Of the files of tests, those that each Python which runs them reads; others may be data.
_TEST_MODULE = re.compile(r"(?:test_.*|.*_test|conftest|__init__)\.py")
_HOST = sys.version_info[:2]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    version = re.match(r"(\d+)\.(\d+)", change_context.project.python_version or "")
    is_newer = version is not None and (int(version[1]), int(version[2])) > _HOST
    gone = {file.before for file in change_context.change.files if file.after is None}
    for file in change_context.python:
        if (problem := source.find_problem(file.after or b"")) is None:
            continue
        says = f"does not parse with Python {_HOST[0]}.{_HOST[1]} ({problem[0]})"
        name = posixpath.basename(file.path)
        was_unreadable = file.after in gone or source.find_problem(file.before or b"")
        if is_newer or was_unreadable:
            fix = "Check by hand that it is valid Python."
            yield UNREADABLE_PYTHON.make_finding(file.path, says, fix, problem[1])
        elif not layout.is_test(file.path) or _TEST_MODULE.fullmatch(name):
            fix = "Use syntax of the oldest supported Python, or set python.version."
            yield PYTHON_SYNTAX.make_finding(file.path, says, fix, problem[1])
