"""In which ways a repository is set up where it configures none.

The first is what it declares, with the servers that CI has for the tests. If modules of base's
tests cannot be imported, the second adds what installed packages say these lack. The others follow
only if base's tests hardly pass: what CI does before its tests; another Python if almost no test
passes. Without a lock, packages are those of the commit's day (`build.ensure_as_of`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import ValidationError

from agent.environments import parts
from agent.models.checks import COLLECTION, CheckResult, Status
from agent.models.environment import Environment
from agent.models.record import Record
from repo_config import ci_packages, ci_setup, detect, django_projects, suites
from repo_config.ci_setup import CiSetup
from repo_config.detect import Project
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.schema import (
    ChecksSection,
    DjangoSection,
    LimitsSection,
    PythonSection,
    RepoConfig,
)
from repo_config.tree import Tree

_AS_DECLARED = "as declared"
#: So many follow the first.
_MOST = 3
#: More of base's tests than these are red: then other versions are tried.
_MOST_RED = 0.05
#: At most this part of them passes: then another Python is tried.
_HARDLY = 0.1
_LONGEST_CAUSE = 200
#: Suites that take more than this part of the run's minutes are measured once, if most pass.
_MOST_TIME = 1 / 6


class Candidate(Record):
    """One way to make the environment; what is None stays as it is."""

    why: str
    python: PythonSection | None = None
    setup: tuple[str, ...] | None = None
    env: dict[str, str] | None = None
    services: tuple[str, ...] | None = None
    checks: ChecksSection | None = None
    django: DjangoSection | None = None
    project: Project | None = None
    """As it is detected with these."""
    resets: bool = False
    """Whether nothing stays of what was tried before."""

    @property
    def update(self) -> dict[str, object]:
        """Values by key, as if they were configured."""
        known = {key: getattr(self, key) for key in RepoConfig.model_fields if hasattr(self, key)}
        return {key: value for key, value in known.items() if value is not None}

    def extend(self, config: RepoConfig) -> RepoConfig:
        """Lay it over a configuration, of which the packages that are installed stay."""
        taken = config.model_copy(update=self.update)
        install = tuple(dict.fromkeys((*config.python.install, *taken.python.install)))
        python = taken.python.model_copy(update={"install": install})
        return taken.model_copy(update={"python": python})


class Known(Record):
    """What came of the first candidate."""

    first: Candidate
    built: Environment | None = None
    """None: it could not be."""
    lacking: tuple[str, ...] = ()
    """Requirements that tests lack in it."""
    python: str = ""
    """Another Python, where hardly any test passes."""


def propose_first(config: RepoConfig, tree: Tree) -> Candidate:
    """Name the first: as declared, where CI has servers for the tests with these.

    Without them, a suite that needs them fails test by test, which takes all of its time.
    """
    files = ProjectFiles(tree, config.folder)
    ci = ci_setup.read_ci_setup(files)
    declared = Candidate(why=_AS_DECLARED)
    if not ci.services:
        return declared
    started = ci.model_copy(update={"install": (), "requirement_files": ()})
    given = _extend_section(config.python, files, ci)
    return next(iter(_as_ci(config, given, started, ())), declared)


def propose_candidates(
    config: RepoConfig, project: Project, known: Known, tree: Tree
) -> tuple[Candidate, ...]:
    """Name those that follow the first.

    None where the configuration says what is done.

    Args:
        config: Of the repository.
        project: What is detected with it.
        known: What came of the first.
        tree: Of the base commit.
    """
    files = ProjectFiles(tree, config.folder)
    ci = ci_setup.read_ci_setup(files)
    given = _extend_section(config.python, files, ci)
    has = known.built.versions if known.built else {}
    starts = _other_starts(config, project, files, tree)
    if not may_vary(config.python):
        as_ci = _as_ci(config, given, ci, has)
        return (*as_ci, *_without_servers(known.first), *starts)
    given = given.model_copy(update={"install": known.lacking})
    as_ci = _as_ci(config, given, ci, {*has, *map(_read_name, known.lacking)})
    others = _other_packages(given, known, files)
    bare = _without_servers(known.first)
    more = (*add_missing_packages(config, known.lacking), *as_ci, *bare, *starts, *others)
    return more[: _MOST + len(bare)]


def complete_packages(
    config: RepoConfig, lacking: tuple[str, ...], tree: Tree
) -> tuple[Candidate, ...]:
    """Install what modules of tests lack, first with the extras and groups that CI installs."""
    files = ProjectFiles(tree, config.folder)
    ci = ci_setup.read_ci_setup(files)
    chosen = _choose_parts(config.python, files, ci.parts)
    plain = add_missing_packages(config, lacking)
    if not chosen or not may_vary(config.python):
        return plain
    section = config.python.model_copy(update={"install": lacking, **chosen})
    why = f"with the extras and groups that {ci.origin} installs"
    return (Candidate(python=section, why=why), *plain)


def may_vary(section: PythonSection) -> bool:
    """Whether other packages may be tried: what is configured to be installed is left alone."""
    parts = ("extras", "groups", "system_packages")
    return section == PythonSection(**{part: getattr(section, part) for part in parts})


def add_missing_packages(config: RepoConfig, lacking: tuple[str, ...]) -> tuple[Candidate, ...]:
    """Install what tests lack beside what is declared."""
    if not lacking or not may_vary(config.python):
        return ()
    section = config.python.model_copy(update={"install": lacking})
    why = f"with {', '.join(lacking)}, which tests lack"
    return (Candidate(python=section, why=why),)


def _extend_section(section: PythonSection, files: ProjectFiles, ci: CiSetup) -> PythonSection:
    """Add the Debian packages, extras and groups that CI installs."""
    system = dict.fromkeys((*section.system_packages, *ci.system_packages))
    update = {"system_packages": tuple(system), **_choose_parts(section, files, ci.parts)}
    return section.model_copy(update=update)


def _without_servers(first: Candidate) -> tuple[Candidate, ...]:
    return (Candidate(why=_AS_DECLARED, resets=True),) if first.services else ()


def _as_ci(
    config: RepoConfig,
    given: PythonSection,
    ci: CiSetup,
    has: Collection[str],
) -> tuple[Candidate, ...]:
    if not ci or config.setup or config.env or config.services:
        return ()
    lacking = [one for one in ci.install if not _names(one, has)]
    # A file that is called as those for tests are is declared.
    unknown = (f"-r {path}" for path in ci.requirement_files if not parts.find_role(path))
    more = {"install": (*given.install, *unknown, *lacking)}
    candidate = Candidate(
        python=given.model_copy(update=more),
        setup=ci.commands,
        env={name: value for name, value in ci.env.items() if _may_be_set(name, value)},
        services=ci.services,
        checks=_narrow_checks(config.checks, ci.test_args),
        why=f"with what {ci.origin} does before the tests",
    )
    return (candidate,)


def _other_starts(
    config: RepoConfig, project: Project, files: ProjectFiles, tree: Tree
) -> Iterator[Candidate]:
    """Yield the script that a command runs the tests with, then the next manage.py, if any."""
    tests, above = config.checks.tests, f"{config.folder}/"
    ran = (project.test_script or "").removeprefix(above)
    manage = ((project.django and project.django.manage) or "").removeprefix(above)
    found: list[Candidate] = []
    commands = suites.find_suite_commands(files)
    script = next((one for one in commands if one.script not in ("", ran)), None)
    if script and tests.runner == "auto" and not (tests.script or tests.args):
        own = tests.model_copy(update={"runner": "django", "script": script.script})
        checks = config.checks.model_copy(update={"tests": own})
        why = f"by {script.script}, as {script.origin} runs the tests"
        found.append(Candidate(checks=checks, why=why))
    others = (one for one in django_projects.find_manage_scripts(files) if one != manage)
    if manage and not config.django.manage and (other := next(others, None)):
        django = config.django.model_copy(update={"manage": other})
        found.append(Candidate(django=django, why=f"with {other}"))
    for one in found:
        detected = detect.detect_project(tree, one.extend(config))
        yield one.model_copy(update={"project": detected})


def _choose_parts(
    section: PythonSection, files: ProjectFiles, named: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Choose the extras and groups that CI installs, beside those that are for tests by name."""
    found: dict[str, tuple[str, ...]] = {}
    for key, every, available in (
        ("extras", ci_packages.EVERY_EXTRA, _name_extras(files)),
        ("groups", ci_packages.EVERY_GROUP, parts.Groups(files.pyproject, {}).names),
    ):
        more = parts.normalise_names(available if every in named else named)
        chosen = parts.choose_parts(available, None, "", more=more)
        if getattr(section, key) is None and chosen != parts.choose_parts(available, None, ""):
            found[key] = chosen
    return found


