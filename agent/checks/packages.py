"""The packages that come with a change: which, in which version, and what they say of themselves.

No tool is run: two environments are held against each other, and the metadata of what differs is
read. What is known of their vulnerabilities is looked up in the operator's records
(`known_vulnerabilities`). What follows from all of it is left to rules
(`agent.policy.upkeep.brought`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.checks.known_vulnerabilities import Affected, Index, Records, Unusable
from agent.environments import distributions
from agent.environments.distributions import Distribution
from agent.models.checks import CheckResult, Status
from agent.models.environment import Environment
from agent.models.packages import Brought, DeclaredPackage, Package, VulnerabilityData

NAME = "packages"
_MOST_STEPS = 50
#: Records are edited every day; a dump whose newest is older than this was not brought up to date.
_STALE_DAYS = 30


class Known:
    """The operator's records of known vulnerabilities, read when they are asked for."""

    def __init__(self, place: Path | None, cache: Path, now: float) -> None:
        """Take where they are.

        Args:
            place: A dump of osv.dev, a folder or a zip file; None: the operator has named none.
            cache: Folder for what is noted of it.
            now: Seconds since the epoch.
        """
        self._place, self._cache, self._now = place, cache, now

    def said_of(self, packages: list[Package]) -> Brought:
        """Add to packages what is known of their versions."""
        if self._place is None:
            return Brought(packages=tuple(packages))
        try:
            records = Records(self._place, self._cache)
        except Unusable as problem:
            data = VulnerabilityData(problems=(str(problem),))
            return Brought(packages=tuple(packages), known=data)
        pairs = {(one.name, version) for one in packages for version in (one.version, one.before)}
        found = records.about(sorted(pair for pair in pairs if pair[1]))
        told = tuple(_with_vulnerabilities(one, found) for one in packages)
        return Brought(packages=told, known=self._data(records.index, found.values()))

    def _data(self, index: Index, found: Iterable[Affected]) -> VulnerabilityData:
        problems = [*index.skipped, *(said for one in found for said in one.problems)]
        if more := index.unreadable - len(index.skipped):
            problems.append(f"{more} more")
        days = 0
        with suppress(ValueError):
            newest = datetime.fromisoformat(index.newest).replace(tzinfo=UTC).timestamp()
            days = int((self._now - newest) // 86_400)
        return VulnerabilityData(
            count=index.count,
            newest=index.newest,
            stale_days=days if days > _STALE_DAYS else 0,
            problems=tuple(dict.fromkeys(problems)),
        )


def _with_vulnerabilities(package: Package, found: Mapping[tuple[str, str], Affected]) -> Package:
    now = found.get((package.name, package.version), Affected()).by
    before = {
        name for one in found.get((package.name, package.before), Affected()).by for name in one.ids
    }
    return package.model_copy(
        update={
            "vulnerabilities": tuple(one for one in now if before.isdisjoint(one.ids)),
            "kept": tuple(one for one in now if not before.isdisjoint(one.ids)),
        }
    )


_NOTHING = Known(None, Path(), 0)


def look(
    declared: tuple[DeclaredPackage, ...],
    base: Environment,
    head: Environment,
    known: Known = _NOTHING,
) -> CheckResult:
    """Say what the environment of the change has that the one of base has not.

    Args:
        declared: What the change declares anew, or fixes another version of.
        base: The environment of base.
        head: The one that the change declares.
        known: What is known of vulnerabilities.
    """
    old, new = _versions(base), _versions(head)
    other = {name for name, version in new.items() if old.get(name) != version}
    after = distributions.read(head.path, other)
    before = distributions.read(base.path, other & old.keys())
    places = {one.name: one.place for one in reversed(declared)}
    found = [
        Package(
            name=name,
            version=new[name],
            is_new=name not in old,
            before=old.get(name, ""),
            place=_place(name, places, after),
            needed_by=_needed_by(name, after),
            licensing=after[name].licensing if name in after else None,
            earlier=before[name].licensing if name in before else None,
        )
        for name in sorted(other)
        if name not in after or not after[name].is_local
    ]
    found += _not_installed(declared, new)
    refused = (
        {} if base.refused_lock else {"refused_lock": head.refused_lock, "refusal": head.refusal}
    )
    brought = known.said_of(found).model_copy(update=refused)
    return CheckResult(
        name=NAME,
        status=Status.PASSED,
        figures=_figures(brought),
        brought=brought,
        output="\n".join(f"{one.name} {one.version}" for one in found),
    )


def _versions(environment: Environment) -> dict[str, str]:
    pairs = (entry.partition("==") for entry in environment.packages)
    return {str(canonicalize_name(name)): version for name, _, version in pairs if version}


def _not_installed(
    declared: tuple[DeclaredPackage, ...], installed: Mapping[str, str]
) -> list[Package]:
    """Return what is declared for what the checks do not install: documentation, other systems."""
    return [
        Package(
            name=one.name,
            version=one.version,
            is_new=one.is_new,
            before=one.before,
            place=one.place,
        )
        for one in declared
        if installed.get(one.name) != one.version and (one.version or one.name not in installed)
    ]


def _needed_by(name: str, after: Mapping[str, Distribution]) -> tuple[str, ...]:
    return tuple(sorted(other for other, one in after.items() if name in one.needs))


def _place(name: str, places: Mapping[str, str], after: Mapping[str, Distribution]) -> str:
    """Return where it is declared, or what needs it, however many packages are between."""
    seen, waiting = {name}, [name]
    while waiting and len(seen) < _MOST_STEPS:
        at = waiting.pop(0)
        if at in places:
            return places[at]
        nearer = [one for one in _needed_by(at, after) if one not in seen]
        seen.update(nearer)
        waiting += nearer
    return ""


def _figures(brought: Brought) -> str:
    found = brought.packages
    new = sum(one.is_new for one in found)
    parts = [f"{new} new"] if new else []
    if len(found) > new:
        parts.append(f"{len(found) - new} in another version")
    parts = parts or ["none that are new"]
    if vulnerable := sum(bool(one.vulnerabilities) for one in found):
        parts.append(f"{vulnerable} known to be vulnerable")
    return ", ".join(parts)
