"""Find the lock files of a tree, and what can be chosen of each. Pure.

What a lock installs is exported by the tool that wrote it (`lock_export`).
"""

from __future__ import annotations

import json
import posixpath
import tomllib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from agent.environments import parts
from agent.environments.parts import choose_parts, normalise_names
from agent.environments.tool_tables import list_indexes
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import IndexRequest
from agent.models.record import Record
from repo_config.documents import table
from repo_config.lock_files import PYTHON
from repo_config.schema import PythonSection

_Table = dict[str, Any]
_PYPROJECT = "pyproject.toml"
_META = "_meta"
#: Keys and types of sources by which a package does not come from an index.
_IN_TREE = frozenset({"path", "file", "directory", "editable"})
_ELSEWHERE = _IN_TREE | {"virtual", "git", "hg", "svn", "bzr", "url", "vcs", "archive"}


class Lock(Record):
    """A lock file, what can be chosen of it, and what was."""

    kind: str
    path: str
    """From the project."""
    folder: str = ""
    """Where it lies, from the root of the repository."""
    root: str = ""
    """Folder of the project in the repository."""
    read: tuple[str, ...] = ()
    """What its tool reads beside it, from the project."""
    files: dict[str, bytes] = {}
    """All that its tool reads, by path from the project."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    left_groups: tuple[str, ...] = ()
    """Those that were not chosen."""
    default_groups: tuple[str, ...] = ()
    """Those that the repository itself says are installed where nobody asks."""
    usual_groups: tuple[str, ...] = ()
    """Taken by the tool if nobody says anything; here only where none is for tests by its name."""
    builds: bool = False
    """Whether it names projects of the tree that are built."""
    requires_python: str | None = None
    indexes: tuple[IndexRequest, ...] = ()
    """Where it says that its packages come from."""


def find_locks(files: WorkTreeFiles, pyproject: dict[str, Any]) -> tuple[Lock, ...]:
    """The lock files of a tree, with all that can be chosen; the one that counts first.

    Raises:
        EnvironmentFailed: One of them cannot be read.
    """
    found = []
    for kind, path in PYTHON.items():
        beside = "Pipfile" if kind == "pipenv" else _PYPROJECT
        is_whole = kind == "pylock" or (files.read(beside) is not None)
        place = _find_workspace(files, pyproject) if kind == "uv" else ""
        if is_whole and place is not None and files.read(posixpath.join(place, path)) is not None:
            with _reading(path):
                path = posixpath.join(place, path)  # noqa: PLW2901
                rows, folder = _list_rows(files, path), files.from_root(place) or ""
                facts = {
                    "read": (beside,),
                    "builds": any(_list_origins(row) & _IN_TREE for row in rows),
                    **_READERS[kind](files, pyproject, path, rows),
                }
                found.append(Lock(kind=kind, path=path, folder=folder, root=files.base, **facts))
    return tuple(found)


def choose_of_lock(
    files: WorkTreeFiles,
    lock: Lock,
    section: PythonSection,
    extras: Collection[str] = (),
    groups: Collection[str] = (),
) -> Lock:
    """Choose the extras and groups of a lock that are asked for, or that tests need.

    `extras` and `groups` are taken as well where nobody asks.

    Raises:
        EnvironmentFailed: The configuration names one that is not there.
    """
    content = {path: files.read(path) for path in (lock.path, *lock.read)}
    chosen = choose_parts(lock.extras, section.extras, lock.path, more=extras)
    taken = choose_parts(
        lock.groups, section.groups, lock.path, kind="group",
        more={*lock.default_groups, *groups},
        usual=() if any(map(parts.is_for_tests, chosen)) else lock.usual_groups,
    )  # fmt: skip
    return lock.model_copy(
        update={
            "files": {path: text for path, text in content.items() if text is not None},
            "extras": chosen,
            "groups": taken,
            "left_groups": tuple(name for name in lock.groups if name not in taken),
        }
    )


def read_versions(
    files: WorkTreeFiles, lock: Lock
) -> tuple[tuple[str, ...], tuple[IndexRequest, ...]]:
    """Read the versions of a lock that is not installed as it is, and where they are from.

    What is locked at several versions, or is not from an index, is left to the resolver.

    Raises:
        EnvironmentFailed: The lock cannot be read.
    """
    found: dict[str, set[str]] = {}
    bound: list[IndexRequest] = []
    with _reading(lock.path):
        for row in _list_rows(files, lock.path, lock.left_groups):
            version = str(row.get("version", "")).removeprefix("==")
            if version and not _list_origins(row) & _ELSEWHERE:
                name = str(canonicalize_name(str(row["name"])))
                found.setdefault(name, set()).add(version)
                # No hash says any more whose package that is.
                wishes = list_indexes([_find_index(row, files, lock)], lock.path)
                bound += [wish.model_copy(update={"only_for": name}) for wish in wishes]
    known = tuple(f"{name}=={one.pop()}" for name, one in found.items() if len(one) == 1)
    return known, tuple(bound)


class Sources(NamedTuple):
    options: object
    """What else decides where packages are taken from."""
    packages: dict[str, _Table]
    """By name what a package says of where it comes from; empty: from the usual index."""


def read_sources(path: str, content: bytes) -> Sources:
    """Read where a lock says that its packages come from.

    Raises:
        EnvironmentFailed: It cannot be read.
    """
    with _reading(path):
        text = content.decode()
        is_json = posixpath.basename(path) == PYTHON["pipenv"]
        document: _Table = json.loads(text) if is_json else tomllib.loads(text)
        options = table(document, _META).get("sources") if is_json else document.get("options")
        return Sources(
            options, {str(row["name"]): _read_source(row) for row in _list_packages(path, document)}
        )


def _read_source(row: _Table) -> _Table:
    named = {key: row[key] for key in ("index", *sorted(_ELSEWHERE)) if key in row}
    return table(row, "source") or named


def is_of_tree(source: _Table) -> bool:
    """Whether that is the tree itself."""
    return bool(_list_origins({"source": source}) & (_IN_TREE | {"virtual"}))


# --- the kinds ---------------------------------------------------------------------------------


def _read_uv(files: WorkTreeFiles, pyproject: _Table, path: str, rows: list[_Table]) -> _Table:
    place = posixpath.dirname(path)
    needed = {_PYPROJECT, posixpath.join(place, _PYPROJECT)}
    for source in (table(row, "source") for row in rows):
        where = source.get("editable") or source.get("virtual") or source.get("directory")
        if where is not None:
            needed.add(posixpath.normpath(posixpath.join(place, str(where), _PYPROJECT)))
    defaults = table(pyproject, "tool", "uv").get("default-groups", ["dev"])
    groups = parts.Groups(pyproject, {}).names
    return {
        "read": tuple(sorted(one for one in needed if files.from_root(one) is not None)),
        "extras": normalise_names(table(pyproject, "project", "optional-dependencies")),
        "groups": groups,
        "default_groups": () if defaults == "all" else normalise_names(defaults),
        "usual_groups": groups if defaults == "all" else (),
        "indexes": list_indexes((table(row, "source").get("registry") for row in rows), path),
    }


def _read_poetry(files: WorkTreeFiles, pyproject: _Table, path: str, rows: list[_Table]) -> _Table:
    own = table(pyproject, "tool", "poetry", "group")
    optional = {name for name, group in own.items() if table(group).get("optional") is True}
    groups = parts.Groups(pyproject, {}).names
    sources = [table(row, "source") for row in rows]
    urls = [one.get("url") for one in sources if one.get("type") == "legacy"]
    return {
        "extras": normalise_names(table(files.toml(path), "extras")),
        "groups": groups,
        "usual_groups": tuple(one for one in groups if one not in normalise_names(optional)),
        "indexes": list_indexes(urls, path),
    }


def _read_pdm(files: WorkTreeFiles, pyproject: _Table, path: str, _rows: list[_Table]) -> _Table:
    extras = normalise_names(table(pyproject, "project", "optional-dependencies"))
    groups = parts.Groups(pyproject, {}).names
    listed = table(files.toml(path), "metadata").get("groups")
    locked = normalise_names(listed) if isinstance(listed, list) else (*extras, *groups)
    groups = tuple(name for name in groups if name in locked)
    sources = table(pyproject, "tool", "pdm").get("source", [])
    # A source of links is a page, not an index.
    urls = [table(one).get("url") for one in sources if table(one).get("type", "index") == "index"]
    return {
        "extras": tuple(name for name in extras if name in locked),
        "groups": groups,
        "usual_groups": groups,
        "indexes": list_indexes(urls, "pyproject.toml [[tool.pdm.source]]"),
    }


def _read_pylock(files: WorkTreeFiles, _pyproject: _Table, path: str, rows: list[_Table]) -> _Table:
    document = files.toml(path)
    requires = document.get("requires-python")
    return {
        "extras": normalise_names(document.get("extras", ())),
        "groups": normalise_names(document.get("dependency-groups", ())),
        "default_groups": normalise_names(document.get("default-groups", ())),
        "requires_python": str(requires) if requires else None,
        "indexes": list_indexes((row.get("index") for row in rows), path),
    }


def _read_pipenv(
    files: WorkTreeFiles, _pyproject: _Table, path: str, _rows: list[_Table]
) -> _Table:
    document = _read_json(files, path)
    groups = normalise_names([name for name in document if name not in (_META, "default")])
    requires = table(document, _META, "requires")
    python = requires.get("python_full_version") or requires.get("python_version")
    sources = table(document, _META).get("sources", ())
    return {
        "groups": groups,
        "default_groups": tuple({"develop"} & {*groups}),
        "requires_python": f"=={'.'.join(str(python).split('.')[:2])}.*" if python else None,
        "indexes": list_indexes((table(source).get("url") for source in sources), path),
    }


_READERS = {
    "uv": _read_uv,
    "poetry": _read_poetry,
    "pdm": _read_pdm,
    "pylock": _read_pylock,
    "pipenv": _read_pipenv,
}


def _find_workspace(files: WorkTreeFiles, pyproject: dict[str, Any]) -> str | None:
    """Where a uv.lock lies, from the project: beside it, or at the root of its workspace."""
    if files.read(PYTHON["uv"]) is not None:
        return ""
    name = normalise_names([table(pyproject, "project").get("name")])
    above = ""
    for _ in range(len(files.base.split("/")) if files.base else 0):
        above = posixpath.join(above, "..")
        root = files.toml(posixpath.join(above, _PYPROJECT))
        lock = posixpath.join(above, PYTHON["uv"])
        if files.read(lock) is not None and "workspace" in table(root, "tool", "uv"):
            members = table(files.toml(lock), "manifest").get("members", [])
            # Of a workspace within another's folder the nearest counts, as with uv.
            return above if set(name) <= set(normalise_names(members)) else None
    return None


# --- what they have in common ------------------------------------------------------------------


def _list_rows(files: WorkTreeFiles, path: str, left: Collection[str] = ()) -> list[_Table]:
    """The packages of a lock; of a Pipfile.lock without those of some groups."""
    is_json = path == PYTHON["pipenv"]
    return _list_packages(path, _read_json(files, path) if is_json else files.toml(path), left)


def _list_packages(path: str, document: _Table, left: Collection[str] = ()) -> list[_Table]:
    if posixpath.basename(path) == PYTHON["pipenv"]:
        names = (one for one in document if one != _META and canonicalize_name(one) not in left)
        sections = [table(document, name) for name in names]
        return [{**entry, "name": name} for one in sections for name, entry in one.items()]
    is_pylock = posixpath.basename(path) == PYTHON["pylock"]
    return [{**row} for row in document.get("packages" if is_pylock else "package", [])]


def _read_json(files: WorkTreeFiles, path: str) -> _Table:
    return {**json.loads(files.text(path) or "")}


def _list_origins(row: _Table) -> set[str]:
    """By which keys, or which type of source, a package says where it comes from."""
    source = table(row, "source")
    return {str(source["type"])} if "type" in source else {*row, *source}


def _find_index(row: _Table, files: WorkTreeFiles, lock: Lock) -> object:
    """Which index a package is locked from; a Pipfile.lock names its sources once."""
    source = table(row, "source")
    if lock.kind == "pipenv":
        named = table(_read_json(files, lock.path), _META).get("sources", ())
        return next((one["url"] for one in named if one["name"] == row.get("index")), None)
    return row.get("index") or source.get("registry") or source.get("url")


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Say to a lock's author what its reader stumbled over.

    A number in the place of a list, or brackets without end, no tool has written.
    """
    try:
        yield
    except (TypeError, AttributeError, LookupError, ValueError, RecursionError) as problem:
        raise EnvironmentFailed(
            f"{path}, or the file that it was made from, is not of the form that its tool writes"
            f" ({problem}). Make the lock anew and commit the result."
        ) from problem
