"""What source trees, archives and wheels say of themselves: version, build system, metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from agent.environments.requirement_files import Line
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import SourceArchive
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_TREE

_DEFAULT_REQUIRES = ("setuptools>=40.8.0", "wheel")
_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"
_TREE = f"file://{SANDBOX_TREE}/"
_VERSION_START = re.compile(r"(?:(?<![0-9A-Za-z.])|(?<=[vVr]))(?=\d)")
VERSION_VARIABLES = (
    "SETUPTOOLS_SCM_PRETEND_VERSION", "VCS_VERSIONING_PRETEND_VERSION", "PDM_BUILD_SCM_VERSION",
    "POETRY_DYNAMIC_VERSIONING_BYPASS", "UV_DYNAMIC_VERSIONING_BYPASS",
    "HATCH_VCS_PRETEND_VERSION", "PBR_VERSION",
)  # fmt: skip
"""By which backends are told a version, however much of the tree is changed."""


class Metadata(Record):
    name: str
    version: str
    extras: tuple[str, ...]
    requires: tuple[str, ...]


class BuildSystem(Record):
    requires: tuple[str, ...] = _DEFAULT_REQUIRES
    backend: str = _DEFAULT_BACKEND
    backend_path: tuple[str, ...] | None = None


def read_metadata(text: str) -> Metadata:
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
        if not (requirement.url or _TREE).startswith(_TREE):
            shown = re.sub(r"://[^/@\s]*@", "://", text)
            yield (
                str(canonicalize_name(requirement.name)),
                f"the metadata of {label} requires `{shown}`, a direct address",
            )


def read_build_system(table: object, origin: str) -> BuildSystem:
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
    path = named.get("backend-path")
    given = {
        "requires": (*(() if "build-backend" in named else _DEFAULT_REQUIRES), *requires),
        "backend": str(named.get("build-backend", _DEFAULT_BACKEND)),
        "backend_path": tuple(map(str, path)) if isinstance(path, list) else None,
    }
    return BuildSystem.model_validate(given)


def read_version(tag: str | None, files: WorkTreeFiles) -> str:
    """The version that a tag names, as in `v1.2.3` or `project-1.2.3`.

    Without a tag that of PKG-INFO, where the tree is a released archive; 0.0.0 without either.
    """
    named = tag or ""
    starts = [match.start() for match in _VERSION_START.finditer(named)]
    for text in (*(named[start:] for start in starts), *re.findall(r"\d+(?:\.\d+)+", named)):
        with suppress(InvalidVersion):
            return str(Version(text))
    said = re.search(r"^Version: *(\S+)", files.text("PKG-INFO") or "", re.MULTILINE)
    return said[1] if said else "0.0.0"


def list_candidates(
    name: str, archives: Iterable[SourceArchive], known: Iterable[Line], words: str, python: str
) -> list[SourceArchive]:
    """Choose the source archives of a project that fit, those the resolver asks for first.

    Args:
        name: Of the project, normalized.
        archives: All there are of it.
        known: Requirements; those on other projects are passed over. Where they have hashes, an
            archive has one of these.
        words: What the resolver said.
        python: Version of the interpreter, in full.
    """
    allowed = SpecifierSet()
    hashes: set[str] = set()
    facts = {
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "extra": "",
    }
    for line in known:
        requirement = Requirement(line.text)
        if line.name == name and (not requirement.marker or requirement.marker.evaluate(facts)):
            allowed &= requirement.specifier
            hashes.update(one for one in line.hashes if one.startswith("sha256:"))
    pinned = {one.version for one in allowed if one.operator in ("==", "===")}
    found = [
        archive
        for archive in archives
        # As with wheels: what was yanked is taken only where it is named.
        if (not archive.is_yanked or archive.version in pinned)
        and (not hashes or f"sha256:{archive.sha256.lower()}" in hashes)
        and allowed.contains(archive.version, prereleases=allowed.prereleases or None)
        and _is_compatible(archive.requires_python, python)
    ]
    asked = _find_asked(words, name)
    # What the resolver's own words ask for comes first; the rest stays in reserve.
    return sorted(found, key=lambda a: not asked.contains(a.version, prereleases=True))


def _find_asked(words: str, name: str) -> SpecifierSet:
    """The versions of a project that the resolver's words speak of."""
    pattern = rf"(?:require|requires|depends on) {re.escape(name)}((?:[<>=!~]=?=?[\w.*+!]+,?)+)"
    found = re.findall(pattern, words.lower().replace("_", "-"))
    try:
        return SpecifierSet(",".join(part.strip(",") for part in dict.fromkeys(found)))
    except InvalidSpecifier:
        return SpecifierSet()


def _is_compatible(requires_python: str | None, python: str) -> bool:
    try:
        return SpecifierSet(requires_python or "").contains(python, prereleases=True)
    except InvalidSpecifier:
        return True
