"""Which version a source has, and which of several sources are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from agent.environments.requirement_files import Line
from agent.environments.tree_files import TreeFiles
from agent.models.package_index import SourceArchive

#: They read no variable: without git, the metadata of a released archive tells them the version.
_BY_METADATA = frozenset({"versioningit", "setuptools-git-versioning"})
_VERSION_START = re.compile(r"(?:(?<![0-9A-Za-z.])|(?<=[vVr]))(?=\d)")


def version_environ(version: str) -> dict[str, str]:
    """Hand a version to every backend that would otherwise ask git for it."""
    return {
        "SETUPTOOLS_SCM_PRETEND_VERSION": version,
        "VCS_VERSIONING_PRETEND_VERSION": version,
        "PDM_BUILD_SCM_VERSION": version,
        "POETRY_DYNAMIC_VERSIONING_BYPASS": version,
        "UV_DYNAMIC_VERSIONING_BYPASS": version,
        "HATCH_VCS_PRETEND_VERSION": version,
        "PBR_VERSION": version,
    }


def version_file(requires: Iterable[str], names: Sequence[str], version: str) -> dict[str, bytes]:
    """Files that hand a version to a backend which no variable reaches; by name.

    For these alone: others take from such a file all that it does not say as well.

    Args:
        requires: What the backend is run with, as requirements.
        names: Of the project, as far as it is known.
    """
    used = {canonicalize_name(Requirement(one).name) for one in requires}
    if not names or not used & _BY_METADATA:
        return {}
    text = f"Metadata-Version: 2.1\nName: {names[0]}\nVersion: {version}\n"
    return {"PKG-INFO": text.encode()}


def version_for(tag: str | None, files: TreeFiles) -> str:
    """The version that a tag names, as in `v1.2.3` or `project-1.2.3`.

    Without a tag that of PKG-INFO, where the tree is a released archive; 0.0.0 without either.
    """
    named = tag or ""
    starts = [match.start() for match in _VERSION_START.finditer(named)]
    for text in (*(named[start:] for start in starts), *re.findall(r"\d+(?:\.\d+)+", named)):
        try:
            return str(Version(text))
        except InvalidVersion:
            continue
    said = re.search(r"^Version: *(\S+)", files.text("PKG-INFO") or "", re.MULTILINE)
    return said[1] if said else "0.0.0"


def list_candidates(
    name: str, archives: Iterable[SourceArchive], known: Iterable[Line], words: str, version: str
) -> list[SourceArchive]:
    """Choose the source archives of a project that fit, those the resolver asks for first.

    Args:
        name: Of the project, normalized.
        archives: All there are of it.
        known: Requirements; those on other projects are passed over. Where they have hashes, an
            archive has one of these.
        words: What the resolver said.
        version: Of the interpreter, in full.
    """
    allowed = SpecifierSet()
    hashes: set[str] = set()
    for line in known:
        requirement = Requirement(line.text)
        applies = requirement.marker is None or requirement.marker.evaluate(
            {
                "python_full_version": version,
                "python_version": ".".join(version.split(".")[:2]),
                "extra": "",
            }
        )
        if line.name == name and applies:
            allowed &= requirement.specifier
            hashes.update(one for one in line.hashes if one.startswith("sha256:"))
    found = [
        archive
        for archive in archives
        if (not hashes or f"sha256:{archive.sha256.lower()}" in hashes)
        and allowed.contains(archive.version, prereleases=_prereleases(allowed))
        and _is_compatible(archive.requires_python, version)
    ]
    asked = asked_in(words, name)
    # What the resolver's own words ask for comes first; the rest stays in reserve.
    return sorted(found, key=lambda a: not asked.contains(a.version, prereleases=True))


def asked_in(words: str, name: str) -> SpecifierSet:
    """The versions of a project that the resolver's words speak of."""
    pattern = rf"(?:require|requires|depends on) {re.escape(name)}((?:[<>=!~]=?=?[\w.*+!]+,?)+)"
    found = re.findall(pattern, words.lower().replace("_", "-"))
    try:
        return SpecifierSet(",".join(part.strip(",") for part in dict.fromkeys(found)))
    except InvalidSpecifier:
        return SpecifierSet()


def _prereleases(allowed: SpecifierSet) -> bool | None:
    return True if allowed.prereleases else None


def _is_compatible(requires_python: str | None, version: str) -> bool:
    try:
        return SpecifierSet(requires_python or "").contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
