"""Read what installed distributions say of themselves: version, licence, what they need.

From the files of an environment in the store, as data: they were written by whoever made the
packages, so nothing in them is believed to have the right form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.models.environment import Environment
from agent.models.packages import Licensing
from agent.models.record import Record

_MOST_ENTRIES = 2_000
_MOST_EXTRAS = 100


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


def read_distributions(environment: str, wanted: Collection[str]) -> dict[str, Distribution]:
    """Read the metadata of some packages.

    Args:
        environment: Folder of the virtual environment on the host.
        wanted: Normalised names.

    Returns:
        By name; what is not installed, or says nothing that can be read, is not in it.
    """
    return {
        name: _read_metadata(name, one)
        for name, one in list_installed(environment)
        if name in wanted
    }


def find_offers(environment: Environment, wanted: Collection[str]) -> Iterator[Offer]:
    """Yield what extras of installed packages need, of the wanted names alone."""
    for by, installed in sorted(list_installed(environment.path), key=lambda pair: pair[0]):
        named = installed.metadata.get_all("Provides-Extra") or []
        extras = [{**_facts(environment), "extra": str(one)} for one in named[:_MOST_EXTRAS]]
        for line in (installed.requires or [])[:_MOST_ENTRIES]:
            with suppress(ValueError):  # no requirement, or a marker that compares nothing
                one = Requirement(line)
                name, marker, one.marker = str(canonicalize_name(one.name)), one.marker, None
                is_wanted = name in wanted and not one.url and "extra" in str(marker)
                if marker and is_wanted and any(map(marker.evaluate, extras)):
                    yield Offer(by=by, name=name, requirement=str(one))


def list_installed(environment: str) -> Iterator[tuple[str, metadata.Distribution]]:
    """Yield the packages of a virtual environment on the host, each with its normalised name."""
    places = map(str, Path(environment).glob("lib/python3*/site-packages"))
    for one in metadata.distributions(path=list(places)):
        if name := _field(one, "Name"):
            yield str(canonicalize_name(name)), one


def _read_metadata(name: str, one: metadata.Distribution) -> Distribution:
    classifiers = (one.metadata.get_all("Classifier") or [])[:_MOST_ENTRIES]
    needs = {need for line in (one.requires or [])[:_MOST_ENTRIES] if (need := _name(line))}
    return Distribution(
        name=name,
        version=_field(one, "Version"),
        licensing=Licensing(
            expression=_field(one, "License-Expression"),
            field=_field(one, "License"),
            classifiers=tuple(text for text in classifiers if text.startswith("License ::")),
        ),
        needs=tuple(sorted(needs)),
        is_local="file://" in (one.read_text("direct_url.json") or ""),
    )


def _field(one: metadata.Distribution, name: str) -> str:
    return str((one.metadata.get_all(name) or [""])[0]).strip()


def _facts(environment: Environment) -> dict[str, str]:
    return {
        "python_version": ".".join(environment.python.split(".")[:2]),
        "python_full_version": environment.python,
    }


def _name(requirement: str) -> str:
    with suppress(ValueError):
        required = Requirement(requirement)
        if "extra" not in str(required.marker or ""):
            return str(canonicalize_name(required.name))
    return ""
