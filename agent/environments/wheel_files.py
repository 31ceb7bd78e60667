"""Read what wheels and source archives say of themselves, as a sandbox has handed it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.errors import EnvironmentFailed
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_TREE

_DEFAULT_REQUIRES = ("setuptools>=40.8.0", "wheel")
_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"
_TREE = f"file://{SANDBOX_TREE}/"


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


def metadata(text: str) -> Metadata:
    """Read the METADATA of a wheel."""
    raw = parse_email(text)[0]
    return Metadata(
        name=raw.get("name", ""),
        version=raw.get("version", ""),
        extras=tuple(raw.get("provides_extra", ())),
        requires=tuple(raw.get("requires_dist", ())),
    )


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


def build_system(table: object, origin: str) -> BuildSystem:
    """Read who builds a project; setuptools where nobody is named.

    Raises:
        EnvironmentFailed: The table is not as the standard has it.
    """
    if table is None:
        return BuildSystem()
    named = table if isinstance(table, dict) else {"requires": None}
    requires = named.get("requires", [])
    if not isinstance(requires, list) or not all(isinstance(entry, str) for entry in requires):
        raise EnvironmentFailed(f"{origin}: build-system.requires must be a list of strings.")
    backend, path = named.get("build-backend"), named.get("backend-path")
    if backend is None:
        return BuildSystem(requires=(*_DEFAULT_REQUIRES, *requires))
    return BuildSystem(
        requires=tuple(requires),
        backend=str(backend),
        backend_path=tuple(map(str, path)) if isinstance(path, list) else None,
    )
