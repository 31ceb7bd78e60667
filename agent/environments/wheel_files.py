"""Read wheels and source archives as data: what they say of themselves. Nothing is unpacked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.environments import archives
from agent.errors import EnvironmentFailed
from agent.models.record import Record
from agent.models.sandbox import ROOM_TREE
from repo_config import toml_text

_MOST_PYPROJECT = 1024**2
_MOST_METADATA = 4 * 1024**2
_DEFAULT_REQUIRES = ("setuptools>=40.8.0", "wheel")
_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"


_TREE = f"file://{ROOM_TREE}/"


class Metadata(Record):
    """What a wheel says of itself."""

    name: str
    version: str
    extras: tuple[str, ...]
    requires: tuple[str, ...]

    def bring(self, extra: str) -> tuple[str, ...]:
        """List the requirements that an extra adds."""
        found = []
        for text in self.requires:
            with suppress(ValueError):  # no requirement, or a marker that compares nothing
                marker = Requirement(text).marker
                if marker and marker.evaluate({"extra": extra}) > marker.evaluate({"extra": ""}):
                    found.append(text)
        return tuple(found)


class BuildSystem(Record):
    """Who builds, and with what."""

    requires: tuple[str, ...] = _DEFAULT_REQUIRES
    backend: str = _DEFAULT_BACKEND
    backend_path: tuple[str, ...] | None = None


def metadata(wheel: Path) -> Metadata:
    """Read what a wheel says of itself.

    Raises:
        EnvironmentFailed: It is no wheel.
    """
    try:
        with archives.open_zip(wheel) as packed:
            entry = next(
                entry
                for entry in packed.infolist()
                if entry.filename.endswith(".dist-info/METADATA") and entry.filename.count("/") == 1
            )
            content = archives.read_entry(packed, entry, _MOST_METADATA)
        fields = BytesParser().parsebytes(content, headersonly=True)
        return Metadata(
            name=str(fields["Name"]),
            version=str(fields["Version"]),
            extras=tuple(map(str, fields.get_all("Provides-Extra", []))),
            requires=tuple(map(str, fields.get_all("Requires-Dist", []))),
        )
    except (StopIteration, *archives.PROBLEMS) as problem:
        raise EnvironmentFailed(f"{wheel.name} is not a wheel that can be read.") from problem


def find_addresses(facts: Metadata, label: str) -> Iterator[tuple[str, str]]:
    """Yield the dependencies on direct addresses, which are never fetched.

    Yields:
        The name of the project, and why it is done without.

    Raises:
        EnvironmentFailed: A dependency cannot be read.
    """
    for text in facts.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as problem:
            raise EnvironmentFailed(
                f"The metadata of {label} requires `{text}`, which cannot be read."
            ) from problem
        # A project of the tree is named by its lock, or else the resolver misses it.
        is_foreign = not (requirement.url or _TREE).startswith(_TREE)
        if is_foreign:
            shown = re.sub(r"://[^/@\s]*@", "://", text)
            yield (
                str(canonicalize_name(requirement.name)),
                f"the metadata of {label} requires `{shown}`, a direct address",
            )


def build_system(pyproject: dict[str, Any], origin: str) -> BuildSystem:
    """Read who builds a project; setuptools where nobody is named.

    Raises:
        EnvironmentFailed: The table is not as the standard has it.
    """
    table = pyproject.get("build-system")
    if table is None:
        return BuildSystem()
    requires = table.get("requires", []) if isinstance(table, dict) else None
    if not isinstance(requires, list) or not all(isinstance(entry, str) for entry in requires):
        raise EnvironmentFailed(f"{origin}: build-system.requires must be a list of strings.")
    backend, path = table.get("build-backend"), table.get("backend-path")
    if backend is None:
        return BuildSystem(requires=(*_DEFAULT_REQUIRES, *requires))
    return BuildSystem(
        requires=tuple(requires),
        backend=str(backend),
        backend_path=tuple(map(str, path)) if isinstance(path, list) else None,
    )


def pyproject_of(archive: Path) -> dict[str, Any]:
    """Read the pyproject.toml of a source archive; empty where it has none.

    Raises:
        EnvironmentFailed: The archive or the file cannot be read.
    """
    try:
        for name, content in archives.files_of(archive, "pyproject.toml", _MOST_PYPROJECT):
            if name.count("/") == 1:
                return toml_text.parse(content.decode())
    except archives.PROBLEMS as problem:
        raise EnvironmentFailed(f"{archive.name} cannot be read: {problem}") from problem
    return {}
