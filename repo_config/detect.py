"""Read from a repository's files what it does not say in its configuration. No code runs.

Owns the order of precedence and the record of the result.
"""

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict

from repo_config import (
    absent_files,
    checking_tools,
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

_NAMING_PLUGINS = (
    "pyproject.toml", "mypy.ini", ".mypy.ini", "setup.cfg", "tox.ini",
    "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml",
)  # fmt: skip
#: A list in brackets, or a line with the ones that are further in; or an option.
_PLUGINS = re.compile(
    r"plugins[\"']?\s*\+?[=:]\s*(?:[\[(][^\])]*|.*(?:\n[ \t]+.*)*)"
    r"|(?<![\w-])-p[\s=\"',]*[\w.]+"
)
#: The value of an option in a command line.
_OPTION = re.compile(r"(?<!\S)-[\w-]+[=\s]\s*['\"]?([^\s'\";|&<>]+)")


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
    plugins: tuple[str, ...] = ()
    """Files of the repository that mypy or pytest load as plugins."""
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
    def uses_pyright(self) -> bool:
        """Whether pyright or basedpyright is among its checks."""
        return bool({"pyright", "basedpyright"} & {command.tool for command in self.commands})

    @property
    def commands(self) -> tuple[CheckCommand, ...]:
        """All command lines but that of the tests."""
        return (*self.lint, *self.types, *self.extra)

    @property
    def named_files(self) -> frozenset[str]:
        """Files that an option of a check's command line names, but for Python code."""
        lines = [(self.root, command.line) for command in self.commands]
        lines += [
            (posixpath.join(self.root, suite.folder), self._write_tests(suite))
            for suite in self.suites
        ]
        return frozenset(
            posixpath.normpath(posixpath.join(folder, value))
            for folder, line in lines
            for value in _OPTION.findall(line)
            if not value.endswith(".py")
        )

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
        """Return what one command of the tests sees, from where it starts."""
        return replace(
            self,
            test_runner=suite.runner,
            test_script=suite.script,
            test_args=suite.args,
            test_folder="",
            more_tests=(),
            root=posixpath.join(self.root, suite.folder).rstrip("/"),
        )

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
    found = _detect(files, config)
    given = config.checks.tests
    manage = found.django.manage if found.django else None
    others = [f"python {manage} makemigrations --check{more}" for more in ("", " --dry-run")]
    own = unrun_checks.OwnChecks(
        found.commands,
        found.tests or ((given,) if isinstance(given, str) else given),
        unrun_checks.find_selecting_options(files),
        (*config.setup, *(others if manage and config.checks.makemigrations == "auto" else ())),
    )
    whole = ProjectFiles(tree) if config.folder else files
    found = replace(
        found,
        unrun=unrun_checks.list_unrun(own, files, whole),
        index_hosts=index_hosts.list_index_hosts(tree, config.folder),
        absent=absent_files.list_absent(whole, tree),
    )
    return _move_up(found, config.folder) if config.folder else found


def _move_up(found: Project, folder: str) -> Project:
    """Give paths of the repository in place of those relative to its folder."""

    def find_parent(path: str) -> str:
        return f"{folder}/{path}" if path else folder

    django = found.django
    if django is not None:
        django = replace(
            django,
            manage=find_parent(django.manage) if django.manage else None,
            python_path=tuple(map(find_parent, django.python_path)),
        )
    return replace(
        found,
        root=folder,
        django=django,
        test_script=find_parent(found.test_script) if found.test_script else None,
        more_tests=tuple(
            suite._replace(script=find_parent(suite.script)) if suite.script else suite
            for suite in found.more_tests
        ),
        plugins=tuple(map(find_parent, found.plugins)),
    )


def _detect(files: ProjectFiles, config: RepoConfig) -> Project:
    declared = dependencies.list_declared(files)
    framework: str = config.framework
    if framework == "auto":
        framework = frameworks.detect_framework(files, declared)
    django = _detect_django(files, config) if framework == "django" else None
    manage = django.manage if django else None
    # A package may be for projects of Django, and be none.
    script = manage or suites.find_test_script(files)
    is_django = django is not None and bool(script or not django.missing)
    starts = suites.choose_suite_start(files, config, declared, manage, is_django=is_django)
    if django and starts and not config.variables.get(django_projects.VARIABLE):
        knows = all(
            django_projects.is_known_to_runner(files, start.runner, start.script)
            for start in starts
        )
        django = replace(django, tests_know_settings=knows)
    first = starts[0] if starts else SuiteCommand("")
    return Project(
        framework=framework,
        python_version=config.python.version or versions.find_lowest_python(files),
        django=django,
        test_runner=first.runner or None,
        test_script=first.script,
        test_args=first.args,
        test_folder=first.folder,
        more_tests=starts[1:],
        **checking_tools.find_commands(files, config)._asdict(),
        plugins=_find_plugins(files, [arg for start in starts for arg in start.args]),
    )


def _detect_django(files: ProjectFiles, config: RepoConfig) -> DjangoProject:
    given = config.variables.get(django_projects.VARIABLE)
    manage = config.django.manage
    if manage is None:
        manage = next(iter(django_projects.find_manage_scripts(files)), None)
        # An example's manage.py says nothing about a project that is started otherwise.
        other = given or django_projects.find_settings(files, None)
        is_below = "/" in (manage or "") and django_projects.find_settings_beside_tests(files)
        if manage and (is_below or (other and django_projects.is_aside(manage))):
            manage = None
    module = given or django_projects.find_settings(files, manage)
    return DjangoProject(
        settings_module=module,
        manage=manage,
        python_path=django_projects.find_python_path(files, manage),
        is_configured_by_manage=module is None and django_projects.is_configuring(files, manage),
    )


# --- plugins ------------------------------------------------------------------------------------


def _find_plugins(files: ProjectFiles, arguments: Iterable[str]) -> tuple[str, ...]:
    """Return the files of the tree that mypy and pytest load as plugins, sorted.

    They run in the tool's own process and can change what it says, as a configuration can. Whatever
    is where one may be named counts as its name.
    """
    texts = [shlex.join(arguments), *map(files.text, _NAMING_PLUGINS)]
    texts += map(files.text, files.conftests)
    named = {
        name
        for text in texts
        for match in _PLUGINS.finditer(text)
        for name in re.findall(r"[\w./]+", match[0].removeprefix("-p"))
    }
    return tuple(sorted({path for name in named for path in _locate_plugin(files, name)}))


def _locate_plugin(files: ProjectFiles, name: str) -> Iterator[str]:
    """Yield the files that a plugin's name may stand for, from the root or from a source folder."""
    inner = name.replace(".", "/")
    stems = [f"{inner}.py", f"{inner}/__init__.py"]
    if name.endswith(".py"):
        stems = [posixpath.normpath(name)]
    if name and not name.startswith("no:"):
        for path in files.find_named(*{posixpath.basename(stem) for stem in stems}):
            if any(f"/{path}".endswith(f"/{stem}") for stem in stems):
                yield path
