"""Say what a `uv.lock` offers. What it installs is asked of uv itself (`assembly`)."""

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
    if not pyproject or files.read(PATH) is None:
        return None
    needed = {"pyproject.toml", PATH}
    builds = False
    registries: list[object] = []
    for package in locks.entries(files.toml(PATH), "package", PATH):
        source = locks.table(package, "source")
        registries.append(source.get("registry"))
        builds = builds or not _HARMLESS_SOURCES.issuperset(source)
        where = source.get("editable") or source.get("virtual") or source.get("directory")
        if where is not None:
            needed.add(posixpath.normpath(posixpath.join(str(where), "pyproject.toml")))
    groups = tuple(locks.table(pyproject, "dependency-groups"))
    defaults = locks.table(pyproject, "tool", "uv").get("default-groups", ["dev"])
    return Offer(
        kind="uv",
        path=PATH,
        files=tuple(sorted(path for path in needed if not path.startswith(".."))),
        extras=locks.names(locks.table(pyproject, "project", "optional-dependencies")),
        groups=locks.names(groups),
        default_groups=locks.names(groups if defaults == "all" else defaults),
        builds=builds,
        indexes=locks.indexes(registries, PATH),
        # It says itself where the project is installed from.
        names_root=True,
    )
