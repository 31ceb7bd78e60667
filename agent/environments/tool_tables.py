"""Read the tables that Poetry, Pipenv and uv have for dependencies, sources and indexes. Pure.

Runtime dependencies of a package come from the metadata that its backend makes; what is read here
is what that lacks. What lies elsewhere than in the repository is done without under its name: an
index may have something else that is called the same. For the same reason a project that is bound
to an index comes from there alone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from poetry.core.constraints import version as poetry_versions

from agent.environments import requirement_files
from agent.environments.requirement_files import LeftOut, Requirements
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import IndexRequest
from repo_config import versions
from repo_config.documents import table, texts

_SOURCES = "pyproject.toml [tool.uv.sources]"


def read_requirements(entries: dict[str, Any], origin: str) -> list[str]:
    """The requirements of a table of Poetry or Pipenv, as PEP 508 writes them."""
    found = []
    for name, entry in entries.items():
        for one in entry if isinstance(entry, list) else [entry]:
            asked = one if isinstance(one, dict) else {"version": str(one)}
            if name.lower() != "python" and not asked.get("optional"):
                found.append(_format_requirement(name, asked, origin))
    return found


def read_extras(pyproject: dict[str, Any]) -> dict[str, list[str]]:
    """The requirements of each extra of a project, of the standard's table or of Poetry's."""
    if extras := table(pyproject, "project", "optional-dependencies"):
        return {name: list(texts(listed)) for name, listed in extras.items()}
    poetry = table(pyproject, "tool", "poetry")
    packages = table(poetry, "dependencies")
    origin, found = "tool.poetry.extras", {}
    for extra, names in table(poetry, "extras").items():
        entries = {name: packages.get(name, "*") for name in texts(names)}
        bare = {
            name: {**entry, "optional": False} if isinstance(entry, dict) else entry
            for name, entry in entries.items()
        }
        with suppress(EnvironmentFailed):  # bounds that requirements cannot express
            found[extra] = read_requirements(bare, origin)
    return found


def _format_requirement(name: str, asked: dict[str, Any], origin: str) -> str:
    extras = f"[{','.join(asked['extras'])}]" if asked.get("extras") else ""
    conditions = [f"({asked['markers']})"] if asked.get("markers") else []
    if pythons := asked.get("python"):
        parts = convert_constraint(str(pythons), origin).split(",")
        matches = (re.fullmatch(r"(\W+)\s*(\S+)", part) for part in parts)
        conditions += [f'python_full_version {m[1]} "{m[2]}"' for m in matches if m]
    marker = f" ; {' and '.join(conditions)}" if conditions else ""
    for key, start in (("git", "git+"), ("path", "file:"), ("file", ""), ("url", "")):
        if key in asked:
            return f"{name}{extras} @ {start}{asked[key]}{marker}"
    version = convert_constraint(str(asked.get("version", "*")), f"{origin}: {name}")
    return f"{name}{extras}{version}{marker}"


def convert_constraint(constraint: str, origin: str) -> str:
    """Turn Poetry's `^1.2`, `~1.2`, `1.2.*` and `*` into PEP 440.

    Of alternatives, as `^5 || ^7`, all from the least to the greatest is taken: PEP 440 has no
    "or".

    Raises:
        EnvironmentFailed: It is no constraint.
    """
    with suppress(InvalidSpecifier):
        return str(SpecifierSet(constraint))
    if (found := versions.parse_range(constraint)) is None:
        raise EnvironmentFailed(f"{origin}: `{constraint}` is no version constraint.")
    if isinstance(found, poetry_versions.VersionUnion) and "||" in str(found):
        least, greatest = found.ranges[0], found.ranges[-1]
        found = poetry_versions.VersionRange(
            least.min, greatest.max, least.include_min, greatest.include_max
        )
    if found.is_any():
        return ""
    return f"=={found}" if isinstance(found, poetry_versions.Version) else str(found)


# --- indexes and sources -----------------------------------------------------------------------


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
