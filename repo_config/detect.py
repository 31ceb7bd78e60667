"""Read from a repository's files what it does not say in its configuration. No code runs.

Owns the order of precedence and the record of the result.
"""

import posixpath
import shlex
from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict

from repo_config import (
    absent_files,
    alembic_checks,
    checking_tools,
    command_lines,
    dependencies,
    django_projects,
    frameworks,
    index_hosts,
    suites,
    unrun_checks,
    versions,
)
from repo_config.command_lines import CheckCommand, SuiteCommand
from repo_config.project_files import ProjectFiles
from repo_config.records import replace
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

__all__ = ["DjangoProject", "Project", "Tree", "detect_project"]


class DjangoProject(BaseModel):
    """How Django is started here."""

    model_config = ConfigDict(frozen=True)

    settings_module: str | None
    """None where no settings module is to be found (a script may configure settings itself)."""
    manage: str | None
    """Path of manage.py."""
    python_path: tuple[str, ...]
    """Folders that belong on sys.path, relative to the root; "" is the root."""
    is_configured_by_manage: bool = False
    """Whether manage.py configures the settings itself, in place of a settings module."""
    tests_know_settings: bool = True
    """Whether what runs the tests learns of the settings by itself: of its own configuration, a
    conftest.py, a script or a configured variable. Otherwise it gets the module by a variable."""

    @property
    def missing(self) -> str:
        """Why Django cannot be started, and the way out; empty where it can be."""
        if self.settings_module is not None or self.is_configured_by_manage:
            return ""
        return (
            "No settings module was found, so Django cannot be started. Set one in"
            " .github/mergewright.yml, as in `django: {settings: tests.settings}`."
        )


class Project(BaseModel):
    """What a repository shows of itself; values of its configuration win over detected ones."""

    model_config = ConfigDict(frozen=True)

    framework: str
    """django, fastapi, flask or none."""
    python_version: str | None
    """The configured or declared minor version: the lowest one supported, as in "3.9"; what
    syntax and library rules are compared with. None when nothing is declared."""
    django: DjangoProject | None
    test_runner: str | None
    """pytest, django, command where only the exit code of `checks.tests` is known; None when there
    are no tests."""
    test_script: str | None
    """For Django's runner: the script that starts it. None where none was found."""
    test_args: tuple[str, ...] = ()
    """For the runner, relative to where it starts."""
    test_folder: str = ""
    """Where it starts, below the root."""
    more_tests: tuple[SuiteCommand, ...] = ()
    """The commands of the tests beyond the first, which the four above are of."""
    types: tuple[CheckCommand, ...] = ()
    """The commands of type checkers."""
    lint: tuple[CheckCommand, ...] = ()
    """Those of linters and formatters."""
    extra: tuple[CheckCommand, ...] = ()
    """Further ones."""
    tool_pins: dict[str, tuple[str, ...]] = {}
    """By tool: the requirements of its version that the project pins, and of its plugins."""
    unrun: dict[str, tuple[str, ...]] = {}
    """Checks that the repository has and none of its commands here runs, by what they are."""
    index_hosts: dict[str, str] = {}
    """Hosts of package indexes that files of the repository name, each with the file."""
    absent: tuple[str, ...] = ()
    """Paths that no checkout of the repository has here: submodules, files in Git LFS."""
    root: str = ""
    """Folder of the project in the repository, which all its paths here begin with; "" is the
    repository itself."""

    @property
    def node_tools(self) -> set[str]:
        """Those of its tools that Node.js runs."""
        return {"pyright", "basedpyright"} & {command.tool for command in self.commands}

    @property
    def commands(self) -> tuple[CheckCommand, ...]:
        """All command lines but that of the tests."""
        return (*self.lint, *self.types, *self.extra)

    @property
    def tests(self) -> tuple[str, ...]:
        """The command lines of known tests, in the words of the configuration."""
        return tuple(filter(None, map(self._write_tests, self.suites)))

    @property
    def suites(self) -> tuple[SuiteCommand, ...]:
        """The commands of the tests; paths are those of the repository."""
        if self.test_runner is None:
            return ()
        own = self.test_runner, self.test_script, self.test_args, self.test_folder
        return (SuiteCommand(*own), *self.more_tests)

    def with_suite(self, suite: SuiteCommand) -> Self:
        first = {f"test_{name}": value for name, value in suite._asdict().items()}
        return replace(self, more_tests=(), **first)

    def _write_tests(self, suite: SuiteCommand) -> str:
        words, folder = ["pytest"], posixpath.join(self.root, suite.folder)
        if suite.runner == "django":
            script = posixpath.relpath(suite.script, folder or ".") if suite.script else ""
            words = ["python", *([script] if script else ["-m", "django"])]
            words += ["test"] if posixpath.basename(script or "manage.py") == "manage.py" else []
        elif suite.runner != "pytest":
            return ""
        start = f"cd {shlex.quote(suite.folder)} && " if suite.folder else ""
        return start + shlex.join((*words, *suite.args))


