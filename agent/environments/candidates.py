"""In which ways a repository is set up where it configures none.

The first is what it declares. Only where base's tests hardly pass with that, the others follow:
what CI does before its tests, the versions that these are said to be run with, then what there was
on the day of the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import ValidationError

from agent.domain import Checkout, Environment, Record, Run
from agent.environments import choosing
from agent.environments.locks import kinds
from repo_config import ci_setup, tested_versions
from repo_config.ci_setup import CiSetup
from repo_config.project_files import Files, table
from repo_config.schema import ChecksSection, PythonSection, RepoConfig
from repo_config.tested_versions import TestedVersions
from repo_config.tree import Below, Tree


class Candidate(Record):
    """One way to make the environment; what is None stays as it is."""

    why: str
    python: PythonSection | None = None
    setup: tuple[str, ...] | None = None
    env: dict[str, str] | None = None
    services: tuple[str, ...] | None = None
    checks: ChecksSection | None = None

    @property
    def update(self) -> dict[str, object]:
        """Values by key, as if they were configured."""
        return {key: value for key, value in self if key != "why" and value is not None}


def propose(
    run: Run, config: RepoConfig, base: Checkout, first: Environment | None, tree: Tree
) -> tuple[Candidate, ...]:
    """Name those that follow the first, which was built or could not be.

    None where the configuration says what is done.
    """
    whole = Files(tree)
    files = Files(Below(tree, config.folder)) if config.folder else whole
    # Of a sub-folder, CI's steps begin elsewhere.
    ci = ci_setup.read(files) if files is whole else CiSetup()
    system = dict.fromkeys((*config.python.system_packages, *ci.system_packages))
    update = {"system_packages": tuple(system), **_choose_parts(config.python, files, ci.parts)}
    given = config.python.model_copy(update=update)
    undecided = PythonSection(
        extras=given.extras, groups=given.groups, system_packages=given.system_packages
    )
    tested = tested_versions.find(files, whole)
    as_ci = _as_ci(config, given, ci, tested, first)
    # What is configured to be installed is left alone.
    others = _other_packages(run, given, base, first, files, tested) if given == undecided else ()
    return (*as_ci, *others)


def _as_ci(
    config: RepoConfig,
    given: PythonSection,
    ci: CiSetup,
    tested: TestedVersions,
    first: Environment | None,
) -> tuple[Candidate, ...]:
    if not ci or config.setup or config.env or config.services:
        return ()
    has = _versions(first)
    lacking = tuple(one for one in ci.install if not _names(one, has))
    named = {canonicalize_name(Requirement(one).name) for one in lacking}
    bounds = tuple(one for one in tested.constraints if _names(one, named))
    more = {"install": (*given.install, *lacking), "constraints": (*given.constraints, *bounds)}
    candidate = Candidate(
        python=given.model_copy(update=more),
        setup=ci.commands,
        env={name: value for name, value in ci.env.items() if _may_be_set(name, value)},
        services=ci.services,
        checks=_narrow(config.checks, ci.test_args),
        why=f"with what {ci.origin} does before the tests",
    )
    return (candidate,)


def _choose_parts(
    section: PythonSection, files: Files, named: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Choose the extras and groups that CI installs, beside those that are for tests by name."""
    extras = table(files.pyproject, "project", "optional-dependencies") or table(
        files.pyproject, "tool", "poetry", "extras"
    )
    found: dict[str, tuple[str, ...]] = {}
    for key, every, available in (
        ("extras", ci_setup.EVERY_EXTRA, tuple(extras)),
        ("groups", ci_setup.EVERY_GROUP, kinds.name_groups(files.pyproject)),
    ):
        more = [str(canonicalize_name(one)) for one in (available if every in named else named)]
        chosen = choosing.choose(available, None, "", more=more)
        if getattr(section, key) is None and chosen != choosing.choose(available, None, ""):
            found[key] = chosen
    return found


def _narrow(given: ChecksSection, places: tuple[str, ...]) -> ChecksSection | None:
    if not places or given.tests.args:
        return None
    return given.model_copy(update={"tests": given.tests.model_copy(update={"args": places})})


def _may_be_set(name: str, value: str) -> bool:
    """Whether a configuration could set the variable: none that changes how checks are read."""
    try:
        RepoConfig.model_validate({"env": {name: value}})
    except ValidationError:
        return False
    return True


def _other_packages(
    run: Run,
    given: PythonSection,
    base: Checkout,
    first: Environment | None,
    files: Files,
    tested: TestedVersions,
) -> Iterator[Candidate]:
    """Yield other versions, or of what a lock fixes all extras."""
    if first is not None and first.is_locked:
        extras = tuple(
            table(files.pyproject, "project", "optional-dependencies")
            or table(files.pyproject, "tool", "poetry", "extras")
        )
        if extras and given.extras is None:
            every = given.model_copy(update={"extras": extras})
            yield Candidate(python=every, why="with all extras")
        return
    has = _versions(first)
    install = tuple(one for one in tested.install if not _is_met(one, has))
    bounds = tuple(
        one
        for one in tested.constraints
        if not first or (_names(one, has) and not _is_met(one, has))
    )
    if bounds or install:
        section = given.model_copy(update={"install": install, "constraints": bounds})
        yield Candidate(python=section, why="with the versions that classifiers, tox and CI name")
    day, today = (datetime.fromtimestamp(at, UTC).date() for at in (base.committed, run.started))
    if base.committed and day < today:
        lacking = tuple(one for one in install if first and not _names(one, has))
        update = {"install": lacking, "exclude_newer": day.isoformat()}
        yield Candidate(
            python=given.model_copy(update=update),
            why=f"with packages of the day of the commit, {day}",
        )


def _versions(environment: Environment | None) -> dict[str, str]:
    return dict(one.split("==", 1) for one in environment.packages) if environment else {}


def _names(requirement: str, packages: Collection[str]) -> bool:
    return canonicalize_name(Requirement(requirement).name) in packages


def _is_met(text: str, packages: Mapping[str, str]) -> bool:
    requirement = Requirement(text)
    version = packages.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)
