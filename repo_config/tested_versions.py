"""Which versions of other packages a project says it is tested with. Pure.

Classifiers of frameworks, requirements of single factors of tox, and the matrices of CI say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict

from repo_config import python_versions, tox, workflows
from repo_config.project_files import Files

_CLASSIFIER = re.compile(r"Framework :: ([^:]+?) :: (\d+(?:\.\d+)*)")
_VERSION_KEY = re.compile(r"(?P<name>[a-z][a-z0-9-]*?)(?:-?versions?)?", re.IGNORECASE)
_STARTS = frozenset({"==", "~=", ">="})


class TestedVersions(BaseModel):
    """Ranges from the oldest to the newest version that is tested."""

    model_config = ConfigDict(frozen=True)

    install: tuple[str, ...] = ()
    """Requirements that tox meets differently in its runs."""
    constraints: tuple[str, ...] = ()
    """Of what is installed for another reason."""


def find_tested_versions(files: Files, whole: Files) -> TestedVersions:
    """Find what is tested.

    Args:
        files: The project.
        whole: The repository, where the project is a folder of it.
    """
    of_tox = list(_of_tox(files))
    found: dict[str, list[SpecifierSet]] = {}
    for name, specifier in (*_read_classified(files), *of_tox, *_of_ci(whole)):
        found.setdefault(name, []).append(specifier)
    ranges = {name: text for name in sorted(found) if (text := _range(found[name]))}
    installed = dict.fromkeys(name for name, _ in of_tox)
    return TestedVersions(
        install=tuple(name + ranges.get(name, "") for name in installed),
        constraints=tuple(
            name + ends for name, ends in ranges.items() if name not in installed and "<" in ends
        ),
    )


def _range(specifiers: list[SpecifierSet]) -> str:
    """Span from the lowest version to the end of the highest range; empty where none begins."""
    starts = {start: one for one in specifiers if (start := _parse_start(one)) is not None}
    if not starts:
        return ""
    first, newest = min(starts), starts[max(starts)]
    return ",".join([f">={first}", *filter(None, map(_parse_end, newest))])


def _parse_start(specifier: SpecifierSet) -> Version | None:
    versions = [_version(one.version) for one in specifier if one.operator in _STARTS]
    return max((one for one in versions if one is not None), default=None)


def _parse_end(one: Specifier) -> str:
    """What a clause of a specifier says of the highest version."""
    release = (_version(one.version) or Version("0")).release
    if one.operator in ("<", "<="):
        return str(one)
    if one.operator == "~=":
        release = release[:-1]
    elif one.operator != "==" or not one.version.endswith(".*"):
        # A run with one version exactly, often the oldest, says nothing of newer ones.
        return ""
    return f"<{'.'.join(map(str, (*release[:-1], release[-1] + 1)))}"


def _read_classified(files: Files) -> Iterator[tuple[str, SpecifierSet]]:
    for lines, _ in python_versions.classifiers(files):
        for match in filter(None, (_CLASSIFIER.fullmatch(line.strip()) for line in lines)):
            yield canonicalize_name(match[1].replace(" ", "-")), SpecifierSet(f"=={match[2]}.*")


def _of_tox(files: Files) -> Iterator[tuple[str, SpecifierSet]]:
    found = tox.read_tox(files)
    for line in found.lines("deps") if found else ():
        factors, plain = tox.split_factors(line)
        if factors:
            try:
                requirement = Requirement(plain)
            except InvalidRequirement:
                continue
            yield canonicalize_name(requirement.name), requirement.specifier


def _of_ci(whole: Files) -> Iterator[tuple[str, SpecifierSet]]:
    for job in workflows.read_jobs(whole):
        for key, values in job.matrix.items():
            match = _VERSION_KEY.fullmatch(key.replace("_", "-"))
            for value in values if match else ():
                bare = re.fullmatch(r"\d+(\.\d+)*", value)
                try:
                    specifier = SpecifierSet(f"=={value}.*" if bare else value)
                except InvalidSpecifier:
                    continue
                if match:
                    yield canonicalize_name(match["name"]), specifier


def _version(text: str) -> Version | None:
    try:
        return Version(text.removesuffix(".*"))
    except InvalidVersion:
        return None
