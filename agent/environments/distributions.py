"""Read what installed distributions say of themselves: version, licence, what they need.

From the files of an environment in the store, as data: they were written by whoever made the
packages, so they are read within bounds and nothing in them is believed to have the right form.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.models.environment import Environment
from agent.models.packages import Licensing
from agent.models.record import Record

#: A description may follow the fields that are wanted here; it is not read.
_MOST_BYTES = 256 * 1024
_MOST_ENTRIES = 2_000
_MOST_EXTRAS = 100
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Distribution(Record):
    """One installed package."""

    name: str
    """Normalised."""
    version: str
    licensing: Licensing = Licensing()
    needs: tuple[str, ...] = ()
    """Names of what it requires, normalised, without what only an extra of it does."""
    is_local: bool = False
    """Whether it was built from the repository itself."""


class Offer(Record):
    """What one installed package needs for an extra of it."""

    by: str
    """The package's name, normalised."""
    name: str
    """Of what it needs, normalised."""
    requirement: str
    """The same with its bounds, without the condition."""


def find_unmet(declared: Iterable[str], environment: Environment) -> tuple[str, ...]:
    """Say which requirements an environment does not meet, each with the version that it has."""
    has = dict(one.split("==", 1) for one in environment.packages)
    facts = _facts(environment)
    unmet = []
    for text in declared:
        one = Requirement(text)
        version = has.get(str(canonicalize_name(one.name)))
        if one.marker is not None and not one.marker.evaluate(facts):
            continue
        if version is None or not one.specifier.contains(version, prereleases=True):
            unmet.append(f"{one.name}{one.specifier} (has {version or 'none'})")
    return tuple(unmet)


def read(environment: str, wanted: Collection[str]) -> dict[str, Distribution]:
    """Read the metadata of some packages.

    Args:
        environment: Folder of the virtual environment on the host.
        wanted: Normalised names.

    Returns:
        By name; what is not installed, or says nothing that can be read, is not in it.
    """
    found = {}
    for place in _places(environment):
        name, version = _split(place)
        canonical = str(canonicalize_name(name))
        if canonical in wanted and (content := _content(place / "METADATA")) is not None:
            one = parsed(canonical, version, content)
            origin = _content(place / "direct_url.json") or b""
            found[canonical] = one.model_copy(update={"is_local": b"file://" in origin})
    return found


def find_offers(environment: Environment, wanted: Collection[str]) -> Iterator[Offer]:
    """Yield what extras of installed packages need, of the wanted names alone."""
    for place in sorted(_places(environment.path)):
        by = str(canonicalize_name(_split(place)[0]))
        raw = _parse(_content(place / "METADATA") or b"")
        extras = [{**_facts(environment), "extra": one} for one in raw.get("provides_extra", [])]
        for line in raw.get("requires_dist", [])[:_MOST_ENTRIES]:
            with suppress(ValueError):  # no requirement, or a marker that compares nothing
                one = Requirement(line)
                name, marker, one.marker = str(canonicalize_name(one.name)), one.marker, None
                is_wanted = name in wanted and not one.url and "extra" in str(marker)
                if marker and is_wanted and any(map(marker.evaluate, extras[:_MOST_EXTRAS])):
                    yield Offer(by=by, name=name, requirement=str(one))


def parsed(name: str, version: str, content: bytes) -> Distribution:
    """Read the fields of one metadata file."""
    raw = _parse(content)
    needs = {one for line in raw.get("requires_dist", [])[:_MOST_ENTRIES] if (one := _name(line))}
    return Distribution(
        name=name,
        version=version,
        licensing=Licensing(
            expression=raw.get("license_expression", "").strip(),
            field=raw.get("license", "").strip(),
            classifiers=tuple(
                one
                for one in raw.get("classifiers", [])[:_MOST_ENTRIES]
                if one.startswith("License ::")
            ),
        ),
        needs=tuple(sorted(needs)),
    )


def _places(environment: str) -> Iterator[Path]:
    return Path(environment).glob("lib/python3*/site-packages/*.dist-info")


def _split(place: Path) -> tuple[str, str]:
    """Give name and version, as a folder of metadata is called."""
    name, _, version = place.name.removesuffix(".dist-info").rpartition("-")
    return name, version


def _parse(content: bytes) -> RawMetadata:
    # Fields end where the description begins; cut there, no half of a character is left.
    head = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n"
    return parse_email(head)[0]


def _facts(environment: Environment) -> dict[str, str]:
    return {
        "python_version": ".".join(environment.python.split(".")[:2]),
        "python_full_version": environment.python,
    }


def _name(requirement: str) -> str:
    try:
        required = Requirement(requirement)
    except InvalidRequirement:
        return ""
    is_extra = required.marker is not None and "extra" in str(required.marker)
    return "" if is_extra else str(canonicalize_name(required.name))


def _content(path: Path) -> bytes | None:
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            return file.read(_MOST_BYTES)
    except OSError:
        return None
