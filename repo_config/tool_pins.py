"""Read which versions of linters and of mypy a project pins, its hooks, and plugins of the tools.

The revision of a hook of pre-commit comes first, since the hook runs in an environment of its own;
then a requirement that allows one version alone. What is locked is in the project's environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from repo_config import dependencies
from repo_config.documents import as_list, as_map, texts
from repo_config.known_tools import HOOKS, PINNED
from repo_config.project_files import ProjectFiles

HOOKS_FILE = ".pre-commit-config.yaml"
#: By these a hook looks at some files only, which a check of the whole tree could not follow.
_LIMITING = frozenset({"files", "exclude", "types", "types_or", "exclude_types", "stages"})
#: Types of files that every hook for Python names.
_PYTHON_TYPES = frozenset({"python", "pyi", "jupyter", "file", "text"})


class Hook(NamedTuple):
    """One hook of pre-commit."""

    name: str
    arguments: tuple[str, ...] | None
    """Its `args`; None where the repository sets none."""
    limited: bool
    """Whether it looks at some files only, or not before commits."""
    revision: str = ""
    """The tag of its repository."""
    additional: tuple[str, ...] = ()
    """What is installed beside its tool, as requirements."""


def read_hooks(files: ProjectFiles) -> Iterator[Hook]:
    """Yield the hooks of pre-commit in their order; none where the file cannot be read."""
    whole = files.yaml(HOOKS_FILE)
    limited = bool(whole.keys() & {"files", "exclude"})
    for repository in map(as_map, as_list(whole.get("repos"))):
        for one in map(as_map, as_list(repository.get("hooks"))):
            if isinstance(one.get("id"), str):
                yield Hook(
                    one["id"],
                    tuple(texts(one["args"])) if isinstance(one.get("args"), list) else None,
                    limited or any(_limits(key, one[key]) for key in one.keys() & _LIMITING),
                    str(repository.get("rev", "")),
                    tuple(texts(one.get("additional_dependencies"))),
                )


def _limits(key: str, value: Any) -> bool:
    if key in ("types", "types_or") and isinstance(value, list):
        return not _PYTHON_TYPES.issuperset(texts(value))
    return True


def find_pins(files: ProjectFiles, tools: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return by tool the requirements of its version and its plugins.

    Args:
        tools: Those that run.
    """
    found = {}
    for tool in sorted(PINNED & set(tools)):
        readers = (_pin_by_hooks, _pin_by_requirements)
        if pins := next((pins for read in readers if (pins := read(files, tool))), ()):
            found[tool] = pins
    return found


def _pin_by_hooks(files: ProjectFiles, tool: str) -> tuple[str, ...]:
    for hook in read_hooks(files):
        version = _parse_version(hook.revision)
        if version and hook.name in HOOKS and HOOKS[hook.name].program == tool:
            # What mypy is to know of packages, it finds where these are installed.
            plugins = () if tool == "mypy" else hook.additional
            return (f"{tool}=={version}", *map(str, _parse_all(plugins)))
    return ()


def _pin_by_requirements(files: ProjectFiles, tool: str) -> tuple[str, ...]:
    for one in dependencies.list_declared(files):
        if one.name == tool and not one.source and re.fullmatch(r"==[^=,]+", one.version):
            return (f"{tool}{one.version}",)
    return ()


def _parse_version(text: str) -> str:
    """Return the version that a tag names; empty where it names none."""
    try:
        return str(Version(text))
    except InvalidVersion:
        return ""


def _parse_all(lines: Iterable[str]) -> Iterator[Requirement]:
    """Yield the requirements that a package index can meet."""
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.url is None:
            yield requirement
