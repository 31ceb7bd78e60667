"""The packages that come with a change: which, in which version, and what they say of themselves.

No tool is run: two environments are held against each other, and the metadata of what differs is
read. What is known of their vulnerabilities is looked up in the operator's records
(`known_vulnerabilities`). What follows from all of it is left to rules
(`agent.policy.maintainability.added_packages`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.checks import known_vulnerabilities
from agent.checks.known_vulnerabilities import Records, Unusable
from agent.environments import distributions
from agent.environments.distributions import Distribution
from agent.models.checks import CheckResult, Status
from agent.models.environment import Environment
from agent.models.packages import AddedPackages, DeclaredPackage, Package, VulnerabilityData

NAME = "packages"
_MOST_STEPS = 50
#: Records are edited every day; a dump whose newest is older than this was not brought up to date.
_STALE_DAYS = 30


def look_up(packages: list[Package], dump: Path | None, now: float) -> AddedPackages:
    """Add to packages what is known of the vulnerabilities of their versions.

    Args:
        dump: osv.dev's for PyPI; None: the operator has named none.
        now: Seconds since the epoch.
    """
    if dump is None:
        return AddedPackages(packages=tuple(packages))
    pairs = {(one.name, version) for one in packages for version in (one.version, one.before)}
    try:
        records = known_vulnerabilities.look_up(dump, sorted(pair for pair in pairs if pair[1]))
    except Unusable as problem:
        data = VulnerabilityData(problems=(str(problem),))
        return AddedPackages(packages=tuple(packages), known=data)
    days = 0
    with suppress(ValueError):
        newest = datetime.fromisoformat(records.newest).replace(tzinfo=UTC).timestamp()
        days = int((now - newest) // 86_400)
    data = VulnerabilityData(
        count=records.count,
        newest=records.newest,
        stale_days=days if days > _STALE_DAYS else 0,
        problems=tuple(records.problems),
    )
    told = tuple(_with_vulnerabilities(one, records) for one in packages)
    return AddedPackages(packages=told, known=data)


def _with_vulnerabilities(package: Package, records: Records) -> Package:
    now = records.by.get((package.name, package.version), ())
    earlier = records.by.get((package.name, package.before), ())
    before = {name for one in earlier for name in one.ids}
    return package.model_copy(
        update={
            "vulnerabilities": tuple(one for one in now if before.isdisjoint(one.ids)),
            "retained_vulnerabilities": tuple(one for one in now if not before.isdisjoint(one.ids)),
        }
    )


def check_packages(
    declared: tuple[DeclaredPackage, ...],
    base: Environment,
    head: Environment,
    *,
    dump: Path | None = None,
    now: float = 0.0,
) -> CheckResult:
    """Say what the environment of the change has that the one of base has not.

    Args:
        declared: What the change declares anew, or fixes another version of.
        base: The environment of base.
        head: The one that the change declares.
        dump: Where vulnerabilities are looked up; None: nowhere.
        now: Seconds since the epoch.
    """
    old, new = _versions(base), _versions(head)
    other = {name for name, version in new.items() if old.get(name) != version}
    after = distributions.read_distributions(head.path, other)
    before = distributions.read_distributions(base.path, other & old.keys())
    places = {one.name: one.place for one in reversed(declared)}
    found = [
        Package(
            name=name,
            version=new[name],
            is_new=name not in old,
            before=old.get(name, ""),
            place=_find_place(name, places, after),
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
    brought = look_up(found, dump, now).model_copy(update=refused)
    return CheckResult(
        name=NAME,
        status=Status.PASSED,
        counts=_format_counts(brought),
        added_packages=brought,
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


def _find_place(name: str, places: Mapping[str, str], after: Mapping[str, Distribution]) -> str:
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


def _format_counts(brought: AddedPackages) -> str:
    found = brought.packages
    new = sum(one.is_new for one in found)
    parts = [f"{new} new"] if new else []
    if len(found) > new:
        parts.append(f"{len(found) - new} in another version")
    parts = parts or ["none that are new"]
    if vulnerable := sum(bool(one.vulnerabilities) for one in found):
        parts.append(f"{vulnerable} known to be vulnerable")
    return ", ".join(parts)
