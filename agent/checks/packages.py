"""The packages that come with a change: which, in which version, and what they say of themselves.

No tool is run: two environments are held against each other, and the metadata of what differs is
read. What follows from all of it is left to rules
(`agent.policy.contract.added_packages`).
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import canonicalize_name

from agent.environments import distributions
from agent.environments.distributions import Distribution
from agent.models.checks import AddedPackages, CheckResult, DeclaredPackage, Package, Status
from agent.models.environment import Environment

NAME = "packages"
_MOST_STEPS = 50


def check_packages(
    declared: tuple[DeclaredPackage, ...],
    base: Environment,
    head: Environment,
) -> CheckResult:
    """Say what the environment of the change has that the one of base has not.

    Args:
        declared: What the change declares anew, or fixes another version of.
        base: The environment of base.
        head: The one that the change declares.
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
    added = AddedPackages(
        packages=tuple(found),
        refused_lock="" if base.refused_lock else head.refused_lock,
        refusal="" if base.refused_lock else head.refusal,
    )
    new_count = sum(one.is_new for one in found)
    other_count = len(found) - new_count
    counts = [f"{new_count} new"] if new_count else []
    counts += [f"{other_count} in another version"] if other_count else []
    return CheckResult(
        name=NAME,
        status=Status.PASSED,
        counts=", ".join(counts) or "none that are new",
        added_packages=added,
        output="\n".join(f"{one.name} {one.version}" for one in found),
    )


def _versions(environment: Environment) -> dict[str, str]:
    pairs = (entry.partition("==") for entry in environment.packages)
    return {str(canonicalize_name(name)): version for name, _, version in pairs if version}


def _not_installed(
    declared: tuple[DeclaredPackage, ...], installed: Mapping[str, str]
) -> list[Package]:
    """Return declared packages that the checks do not install (documentation, other systems)."""
    return [
        Package(**one.model_dump())
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
