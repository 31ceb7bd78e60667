"""Say what a `uv.lock` offers. What it installs is asked of uv itself (`assembly`).

Of a workspace the one lock lies at its root, above its members.
"""

from __future__ import annotations

import posixpath
from typing import Any

from agent.environments.locks import lock as locks
from agent.environments.locks.lock import Offer
from agent.environments.tree_files import TreeFiles

PATH = "uv.lock"
#: Of packages: nothing of the tree is built for these.
_HARMLESS_SOURCES = frozenset({"registry", "virtual"})


def offer(files: TreeFiles, pyproject: dict[str, Any]) -> Offer | None:
    """What the lock offers; None where there is none, or no project that it belongs to."""
    place = _place(files, pyproject) if pyproject else None
    if place is None:
        return None
    path = posixpath.join(place, PATH)
    needed = {"pyproject.toml", path, posixpath.join(place, "pyproject.toml")}
    builds = False
    registries: list[object] = []
    for package in locks.entries(files.toml(path), "package", path):
        source = locks.table(package, "source")
        registries.append(source.get("registry"))
        builds = builds or not _HARMLESS_SOURCES.issuperset(source)
        where = source.get("editable") or source.get("virtual") or source.get("directory")
        if where is not None:
            project = posixpath.join(place, str(where), "pyproject.toml")
            needed.add(posixpath.normpath(project))
    settings = locks.table(pyproject, "tool", "uv")
    # Of before there were groups, and part of the group dev since.
    old = {"dev": settings["dev-dependencies"]} if "dev-dependencies" in settings else {}
    groups = tuple({**locks.table(pyproject, "dependency-groups"), **old})
    defaults = settings.get("default-groups", ["dev"])
    is_all = defaults == "all"
    return Offer(
        kind="uv",
        path=path,
        folder=files.from_root(place),
        files=tuple(sorted(one for one in needed if files.from_root(one) is not None)),
        extras=locks.names(locks.table(pyproject, "project", "optional-dependencies")),
        groups=locks.names(groups),
        default_groups=() if is_all else locks.names(defaults),
        usual_groups=locks.names(groups) if is_all else (),
        builds=builds,
        indexes=locks.indexes(registries, path),
        # It says itself where the project is installed from.
        names_root=True,
    )


def _place(files: TreeFiles, pyproject: dict[str, Any]) -> str | None:
    """Where the lock lies, from the project: beside it, or at the root of its workspace."""
    if files.read(PATH) is not None:
        return ""
    name = locks.names([locks.table(pyproject, "project").get("name")])
    above = ""
    for _ in range(len(files.base.split("/")) if files.base else 0):
        above = posixpath.join(above, "..")
        path = posixpath.join(above, PATH)
        if files.read(path) is None or not _is_workspace(files, above):
            continue
        members = locks.table(files.toml(path), "manifest").get("members", [])
        # Of a workspace within another's folder the nearest counts, as with uv.
        return above if set(name) <= set(locks.names(members)) else None
    return None


def _is_workspace(files: TreeFiles, folder: str) -> bool:
    root = files.toml(posixpath.join(folder, "pyproject.toml"))
    return "workspace" in locks.table(root, "tool", "uv")