def _narrow_checks(given: ChecksSection, places: tuple[str, ...]) -> ChecksSection | None:
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
    given: PythonSection,
    known: Known,
    files: ProjectFiles,
) -> Iterator[Candidate]:
    """Yield another Python; of what a lock fixes all extras."""
    first = known.built
    if known.python:
        why = f"with Python {known.python}, which CI or a classifier names"
        yield Candidate(python=given.model_copy(update={"version": known.python}), why=why)
    if first is not None and first.is_locked:
        extras = _name_extras(files)
        if extras and given.extras is None:
            every = given.model_copy(update={"extras": extras})
            yield Candidate(python=every, why="with all extras")


def _name_extras(files: ProjectFiles) -> tuple[str, ...]:
    extras = table(files.pyproject, "project", "optional-dependencies")
    return tuple(extras or table(files.pyproject, "tool", "poetry", "extras"))


def _names(requirement: str, packages: Collection[str]) -> bool:
    return _read_name(requirement) in packages


def _read_name(requirement: str) -> str:
    return str(canonicalize_name(Requirement(requirement).name))


# --- how well a repository is set up, by base's tests -----------------------------------------


def rate_tests(tests: CheckResult) -> float:
    """Weigh the number of tests that pass by their share; files not collected count as red."""
    passed, red = tests.count("passed"), tests.count("failed", "error")
    return passed * passed / (passed + red) if passed else 0.0


