"""Read what installed distributions say of themselves: version, extras.

From the files of an environment in the store, as data: they were written by whoever made the
packages, so nothing in them is believed to have the right form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.environments.tree_files import WorkTreeFiles
from agent.models.checks import CheckResult
from agent.models.environment import Environment
from agent.models.record import Record
from repo_config import dependencies

_MOST_ENTRIES = 2_000
_MISSING = re.compile(r"ModuleNotFoundError: No module named '(\w+)'")
_WORD = re.compile(r"[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?")
#: How packages are called after their module.
_FORMS = ("{}", "py{}", "python-{}")
#: Modules that were dropped while packages still import them, and what brings each without a
#: warning, which many a test counts as an error.
_DROPPED = {"pkg_resources": "setuptools<67.5", "distutils": "setuptools"}
_RED = ("error", "failed")
_MOST_TEXTS = 200
_MOST_MISSING = 10
_MOST_EXTRAS = 100


class Distribution(Record):
    name: str
    """Normalised."""
    version: str
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
    has, facts = environment.versions, environment.marker_facts
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
        extras = [{**environment.marker_facts, "extra": str(one)} for one in named[:_MOST_EXTRAS]]
        for line in (installed.requires or [])[:_MOST_ENTRIES]:
            with suppress(ValueError):  # no requirement, or a marker that compares nothing
                one = Requirement(line)
                name, marker, one.marker = str(canonicalize_name(one.name)), one.marker, None
                is_wanted = name in wanted and not one.url and "extra" in str(marker)
                if marker and is_wanted and any(map(marker.evaluate, extras)):
                    yield Offer(by=by, name=name, requirement=str(one))


def find_missing_packages(
    tests: CheckResult, environment: Environment, files: WorkTreeFiles
) -> tuple[str, ...]:
    """Find what tests of base lack and the project or an installed package names in an extra.

    Returns:
        Requirements, with the bounds of the package that names them.
    """
    red = dict.fromkeys(item.text for item in tests.items if item.outcome in _RED)
    modules, words = set[str](), set[str]()
    for text in [*red][:_MOST_TEXTS] or [tests.output]:
        modules.update(_MISSING.findall(text))
        words.update(str(canonicalize_name(word)) for word in _WORD.findall(text))
    asked = {str(canonicalize_name(form.format(name))) for name in modules for form in _FORMS}
    own = list(_list_own_extras(files, environment))
    # An extra that is called as the module brings it under whatever name.
    asked |= {offer.name for extra, offer in own if extra in asked}
    found = {name: _DROPPED[name] for name in modules & _DROPPED.keys()}
    wanted = (asked | words) - environment.versions.keys()
    of_project = (offer for _, offer in own if offer.name in wanted)
    for offer in (*of_project, *find_offers(environment, wanted)):
        # A plain word may mean anything where nobody is named who needs a package called so.
        is_meant = offer.name in asked or offer.by in words or "-" in offer.name
        if is_meant and (offer.name not in found or offer.by in words):
            found[offer.name] = offer.requirement
    return tuple(found[name] for name in sorted(found))[:_MOST_MISSING]


def _list_own_extras(files: WorkTreeFiles, environment: Environment) -> Iterator[tuple[str, Offer]]:
    """Yield what the project's own table of extras names: each extra, and a requirement of it."""
    own = {*dependencies.list_own_names(files.detection_files)}
    for extra, texts in dependencies.read_extras(files.toml("pyproject.toml")).items():
        for text in texts:
            with suppress(ValueError):
                one = Requirement(text)
                name, marker, one.marker = str(canonicalize_name(one.name)), one.marker, None
                applies = marker is None or marker.evaluate(
                    {**environment.marker_facts, "extra": ""}
                )
                # Under the project's own name, an index has its release and not the tree.
                if applies and not one.url and name not in own:
                    offer = Offer(by=min(own, default=""), name=name, requirement=str(one))
                    yield str(canonicalize_name(extra)), offer


def list_installed(environment: str) -> Iterator[tuple[str, metadata.Distribution]]:
    """Yield the packages of a virtual environment on the host, each with its normalised name."""
    places = map(str, Path(environment).glob("lib/python3*/site-packages"))
    for one in metadata.distributions(path=list(places)):
        if name := _field(one, "Name"):
            yield str(canonicalize_name(name)), one


def _read_metadata(name: str, one: metadata.Distribution) -> Distribution:
    return Distribution(
        name=name,
        version=_field(one, "Version"),
        is_local="file://" in (one.read_text("direct_url.json") or ""),
    )


def _field(one: metadata.Distribution, name: str) -> str:
    return str((one.metadata.get_all(name) or [""])[0]).strip()
