"""Read the tables that Poetry and uv have for sources and indexes. Pure.

What lies elsewhere than in the repository is done without under its name: an
index may have something else that is called the same. For the same reason a project that is bound
to an index comes from there alone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.utils import canonicalize_name

from agent.environments import requirement_files
from agent.environments.requirement_files import LeftOut, Requirements
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import IndexRequest
from repo_config.documents import table

_SOURCES = "pyproject.toml [tool.uv.sources]"


def list_indexes(urls: Iterable[object], origin: str) -> tuple[IndexRequest, ...]:
    """Indexes of the web among addresses, each once."""
    web = [str(url) for url in urls if re.match(r"https?://", str(url))]
    return tuple(requirement_files.name_index(url, origin) for url in dict.fromkeys(web))


def find_indexes(pyproject: dict[str, Any]) -> tuple[IndexRequest, ...]:
    """The indexes that are named, and the projects that are to come from one of them alone.

    Where a lock is there it is read instead: its hashes bind every package.
    """
    uv, poetry = (table(pyproject, "tool", tool) for tool in ("uv", "poetry"))
    asked = [table(poetry, "dependencies"), table(poetry, "dev-dependencies")]
    asked += [table(group, "dependencies") for group in table(poetry, "group").values()]
    more = uv.get("extra-index-url")
    urls = [uv.get("index-url"), *(more if isinstance(more, list) else ())]
    return (
        *_find_named(uv.get("index"), [table(uv, "sources")], "index", "[[tool.uv.index]]"),
        *list_indexes(urls, "pyproject.toml [tool.uv]"),
        *_find_named(poetry.get("source"), asked, "source", "[[tool.poetry.source]]"),
    )


def _find_named(
    listed: object, tables: Iterable[dict[str, Any]], key: str, origin: str
) -> Iterator[IndexRequest]:
    """Yield indexes that are asked for anything, then those that a project is bound to."""
    origin = f"pyproject.toml {origin}"
    entries = [table(entry) for entry in listed] if isinstance(listed, list) else []
    explicit = [one for one in entries if one.get("explicit") or one.get("priority") == "explicit"]
    yield from list_indexes((one.get("url") for one in entries if one not in explicit), origin)
    urls = {str(one.get("name")).lower(): one.get("url") for one in entries}
    for one in tables:
        for project, source in _iterate_sources(one):
            for wish in list_indexes([urls.get(str(source.get(key)).lower())], origin):
                yield wish.model_copy(update={"only_for": project})


def _iterate_sources(sources: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each source of each project, whose name is normalised."""
    for name, written in sources.items():
        for source in written if isinstance(written, list) else [written]:
            yield str(canonicalize_name(name)), table(source)


def find_projects(files: WorkTreeFiles) -> dict[str, Requirements]:
    """Return by project what [tool.uv.sources] takes in its place, or that it is left out."""
    uv = table(files.toml("pyproject.toml"), "tool", "uv")
    listed = uv.get("index")
    indexes = {table(one).get("name") for one in (listed if isinstance(listed, list) else ())}
    return {
        project: _read_source(files, project, source)
        for project, source in _iterate_sources(table(uv, "sources"))
        if source and source.get("index") not in indexes
    }


def _read_source(files: WorkTreeFiles, project: str, source: dict[str, Any]) -> Requirements:
    path = str(source.get("path", ""))
    if source.get("workspace") is True:
        path = _find_member(files, project)
    why = f"{_SOURCES}: `{project}` comes from no index, and from no folder of the repository."
    try:
        if path:
            # Without extras, which such a line could name.
            return requirement_files.parse_line(files, f"./{path}".partition("[")[0], _SOURCES)
    except EnvironmentFailed as problem:
        why = problem.message
    left = LeftOut(name=project, why=why, is_address="index" not in source)
    return Requirements(left_out=(left,))


def _find_member(files: WorkTreeFiles, project: str) -> str:
    """Find the folder of a project in the same repository; empty if there is none."""
    whole = files.from_root_folder()
    for path in whole.detection_files.find_named("pyproject.toml"):
        name = str(table(whole.toml(path), "project").get("name", ""))
        if canonicalize_name(name) == project:
            return posixpath.relpath(posixpath.dirname(path) or ".", files.base or ".")
    return ""
