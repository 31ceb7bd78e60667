"""Read `pylock.toml`, the lock file of the standard (PEP 751)."""

from __future__ import annotations

import posixpath
from typing import Any

from packaging.pylock import (
    Package,
    Pylock,
    PylockUnsupportedVersionError,
    PylockValidationError,
)

from agent.environments.locks import lock as locks
from agent.environments.locks.lock import Lock, Offer, Target
from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed

PATH = "pylock.toml"


def offer(files: TreeFiles, _pyproject: dict[str, Any]) -> Offer | None:
    """What the lock offers; None where there is none."""
    if files.read(PATH) is None:
        return None
    lock = _read(files)
    folders = [_folder(package) for package in lock.packages if package.directory]
    return Offer(
        kind="pylock",
        path=PATH,
        files=(PATH, "pyproject.toml"),
        extras=locks.names(lock.extras or ()),
        groups=locks.names(lock.dependency_groups or ()),
        default_groups=locks.names(lock.default_groups or ()),
        builds=bool(folders),
        names_root="." in folders,
        indexes=locks.indexes((package.index for package in lock.packages), PATH),
        requires_python=str(lock.requires_python) if lock.requires_python else None,
    )


def requirements(files: TreeFiles, lock: Lock, target: Target) -> Requirements:
    """What the chosen groups and extras install.

    Raises:
        EnvironmentFailed: The lock cannot be read, is for other Pythons, or a package is not on
            an index.
    """
    document = _read(files)
    python = document.requires_python
    if python is not None and not python.contains(target.python, prereleases=True):
        raise EnvironmentFailed(
            f"{PATH} is for Python {python}, not for {target.python}. Name another with "
            "`python.version` in .github/mergewright.yml."
        )
    values: dict[str, Any] = {
        **target.markers(),
        "extras": frozenset(lock.extras),
        "dependency_groups": frozenset(lock.groups),
    }
    places = document.environments or ()
    if places and not any(marker.evaluate({**target.markers()}) for marker in places):
        raise EnvironmentFailed(
            f"{PATH} is for none of the environments that a room has: Linux, Python "
            f"{target.python}. Lock it for these too."
        )
    found = [
        _installed(files, package)
        for package in document.packages
        if package.marker is None or package.marker.evaluate(values, context="lock_file")
    ]
    return Requirements().plus(*found)


def _read(files: TreeFiles) -> Pylock:
    try:
        return Pylock.from_dict(files.toml(PATH))
    except (PylockValidationError, PylockUnsupportedVersionError) as problem:
        raise EnvironmentFailed(f"{PATH} is not valid: {problem}.") from problem


def _installed(files: TreeFiles, package: Package) -> Requirements:
    name = str(package.name)
    if package.vcs is not None:
        address = package.vcs.url or package.vcs.path or ""
        raise locks.refused(name, f"{package.vcs.type} repository", address, PATH)
    if package.archive is not None:
        address = package.archive.url or package.archive.path or ""
        raise locks.refused(name, "single archive", address, PATH)
    if package.directory is not None:
        return locks.project(files, _folder(package), PATH, name)
    archives = [*(package.wheels or ()), *([package.sdist] if package.sdist else ())]
    hashes = [
        f"{algorithm}:{digest}" for one in archives for algorithm, digest in one.hashes.items()
    ]
    if package.version is None:
        raise EnvironmentFailed(f"{PATH}: {name} has no version.")
    return locks.exact(name, str(package.version), hashes, PATH)


def _folder(package: Package) -> str:
    assert package.directory is not None  # noqa: S101 - both callers have looked
    return posixpath.normpath(
        posixpath.join(package.directory.path, package.directory.subdirectory or "")
    )
