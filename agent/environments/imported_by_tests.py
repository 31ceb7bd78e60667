"""Which extras of a project bring what its tests import. Reads files, runs nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.environments.tree_files import TreeFiles
from repo_config import test_files

_MOST_FILES = 2000


def find_extras(files: TreeFiles, extras: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Name the extras of which tests import the name or a package.

    Args:
        files: The project.
        extras: The requirements of each.
    """
    brought = {name: {name, *map(_read_name, texts)} for name, texts in extras.items()}
    if not brought:
        return ()
    imported = {str(canonicalize_name(name)) for name in _read_imports(files)}
    return tuple(str(canonicalize_name(name)) for name in brought if brought[name] & imported)


def _read_name(text: str) -> str:
    try:
        return str(canonicalize_name(Requirement(text).name))
    except InvalidRequirement:
        return ""


def _read_imports(files: TreeFiles) -> set[str]:
    """Read the first parts of the names of all modules that files of tests import."""
    found: set[str] = set()
    for path in list(filter(_is_module, files.detection_files.paths))[:_MOST_FILES]:
        module = files.detection_files.module(path)
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.partition(".")[0])
    return found


def _is_module(path: str) -> bool:
    return path.endswith(".py") and test_files.is_test(path)
