"""Which sets of packages and Pythons a repository is tried with where it configures none. Pure.

The first is what it declares. Only where base's tests hardly pass with that, the others follow:
the versions that its tests are said to be run with, then what there was on the day of the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.domain import Checkout, Contract, Environment, Record, Run
from repo_config.schema import PythonSection


class Candidate(Record):
    """One way to make the environment."""

    section: PythonSection
    """As if it were configured."""
    why: str


def declared(contract: Contract) -> Candidate:
    """Give the one that is tried first."""
    return Candidate(section=contract.config.python, why="as declared")


def propose(
    run: Run, contract: Contract, base: Checkout, first: Environment | None
) -> tuple[Candidate, ...]:
    """Name those that follow the first, which was built or could not be.

    None where the configuration says what is installed; a lock leaves the extras open.
    """
    given = contract.config.python
    undecided = PythonSection(
        extras=given.extras, groups=given.groups, system_packages=given.system_packages
    )
    if given != undecided:
        return ()
    if first is not None and first.is_locked:
        every = given.model_copy(update={"extras": contract.project.extras})
        is_more = given.extras is None and contract.project.extras
        return (Candidate(section=every, why="with all extras"),) if is_more else ()
    has = dict(one.split("==", 1) for one in first.packages) if first else {}
    tested, proposed = contract.project.tested, []
    install = tuple(one for one in tested.install if not _is_met(one, has))
    bounds = tuple(
        one
        for one in tested.constraints
        if not first or (_names(one, has) and not _is_met(one, has))
    )
    if bounds or install:
        section = given.model_copy(update={"install": install, "constraints": bounds})
        why = "in the versions that classifiers, tox and CI name"
        proposed.append(Candidate(section=section, why=why))
    day, today = (datetime.fromtimestamp(at, UTC).date() for at in (base.committed, run.started))
    if base.committed and day < today:
        lacking = tuple(one for one in install if first and not _names(one, has))
        update = {"install": lacking, "exclude_newer": day.isoformat()}
        section = given.model_copy(update=update)
        proposed.append(Candidate(section=section, why=f"of the day of the commit, {day}"))
    return tuple(proposed)


def _names(requirement: str, packages: Collection[str]) -> bool:
    return canonicalize_name(Requirement(requirement).name) in packages


def _is_met(text: str, packages: Mapping[str, str]) -> bool:
    requirement = Requirement(text)
    version = packages.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)
