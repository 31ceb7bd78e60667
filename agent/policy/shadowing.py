"""Refuse new modules that Python would import in the place of installed ones.

A `json.py` at the root decides what every `import json` brings, in tests and in what they use.
"""

import posixpath
import sys
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from repo_config.test_files import has_test_name

IN_PLACE = Rule(
    "module-in-place-of-another",
    "No new module shadows the standard library or an installed package.",
    Severity.BLOCK,
    floor=Severity.REVIEW,
)
RULES = (IN_PLACE,)
#: Python imports them by itself when it starts.
_BY_ITSELF = frozenset({"sitecustomize", "usercustomize"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    before, after = (
        frozenset(side.paths()) for side in (change_context.tree, change_context.after)
    )
    places = {*change_context.import_roots, *_find_places_of_tests(after)}
    for file in change_context.change.files:
        if file.before is not None or file.after is None or not file.path.endswith(".py"):
            continue
        module = file.path.removesuffix("/__init__.py").removesuffix(".py")
        folder, name = posixpath.split(module)
        if folder not in places or before & {f"{module}.py", f"{module}/__init__.py"}:
            continue
        if name in {*sys.stdlib_module_names, *_BY_ITSELF, *change_context.list_modules()}:
            says = f"would be imported instead of the existing {name}"
            fix = "Rename it, or move it into a package."
            yield IN_PLACE.make_finding(file.path, says, fix, 1)


def _find_places_of_tests(paths: frozenset[str]) -> Iterator[str]:
    """Yield the folders that pytest imports from: those above the packages of test modules."""
    for path in filter(has_test_name, paths):
        folder = posixpath.dirname(path)
        while f"{folder}/__init__.py" in paths:
            folder = posixpath.dirname(folder)
        yield folder
