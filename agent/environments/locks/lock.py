"""What the readers of lock files share: what a lock offers, what was chosen, what is installed.

A lock lists every package with its version and hashes, so nothing is resolved here: groups,
extras and markers only select, for the one Python that rooms have. Each kind of lock has a
module of its own beside this one.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import InvalidVersion, Version

from agent.domain import Record
from agent.environments.requirement_files import (
    Line,
    LocalProject,
    Requirements,
    named_index,
)
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.ports import IndexWish

Kind = Literal["uv", "poetry", "pdm", "pylock", "pipenv"]

#: The two ways to say something that holds everywhere, and nowhere.
_ALWAYS, _NEVER = 'os_name != ""', 'os_name == ""'
_HASH = re.compile(r"sha(?:256|384|512):[0-9a-fA-F]+")
_EXTRA = re.compile(
    r"""\bextra\s*(==|!=)\s*(["'])([^"']*)\2|(["'])([^"']*)\4\s*(==|!=)\s*extra\b"""
)


class Offer(Record):
    """A lock file of a tree, and what can be chosen of it."""

    kind: Kind
    path: str
    """Of the lock file, from the project."""
    folder: str | None = None
    """Where it lies, from the root of the repository; None: beside the project."""
    files: tuple[str, ...]
    """Every file that has a say."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    default_groups: tuple[str, ...] = ()
    """Those that the repository itself says are installed where nobody asks."""
    usual_groups: tuple[str, ...] = ()
    """Taken by the tool that made the lock if nobody says anything; here only where none is for
    tests by its name, since the rest (documentation, linters) is not run."""
    builds: bool = False
    """Whether it names projects of the tree that are built."""
    names_root: bool = False
    """Whether the project at the root is one of these."""
    covers_project: bool = True
    """Whether it locks all that the project at the root asks for."""
    requires_python: str | None = None
    """What Python it is for, where it says so."""
    indexes: tuple[IndexWish, ...] = ()
    """Where it says that its packages come from."""
    notes: tuple[str, ...] = ()


class Lock(Record):
    """A lock file, and what was chosen of it."""

    kind: Kind
    path: str
    """From the project."""
    folder: str
    """Where it lies, from the root of the repository."""
    files: dict[str, bytes]
    """By path from the project."""
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    builds: bool
    """Whether it names projects of the tree that are built."""
    covers_project: bool = True
    notes: tuple[str, ...] = ()


class Target(Record):
    """The one environment that a lock is read for: that of a room."""

    python: str
    """Version of the interpreter, in full."""

    def markers(self) -> dict[str, str]:
        """Values of the variables of markers."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": "posix",
            "platform_machine": platform.machine(),
            "platform_python_implementation": "CPython",
            "platform_release": os.uname().release,
            "platform_system": "Linux",
            "platform_version": os.uname().version,
            "python_full_version": self.python,
            "python_version": ".".join(self.python.split(".")[:2]),
            "sys_platform": "linux",
        }

    def meets(self, marker: str, origin: str, extras: Collection[str] = ()) -> bool:
        """Whether a marker holds; `extra == "x"` holds where x is one of the extras.

        Raises:
            EnvironmentFailed: It is no marker.
        """

        def decided(match: re.Match[str]) -> str:
            asked = str(canonicalize_name(match[3] if match[3] is not None else match[5]))
            is_there = asked in extras
            return _ALWAYS if is_there == ((match[1] or match[6]) == "==") else _NEVER

        try:
            return Marker(_EXTRA.sub(decided, marker)).evaluate({**self.markers(), "extra": ""})
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName) as problem:
            raise EnvironmentFailed(
                f"{origin}: `{marker}` is not an environment marker."
            ) from problem


def exact(name: str, version: str, hashes: Iterable[str], origin: str) -> Requirements:
    """One package of the index at one version.

    Raises:
        EnvironmentFailed: That is no name, or no version.
    """
    if not is_normalized_name(canonicalize_name(name)):
        raise EnvironmentFailed(f"{origin}: `{name}` is not the name of a project.")
    try:
        Version(version)
    except InvalidVersion as problem:
        raise EnvironmentFailed(f"{origin}: `{version}` of {name} is not a version.") from problem
    # MD5 proves nothing, and uv takes none.
    kept = sorted(one for one in {_named(one) for one in hashes} if _HASH.fullmatch(one))
    return Requirements(lines=(Line(text=f"{name}=={version}", origin=origin, hashes=tuple(kept)),))


def _named(digest: str) -> str:
    """A digest with its algorithm; the first locks name none."""
    return digest if ":" in digest else f"sha256:{digest}"


def project(
    files: TreeFiles, folder: str, origin: str, name: str, extras: Iterable[str] = ()
) -> Requirements:
    """A project of the tree, in a folder that is given from where the lock is.

    Raises:
        EnvironmentFailed: It is outside the tree, or nothing that can be built.
    """
    where = files.from_root(folder)
    if where is None:
        raise EnvironmentFailed(
            f"{origin}: {name} comes from `{folder}`, which is outside the repository."
        )
    if not files.is_project(folder):
        raise EnvironmentFailed(
            f"{origin}: {name} comes from `{folder}`, which holds neither pyproject.toml nor "
            "setup.py, so it cannot be installed."
        )
    found = LocalProject(folder=where, extras=tuple(sorted(extras)), origin=origin)
    return Requirements(projects=(found,))


def refused(name: str, kind: str, address: str, origin: str) -> EnvironmentFailed:
    """What is said of a package that is not on the index."""
    shown = re.sub(r"://[^/@\s]*@", "://", address)
    return EnvironmentFailed(
        f"{origin}: {name} comes from a {kind} ({shown}). Only packages of the index and projects "
        "of the repository are installed: lock a released version, or leave the group or extra "
        "out with `python.groups` or `python.extras` in .github/mergewright.yml."
    )


def indexes(urls: Iterable[object], origin: str) -> tuple[IndexWish, ...]:
    """Indexes of the web among addresses, each once."""
    web = [str(url) for url in urls if re.match(r"https?://", str(url))]
    return tuple(named_index(url, origin) for url in dict.fromkeys(web))


def names(values: Iterable[object]) -> tuple[str, ...]:
    """Names of groups or extras as they are compared, each once."""
    return tuple(dict.fromkeys(str(canonicalize_name(str(value))) for value in values))


def table(document: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """A nested table; empty where it is missing or something else."""
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return dict(value) if isinstance(value, Mapping) else {}


def entries(document: Mapping[str, Any], key: str, origin: str) -> list[dict[str, Any]]:
    """An array of tables, such as `[[package]]`.

    Raises:
        EnvironmentFailed: It is something else.
    """
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise EnvironmentFailed(f"{origin}: [[{key}]] must be an array of tables.")
    return value