def count_tests(tests: CheckResult) -> int:
    """Count collected tests; a module that failed to collect does not count."""
    return sum(not one.item_id.endswith(COLLECTION) for one in tests.items) + len(tests.unrun)


def is_given_up(tests: CheckResult) -> bool:
    """Whether nearly all of the first tests failed, so that no other began."""
    return bool(tests.unrun) and not tests.limit and is_hopeless(tests)


def find_common_cause(tests: CheckResult) -> str:
    """Say in one line by which error most tests fail; empty: there is none."""
    red = [one.text for one in tests.items if one.outcome in ("failed", "error")]
    said = Counter(text.strip().partition("\n")[0][:_LONGEST_CAUSE] for text in red)
    (cause, count), *_ = said.most_common(1) or [("", 0)]
    if not cause or count < 2 or count <= len(tests.items) / 2:
        return ""
    return f"{count} of {len(tests.items)} tests fail by the same error: {cause}"


def is_poor(tests: CheckResult, limits: LimitsSection) -> bool:
    """Whether other versions may have more of base's tests pass, in reasonable time."""
    if tests.status is Status.ABSENT:
        return False
    if tests.limit or tests.status is Status.UNVERIFIED or lacks_modules(tests):
        return True
    passed, red = tests.count("passed"), tests.count("failed", "error")
    if passed > red and _is_slow(tests, limits):
        return False
    # Of few tests, a single red one is rarely a matter of versions.
    return not passed or red > max(1, _MOST_RED * len(tests.items))


def may_improve(tests: CheckResult, limits: LimitsSection) -> bool:
    """Whether there is something to try: also where a single module cannot be imported."""
    has_lost = _count_modules(tests)[0] > 0
    return is_poor(tests, limits) or (has_lost and not _is_slow(tests, limits))


def is_hopeless(tests: CheckResult) -> bool:
    """Whether hardly any test passes, so that versions alone may not be the cause."""
    return tests.count("passed") <= _HARDLY * tests.count("passed", "failed", "error")


def says_little(tests: CheckResult) -> bool:
    """Whether a model may do better: most modules are not imported, or hardly any test passes."""
    return lacks_modules(tests) or (tests.count("failed", "error") > 0 and is_hopeless(tests))


def lacks_modules(tests: CheckResult) -> bool:
    """Whether most modules of tests could not be imported."""
    lost, read = _count_modules(tests)
    return lost > read


def _count_modules(tests: CheckResult) -> tuple[int, int]:
    """Count the modules of tests that could not be imported, and those that were."""
    names = [item.item_id for item in tests.items]
    lost = {name for name in names if name.endswith(COLLECTION)}
    return len(lost), len({name.partition("::")[0] for name in names} - lost)


def _is_slow(tests: CheckResult, limits: LimitsSection) -> bool:
    return tests.seconds > limits.minutes * 60 * _MOST_TIME
