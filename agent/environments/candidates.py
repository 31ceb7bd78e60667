"""In which ways a repository is set up where it configures none. Pure.

The first is what it declares. Only where base's tests hardly pass with that, the others follow:
what CI does before its tests, the versions that these are said to be run with, then what there was
on the day of the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import ValidationError

from agent.domain import Checkout, Contract, Environment, Record, Run
from repo_config.schema import PythonSection, RepoConfig


class Candidate(Record):
    """One way to make the environment."""

    update: Mapping[str, object]
    """Values by key, as if they were configured."""
    why: str


def propose(
    run: Run, contract: Contract, base: Checkout, first: Environment | None
) -> tuple[Candidate, ...]:
    """Name those that follow the first, which was built or could not be.

    None where the configuration says what is done.
    """
    return (*_as_ci(contract), *_other_packages(run, contract, base, first))


def _as_ci(contract: Contract) -> tuple[Candidate, ...]:
    config, ci = contract.config, contract.project.ci
    if not ci or config.setup or config.env or config.services:
        return ()
    env = {name: value for name, value in ci.env.items() if _may_be_set(name, value)}
    update = {"setup": ci.commands, "env": env, "services": ci.services}
    return (Candidate(update=update, why=f"with what {ci.origin} does before the tests"),)


def _may_be_set(name: str, value: str) -> bool:
    """Whether a configuration could set the variable: none that changes how checks are read."""
    try:
        RepoConfig.model_validate({"env": {name: value}})
    except ValidationError:
        return False
    return True


def _other_packages(
    run: Run, contract: Contract, base: Checkout, first: Environment | None
) -> tuple[Candidate, ...]:
    """None where the configuration says what is installed; a lock leaves the extras open."""
    given = contract.config.python
    undecided = PythonSection(
        extras=given.extras, groups=given.groups, system_packages=given.system_packages
    )
    if given != undecided:
        return ()
    if first is not None and first.is_locked:
        every = given.model_copy(update={"extras": contract.project.extras})
        is_more = given.extras is None and contract.project.extras
        return (Candidate(update={"python": every}, why="with all extras"),) if is_more else ()
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
        why = "with the versions that classifiers, tox and CI name"
        proposed.append(Candidate(update={"python": section}, why=why))
    day, today = (datetime.fromtimestamp(at, UTC).date() for at in (base.committed, run.started))
    if base.committed and day < today:
        lacking = tuple(one for one in install if first and not _names(one, has))
        update = {"install": lacking, "exclude_newer": day.isoformat()}
        section = given.model_copy(update=update)
        proposed.append(
            Candidate(
                update={"python": section}, why=f"with packages of the day of the commit, {day}"
            )
        )
    return tuple(proposed)


def _names(requirement: str, packages: Collection[str]) -> bool:
    return canonicalize_name(Requirement(requirement).name) in packages


def _is_met(text: str, packages: Mapping[str, str]) -> bool:
    requirement = Requirement(text)
    version = packages.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)