def detect_project(tree: Tree, config: RepoConfig) -> Project:
    """Detect what the checks need to know; paths are those of the repository."""
    files = ProjectFiles(tree, config.folder)
    whole = ProjectFiles(tree) if config.folder else files
    declared = dependencies.list_declared(files)
    framework: str = config.framework
    if framework == "auto":
        framework = frameworks.detect_framework(files, declared)
    django = _detect_django(files, config) if framework == "django" else None
    script = suites.find_test_script(files) or (django.manage if django else None)
    # A package may be for projects of Django, and be none.
    can_start = django is not None and bool(script or not django.missing)
    of_django = SuiteCommand("django", script) if can_start else None
    starts = suites.choose_suites(files, config, declared, of_django)
    if django and not config.variables.get(django_projects.VARIABLE):
        knows = all(django_projects.is_known_to_runner(files, *start[:2]) for start in starts)
        django = replace(django, tests_know_settings=knows)
    project = Project(
        framework=framework,
        python_version=config.python.version or versions.find_lowest_python(files),
        django=django,
        test_runner=None,
        test_script=None,
        **checking_tools.find_commands(files, config)._asdict(),
        index_hosts=index_hosts.list_index_hosts(tree, config.folder),
        absent=absent_files.list_absent(whole, tree),
    )
    if starts:
        project = replace(project.with_suite(starts[0]), more_tests=starts[1:])
    own = unrun_checks.OwnChecks(
        project.commands,
        project.tests or command_lines.list_lines(config.checks.tests),
        command_lines.list_options(files.pytest.words("addopts")),
        (*config.setup, *_list_migration_checks(project, config)),
    )
    project = replace(project, unrun=unrun_checks.list_unrun(own, files, whole))
    return _move_up(project, config.folder)


def _list_migration_checks(project: Project, config: RepoConfig) -> Iterator[str]:
    for command in project.extra:
        if command.name in (alembic_checks.UPGRADE, alembic_checks.CHECK):
            yield command.line.rpartition("&& ")[2]
    django = project.django
    if django and django.manage and config.checks.makemigrations == "auto":
        check = f"python {django.manage} makemigrations --check"
        yield from (check, f"{check} --dry-run")


def _move_up(project: Project, folder: str) -> Project:
    """Give paths of the repository in place of those relative to a folder of it."""

    def move(path: str) -> str:
        return f"{folder}/{path}".strip("/")

    django, script = project.django, project.test_script
    if django is not None:
        path = tuple(map(move, django.python_path))
        django = replace(django, manage=django.manage and move(django.manage), python_path=path)
    return replace(
        project,
        root=folder,
        django=django,
        test_script=script and move(script),
        more_tests=tuple(
            suite._replace(script=suite.script and move(suite.script))
            for suite in project.more_tests
        ),
    )


def _detect_django(files: ProjectFiles, config: RepoConfig) -> DjangoProject:
    given = config.variables.get(django_projects.VARIABLE)
    manage = config.django.manage or django_projects.find_manage(files, given)
    module = given or django_projects.find_settings(files, manage)
    return DjangoProject(
        settings_module=module,
        manage=manage,
        python_path=django_projects.find_python_path(files, manage),
        is_configured_by_manage=module is None and django_projects.is_configuring(files, manage),
    )
