"""Read where a pyproject.toml has projects come from, as uv and Poetry write it. Pure.

What lies in the repository is built of it. What lies elsewhere is done without under its name: a
package index may have something else that is called the same. For the same reason a project that
is bound to an index comes from there alone.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.utils import canonicalize_name

from agent.environments import requirement_files
from agent.environments.locks import kinds
from agent.environments.requirement_files import LeftOut, Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import IndexRequest

_ORIGIN = "pyproject.toml [tool.uv.sources]"
_UV = "pyproject.toml [[tool.uv.index]]"
_POETRY = "pyproject.toml [[tool.poetry.source]]"


def find_indexes(pyproject: dict[str, Any]) -> tuple[IndexRequest, ...]:
    """The indexes that are named, and the projects that are to come from one of them alone.

    Where a lock is there it is read instead: its hashes bind every package.
    """
    uv, poetry = (kinds.table(pyproject, "tool", tool) for tool in ("uv", "poetry"))
    groups = kinds.table(poetry, "group").values()
    asked = [kinds.table(poetry, "dependencies"), kinds.table(poetry, "dev-dependencies")]
    asked += [kinds.table(group, "dependencies") for group in groups]
    more = uv.get("extra-index-url")
    urls = [uv.get("index-url"), *(more if isinstance(more, list) else ())]
    return (
        *_find_named(uv.get("index"), [kinds.table(uv, "sources")], "index", _UV),
        *kinds.indexes(urls, "pyproject.toml [tool.uv]"),
        *_find_named(poetry.get("source"), asked, "source", _POETRY),
    )


def _find_named(
    listed: object, tables: Iterable[dict[str, Any]], key: str, origin: str
) -> Iterator[IndexRequest]:
    """Yield indexes that are asked for anything, then those that a project is bound to."""
    entries = [kinds.table(entry) for entry in listed] if isinstance(listed, list) else []
    explicit = [one for one in entries if one.get("explicit") or one.get("priority") == "explicit"]
    yield from kinds.indexes((one.get("url") for one in entries if one not in explicit), origin)
    urls = {str(one.get("name")).lower(): one.get("url") for one in entries}
    for table in tables:
        for project, source in _iterate_sources(table):
            for wish in kinds.indexes([urls.get(str(source.get(key)).lower())], origin):
                yield wish.model_copy(update={"only_for": project})


def _iterate_sources(table: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each source of each project, whose name is normalised."""
    for name, written in table.items():
        for source in written if isinstance(written, list) else [written]:
            yield str(canonicalize_name(name)), kinds.table(source)


def find_projects(files: TreeFiles) -> dict[str, Requirements]:
    """Return by project what is taken in its place, or that it is left out."""
    uv = kinds.table(files.toml("pyproject.toml"), "tool", "uv")
    listed = uv.get("index")
    indexes = {kinds.table(one).get("name") for one in (listed if isinstance(listed, list) else ())}
    return {
        project: _read_source(files, project, source)
        for project, source in _iterate_sources(kinds.table(uv, "sources"))
        if source and source.get("index") not in indexes
    }


def _read_source(files: TreeFiles, project: str, source: dict[str, Any]) -> Requirements:
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
    return Requirements(left_out=(LeftOut(name=project, why=why),))


def _members(files: TreeFiles) -> Iterator[str]:
    """Yield the folders of the workspace that the project is in: its own, or one above."""
    place = ""
    while files.from_root(place) is not None:
        pyproject = files.toml(posixpath.join(place, "pyproject.toml"))
        workspace = kinds.table(pyproject, "tool", "uv", "workspace")
        if workspace:
            yield place
            for pattern in workspace.get("members", ()):
                yield from _match_members(files, place, posixpath.normpath(str(pattern)).split("/"))
            return
        place = posixpath.join(place, "..")


def _match_members(files: TreeFiles, folder: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        yield folder
    for name in fnmatch.filter(files.names(folder), parts[0]) if parts else ():
        yield from _match_members(files, posixpath.join(folder, name), parts[1:])


def _name(files: TreeFiles, folder: str) -> str:
    project = kinds.table(files.toml(posixpath.join(folder, "pyproject.toml")), "project")
    return str(canonicalize_name(str(project.get("name", ""))))
