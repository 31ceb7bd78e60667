"""Refuse new modules that Python or Django would take in the place of others.

A `json.py` at the root decides what every `import json` brings, in tests and in what they use.
"""

import posixpath
import re
import sys
from collections.abc import Iterator
from contextlib import suppress

from agent.errors import EditFailed
from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from repo_config.test_files import has_test_name

IN_PLACE = Rule(
    id="module-in-place-of-another",
    demands="No new module shadows the standard library, an installed package or another module.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
)
COMMAND = Rule(
    id="replaced-command",
    demands="New management commands that replace existing ones need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
RULES = (IN_PLACE, COMMAND)
#: Python imports them by itself when it starts.
_BY_ITSELF = frozenset({"sitecustomize", "usercustomize"})
_COMMANDS = "/management/commands"
_FIX = "Rename it, or move it into a package."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    before, after = (
        frozenset(side.paths()) for side in (change_context.tree, change_context.after)
    )
    places = {*change_context.import_roots, *_find_places_of_tests(after)}
    for file in change_context.change.files:
        if file.before is not None or file.after is None or not file.path.endswith(".py"):
            continue
        folder, name = posixpath.split(file.path.removesuffix("/__init__.py").removesuffix(".py"))
        module = posixpath.join(folder, f"{name}.py")
        if module != file.path and module in after:
            says = f"would be imported instead of {module}"
            yield IN_PLACE.make_finding(file.path, says, f"Delete {module}, or rename it.", 1)
        if module == file.path and f"/{folder}".endswith(_COMMANDS):
            others = {path for path in after if f"/{path}".endswith(f"{_COMMANDS}/{name}.py")}
            if others != {module} or name in change_context.list_commands():
                says = f"would run instead of the existing command {name}, or never"
                yield COMMAND.make_finding(file.path, says, "Check that this is wanted.", 1)
        if folder not in places:
            continue
        had = {posixpath.join(folder, f"{name}.py"), posixpath.join(folder, name, "__init__.py")}
        if not before.isdisjoint(had):
            continue
        is_known = name in sys.stdlib_module_names or name in _BY_ITSELF
        if is_known or name in change_context.list_modules():
            says = f"would be imported instead of the existing {name}"
            yield IN_PLACE.make_finding(file.path, says, _FIX, 1)
        elif user := _find_user(name, change_context):
            says = f"has the name of what {user} imports from elsewhere, where that is installed"
            yield IN_PLACE.make_finding(file.path, says, _FIX, 1)


def _find_places_of_tests(paths: frozenset[str]) -> Iterator[str]:
    """Yield the folders that pytest imports from: those above the packages of test modules."""
    for path in paths:
        if has_test_name(path):
            folder = posixpath.dirname(path)
            while f"{folder}/__init__.py" in paths:
                folder = posixpath.dirname(folder)
            yield folder


def _find_user(name: str, change_context: ChangeContext) -> str:
    """Find a module of base that imports a name which base does not have; "": there is none."""
    tree = change_context.tree
    # A folder of modules is a package without a file of its own, too.
    own = re.compile(rf"(?:.*/)?{re.escape(name)}(?:/.+)?\.py")
    if any(map(own.fullmatch, tree.paths())):
        return ""
    imports = re.compile(rf"^\s*(?:import|from)\s+{re.escape(name)}\b".encode(), re.MULTILINE)
    for path in (path for path in tree.paths() if path.endswith(".py")):
        with suppress(EditFailed):  # a link
            if imports.search(tree.read(path)):
                return path
    return ""
