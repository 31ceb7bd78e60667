"""Read where `[tool.uv.sources]` has a project come from, but for package indexes. Pure.

What lies in the repository is built of it. What lies elsewhere is done without under its name: a
package index may have something else that is called the same.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator
from typing import Any

from packaging.utils import canonicalize_name

from agent.environments import requirement_files
from agent.environments.locks import kinds
from agent.environments.requirement_files import Left, Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed

_ORIGIN = "pyproject.toml [tool.uv.sources]"


def read(files: TreeFiles) -> dict[str, Requirements]:
    """Return by project what is taken in its place, or that it is left out."""
    uv = kinds.table(files.toml("pyproject.toml"), "tool", "uv")
    listed = uv.get("index")
    entries = listed if isinstance(listed, list) else []
    indexes = {entry.get("name") for entry in entries if isinstance(entry, dict)}
    found: dict[str, Requirements] = {}
    for name, written in kinds.table(uv, "sources").items():
        project = str(canonicalize_name(name))
        for source in written if isinstance(written, list) else [written]:
            if isinstance(source, dict) and source.get("index") not in indexes:
                found[project] = _read(files, project, source)
    return found


def _read(files: TreeFiles, project: str, source: dict[str, Any]) -> Requirements:
    folders = [str(source["path"])] if "path" in source else []
    if source.get("workspace") is True:
        folders = [one for one in _members(files) if _name(files, one) == project]
    why = f"{_ORIGIN}: `{project}` comes from no index, and from no folder of the repository."
    try:
        if folders:
            # Without extras, which such a line could name.
            path = f"./{folders[0]}".partition("[")[0]
            return requirement_files.requirement(files, path, _ORIGIN)
    except EnvironmentFailed as problem:
        why = problem.message
    return Requirements(left=(Left(name=project, why=why),))


def _members(files: TreeFiles) -> Iterator[str]:
    """Yield the folders of the workspace that the project is in: its own, or one above."""
    place = ""
    while files.from_root(place) is not None:
        pyproject = files.toml(posixpath.join(place, "pyproject.toml"))
        workspace = kinds.table(pyproject, "tool", "uv", "workspace")
        if workspace:
            yield place
            for pattern in workspace.get("members", ()):
                yield from _match(files, place, posixpath.normpath(str(pattern)).split("/"))
            return
        place = posixpath.join(place, "..")


def _match(files: TreeFiles, folder: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        yield folder
    for name in fnmatch.filter(files.names(folder), parts[0]) if parts else ():
        yield from _match(files, posixpath.join(folder, name), parts[1:])


def _name(files: TreeFiles, folder: str) -> str:
    project = kinds.table(files.toml(posixpath.join(folder, "pyproject.toml")), "project")
    return str(canonicalize_name(str(project.get("name", ""))))
