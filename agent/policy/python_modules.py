"""Refuse modules that cannot be parsed, or that shadow installed ones.

A `json.py` at a root of imports replaces every `import json`, in tests as well. ruff finds
syntax that the oldest supported Python lacks (`newer-syntax`), also in files that are too new for
the Python of this service.
"""

import posixpath
import re
import sys
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule

IN_PLACE = Rule(
    "module-in-place-of-another",
    "No new module shadows the standard library or an installed package.",
    Severity.BLOCK,
    minimum=Severity.REVIEW,
)
PYTHON_SYNTAX = Rule(
    "python-syntax", "Changed code can be parsed.", Severity.BLOCK, minimum=Severity.REVIEW
)
UNREADABLE_PYTHON = Rule(
    "unreadable-python",
    "Every changed Python file can be read by the rules.",
    Severity.INFO,
)
RULES = (IN_PLACE, PYTHON_SYNTAX, UNREADABLE_PYTHON)
#: Modules that Python imports when it starts.
_BY_ITSELF = frozenset({"sitecustomize", "usercustomize"})
#: Files of tests that every test run imports; other ones may be data.
_TEST_MODULE = re.compile(r"(?:test_.*|.*_test|conftest|__init__)\.py")
_HOST = sys.version_info[:2]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    yield from _find_shadows(change_context)
    is_newer = is_newer_python(change_context.python_version)
    gone = {file.before for file in change_context.change.files if file.after is None}
    for file in change_context.python:
        if (problem := source.find_problem(file.after or b"")) is None:
            continue
        text = f"does not parse with Python {_HOST[0]}.{_HOST[1]} ({problem[0]})"
        name = posixpath.basename(file.path)
        was_unreadable = file.after in gone or source.find_problem(file.before or b"")
        if is_newer or was_unreadable:
            text += ", so that no rule has read it"
            fix = "Check it by hand."
            yield UNREADABLE_PYTHON.make_finding(file.path, text, fix, problem[1])
        elif not layout.is_test(file.path) or _TEST_MODULE.fullmatch(name):
            fix = "Use syntax of the oldest supported Python, or set python.version."
            yield PYTHON_SYNTAX.make_finding(file.path, text, fix, problem[1])


def is_newer_python(version: str) -> bool:
    """Whether an environment's Python is newer than ours, and may parse more; "": unknown."""
    named = re.match(r"(\d+)\.(\d+)", version)
    return named is not None and (int(named[1]), int(named[2])) > _HOST


def _find_shadows(change_context: ChangeContext) -> Iterator[Finding]:
    before = frozenset(change_context.tree.paths())
    for file in change_context.change.files:
        if file.before is not None or file.after is None or not file.path.endswith(".py"):
            continue
        module = file.path.removesuffix("/__init__.py").removesuffix(".py")
        folder, name = posixpath.split(module)
        was_there = before & {f"{module}.py", f"{module}/__init__.py"}
        if folder not in change_context.import_roots or was_there:
            continue
        if name in {*sys.stdlib_module_names, *_BY_ITSELF, *change_context.list_modules()}:
            text = f"would be imported instead of the existing {name}"
            fix = "Rename it, or move it into a package."
            yield IN_PLACE.make_finding(file.path, text, fix, 1)
