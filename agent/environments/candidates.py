"""Which sets of packages and Pythons a repository is tried with where it configures none. Pure.

The first is what it declares. Only where base's tests hardly pass with that, the others follow:
the versions that its tests are said to be run with, then what there was on the day of the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.domain import Checkout, Contract, Environment, Record
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
    contract: Contract, checkout: Checkout, first: Environment | None
) -> tuple[Candidate, ...]:
    """Name those that follow the first, which was built or could not be.

    Nothing where the repository says itself what is installed, by its configuration or a lock.
    """
    given = contract.config.python
    open_to_choice = PythonSection(
        extras=given.extras, groups=given.groups, system_packages=given.system_packages
    )
    if given != open_to_choice or (first is not None and first.is_locked):
        return ()
    return tuple(_follow(given, contract, checkout, first))


def _follow(
    given: PythonSection, contract: Contract, checkout: Checkout, first: Environment | None
) -> Iterator[Candidate]:
    tested = contract.project.tested
    has = dict(one.split("==", 1) for one in first.packages) if first else None
    bounds = _broken(tested.constraints, has, needed=False)
    install = _broken(tested.install, has, needed=True)
    if bounds or install:
        section = given.model_copy(update={"install": install, "constraints": bounds})
        why = "in the versions that classifiers, tox and CI name"
        yield Candidate(section=section, why=why)
    if checkout.committed:
        day = datetime.fromtimestamp(checkout.committed, UTC).date().isoformat()
        lacking = [
            one for one in install if has and canonicalize_name(Requirement(one).name) not in has
        ]
        section = given.model_copy(update={"install": tuple(lacking), "exclude_newer": day})
        yield Candidate(section=section, why=f"of the day of the commit, {day}")


def _broken(
    requirements: Iterable[str], has: dict[str, str] | None, *, needed: bool
) -> tuple[str, ...]:
    """Leave those out that the first environment meets already; None: there is none.

    Args:
        requirements: All.
        has: The versions of its packages.
        needed: A package that is not there meets none.
    """

    def is_met(text: str) -> bool:
        requirement = Requirement(text)
        version = has.get(canonicalize_name(requirement.name)) if has is not None else None
        if version is None:
            return has is not None and not needed
        return requirement.specifier.contains(version, prereleases=True)

    return tuple(one for one in requirements if not is_met(one))
