"""Refuse changed Python files that cannot be parsed.

One that we cannot parse but some Python may run would hide its content from every rule. So no
repository can allow it. Syntax that the oldest supported Python lacks is ruff's (`newer-syntax`).
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
    id="python-syntax",
    demands="Changed code can be parsed.",
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
        content = file.file.after
        if content is None:
            continue
        before = source.get_earlier_content(change_context.change, file.file)
        try:
            change_context.places.parse(content)
        except source.UnreadableError as refused:
            problem = refused
        else:
            if file.after is not None or before == content:
                continue
            problem = source.UnreadableError("it is nested too deeply", may_run=True)
        finding = _explain_unreadable(file.path, before, content, problem, target)
        if finding.rule != PYTHON_SYNTAX.id or not _is_data(file.path):
            yield finding


def _is_data(path: str) -> bool:
    """Whether a file is of the tests, but not read by each Python that runs them."""
    return layout.is_test(path) and not _TEST_MODULE.fullmatch(posixpath.basename(path))


def _explain_unreadable(
    path: str,
    before: bytes | None,
    after: bytes,
    problem: source.UnreadableError,
    target: tuple[int, int] | None,
) -> Finding:
    """Judge a file that cannot be read: hidden, broken, or too new for this service's Python."""
    rule, says = PYTHON_SYNTAX, f"does not parse with Python {_dotted(_HOST)} ({problem.message})"
    fix = "Use syntax of the oldest supported Python, or set python.version."
    if problem.may_run and before != after:
        rule, says = HIDDEN, f"{says}, so no rule could check it"
        fix = "Save it as UTF-8, and make it smaller or less nested."
    elif before is not None and not source.is_parsable(before):
        rule, says = UNREADABLE_PYTHON, f"{says}, nor did it before the change"
        fix = "Check that this is intended."
    elif target is not None and target > _HOST:
        rule = UNREADABLE_PYTHON
        fix = "Check by hand that it is valid, or run the service with a newer Python."
    if target is not None:
        says += f"; the project supports {_dotted(target)} and newer"
    return rule.make_finding(path, says, fix, problem.line)


def _dotted(version: tuple[int, ...]) -> str:
    return f"{version[0]}.{version[1]}"
