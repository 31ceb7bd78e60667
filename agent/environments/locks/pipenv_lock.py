"""Read `Pipfile.lock`."""

from __future__ import annotations

import json
from typing import Any

from packaging.utils import canonicalize_name

from agent.environments.locks import lock as locks
from agent.environments.locks.lock import Lock, Offer, Target
from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed

PATH = "Pipfile.lock"
_PIPFILE = "Pipfile"
_DEFAULT, _DEVELOP, _META = "default", "develop", "_meta"
_ELSEWHERE = ("git", "hg", "svn", "bzr", "file")


def offer(files: TreeFiles, _pyproject: dict[str, Any]) -> Offer | None:
    """What the lock offers; None where there is none, or no Pipfile that it belongs to."""
    if files.read(PATH) is None or files.read(_PIPFILE) is None:
        return None
    document = _read(files)
    groups = tuple(name for name in document if name not in (_META, _DEFAULT))
    requires = locks.table(document, _META, "requires")
    python = requires.get("python_full_version") or requires.get("python_version")
    folders = [
        str(entry["path"])
        for name in (_DEFAULT, *groups)
        for entry in locks.table(document, name).values()
        if isinstance(entry, dict) and "path" in entry
    ]
    return Offer(
        kind="pipenv",
        path=PATH,
        files=(PATH, _PIPFILE),
        groups=locks.names(groups),
        default_groups=(_DEVELOP,) if _DEVELOP in groups else (),
        builds=bool(folders),
        names_root=any(folder in (".", "./") for folder in folders),
        # It locks what the Pipfile lists; a setup.py beside it may ask for more.
        covers_project=False,
        requires_python=f"=={'.'.join(str(python).split('.')[:2])}.*" if python else None,
        indexes=locks.indexes(
            (
                source.get("url")
                for source in locks.table(document, _META).get("sources", ())
                if isinstance(source, dict)
            ),
            PATH,
        ),
    )


def requirements(files: TreeFiles, lock: Lock, target: Target) -> Requirements:
    """What the chosen categories install; of two that lock the same, the later one counts.

    Raises:
        EnvironmentFailed: The lock cannot be read, or a package is not on an index.
    """
    document = _read(files)
    chosen: dict[str, dict[str, Any]] = {}
    for category, packages in document.items():
        if category == _DEFAULT or str(canonicalize_name(category)) in lock.groups:
            for name, entry in locks.table({category: packages}, category).items():
                chosen[str(canonicalize_name(name))] = {"name": name, **_table(entry, name)}
    return Requirements().plus(
        *(
            _installed(files, entry)
            for entry in chosen.values()
            if not entry.get("markers")
            or target.meets(str(entry["markers"]), f"{PATH}: {entry['name']}")
        )
    )


def _read(files: TreeFiles) -> dict[str, Any]:
    try:
        document = json.loads(files.text(PATH) or "")
    except (ValueError, RecursionError) as problem:
        raise EnvironmentFailed(f"{PATH} is not valid JSON: {problem}.") from problem
    if not isinstance(document, dict):
        raise EnvironmentFailed(f"{PATH} is no lock: it holds no table.")
    return document


def _table(entry: object, name: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise EnvironmentFailed(f"{PATH}: the entry of {name} is not a table.")
    return entry


def _installed(files: TreeFiles, entry: dict[str, Any]) -> Requirements:
    name = str(entry["name"])
    for kind in _ELSEWHERE:
        if kind in entry:
            raise locks.refused(name, f"{kind} address", str(entry[kind]), PATH)
    if "path" in entry:
        extras = locks.names(entry.get("extras", ()))
        return locks.project(files, str(entry["path"]), PATH, name, extras)
    hashes = entry.get("hashes", ())
    version = str(entry.get("version", "")).removeprefix("==")
    return locks.exact(name, version, map(str, hashes if isinstance(hashes, list) else ()), PATH)
