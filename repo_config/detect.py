"""Detect what a repository's configuration does not set, from its files. No code runs.

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
    """How Django is started in a project."""

    model_config = ConfigDict(frozen=True)

    settings_module: str | None
    """None: no settings module was found; a script may configure settings itself."""
    manage: str | None
    """Path of manage.py."""
    python_path: tuple[str, ...]
    """Folders for sys.path, relative to the root; "" is the root."""
    is_configured_by_manage: bool = False
    """Whether manage.py configures the settings itself, without a settings module."""
    tests_know_settings: bool = True
    """Whether the test runner knows the settings by its own configuration, a conftest.py, a script
    or a configured variable. If not, DJANGO_SETTINGS_MODULE is set for it."""

    @property
    def missing(self) -> str:
        """Why Django cannot be started, and how to fix that; empty: it can be started."""
        if self.settings_module is not None or self.is_configured_by_manage:
            return ""
        return (
            "No settings module was found, so Django cannot be started. Set one in"
            " .github/mergewright.yml, as in `django: {settings: tests.settings}`."
        )


class Project(BaseModel):
    """Facts of a repository; configured values take precedence over detected ones."""

    model_config = ConfigDict(frozen=True)

    framework: str
    """django, fastapi, flask or none."""
    python_version: str | None
    """Lowest supported minor version, configured or declared, as in "3.9"; rules on syntax and
    libraries apply to it. None: none is declared."""
    django: DjangoProject | None
    test_runner: str | None
    """pytest, django, or command: of `checks.tests` only the exit code is known. None: there are no
    tests."""
    test_script: str | None
    """Script that starts Django's runner. None: none was found."""
    test_args: tuple[str, ...] = ()
    """Arguments of the runner, relative to its folder."""
    test_folder: str = ""
    """Folder in which it starts, below the root."""
    more_tests: tuple[SuiteCommand, ...] = ()
    """Further commands of the tests; the four fields above are of the first."""
    types: tuple[CheckCommand, ...] = ()
    """Commands of type checkers."""
    lint: tuple[CheckCommand, ...] = ()
    """Commands of linters and formatters."""
    extra: tuple[CheckCommand, ...] = ()
    """Further checks."""
    tool_pins: dict[str, tuple[str, ...]] = {}
    """By tool: requirements of its pinned version and of its plugins."""
    unrun: dict[str, tuple[str, ...]] = {}
    """Checks of the repository that no command here runs, by kind."""
    index_hosts: dict[str, str] = {}
    """Hosts of package indexes in files of the repository, each with its file."""
    absent: tuple[str, ...] = ()
    """Contents that our checkouts lack: submodules, files in Git LFS."""
    root: str = ""
    """Folder of the project in the repository; all paths here begin with it. "": the repository."""

    @property
    def node_tools(self) -> set[str]:
        """Its tools that need Node.js."""
        return {"pyright", "basedpyright"} & {command.tool for command in self.commands}

    @property
    def commands(self) -> tuple[CheckCommand, ...]:
        """All commands but those of the tests."""
        return (*self.lint, *self.types, *self.extra)

    @property
    def tests(self) -> tuple[str, ...]:
        """Command lines of the tests by known runners, as in a configuration."""
        return tuple(filter(None, map(self._write_tests, self.suites)))

    @property
    def suites(self) -> tuple[SuiteCommand, ...]:
        """Commands of the tests; paths are relative to the repository."""
        if self.test_runner is None:
            return ()
        first = self.test_runner, self.test_script, self.test_args, self.test_folder
        return (SuiteCommand(*first), *self.more_tests)

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
    """Detect the facts of a project; paths are relative to the repository."""
    files = ProjectFiles(tree, config.folder)
    whole = ProjectFiles(tree) if config.folder else files
    declared = dependencies.list_declared(files)
    framework: str = config.framework
    if framework == "auto":
        framework = frameworks.detect_framework(files, declared)
    django = _detect_django(files, config) if framework == "django" else None
    script = suites.find_test_script(files) or (django.manage if django else None)
    # A reusable app need not be a project that Django can start.
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
    run_here = unrun_checks.OwnChecks(
        project.commands,
        project.tests or command_lines.list_lines(config.checks.tests),
        command_lines.list_options(files.pytest.words("addopts")),
        (*config.setup, *_list_migration_checks(project, config)),
    )
    project = replace(project, unrun=unrun_checks.list_unrun(run_here, files, whole))
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
    """Make paths relative to the repository that are relative to a folder of it."""

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
    configured = config.variables.get(django_projects.VARIABLE)
    manage = config.django.manage or django_projects.find_manage(files, configured)
    module = configured or django_projects.find_settings(files, manage)
    return DjangoProject(
        settings_module=module,
        manage=manage,
        python_path=django_projects.find_python_path(files, manage),
        is_configured_by_manage=module is None and django_projects.is_configuring(files, manage),
    )
