"""Detect how a project's tests are started: by pytest or by Django's runner."""

import posixpath
import re

from repo_config import command_lines, test_files
from repo_config.command_lines import SuiteCommand
from repo_config.dependencies import Dependency
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig

#: Folders without tests of the project itself.
ASIDE = frozenset(
    {"doc", "docs", "example", "examples", "demo", "demos", "sandbox", "template", "templates"}
    | {"project_template", "app_template", "cookiecutter", "vendor", "node_modules"}
)
#: Scripts that start Django's runner with settings of their own.
SCRIPTS = tuple(
    f"{folder}{name}"
    for folder in ("", "tests/", "test/", "testproject/", "test_project/")
    for name in ("runtests.py", "run_tests.py", "quicktest.py", "runtest.py")
)
#: Files in which pytest looks for tests if it has no settings.
_COLLECTED = re.compile(r"(?:^|/)test_[^/]*\.py$|_test\.py$")


def choose_suites(
    files: ProjectFiles,
    config: RepoConfig,
    declared: tuple[Dependency, ...],
    of_django: SuiteCommand | None,
) -> tuple[SuiteCommand, ...]:
    """Return the commands of the tests, configured or detected; empty: there are no tests."""
    line = config.checks.tests
    if line != "auto":
        return () if line == "off" else command_lines.read_suites(line)
    named = filter(test_files.has_test_name, files.paths)
    modules = tuple(path for path in named if not (is_aside(path) or path.endswith("conftest.py")))
    if files.pytest.values is None and not modules:
        return ()
    if of_django and not _is_for_pytest(files, declared):
        return (of_django,)
    # pytest also runs unittest's tests.
    if files.pytest.values is not None or any(map(_COLLECTED.search, modules)):
        return (SuiteCommand("pytest"),)
    # It does not look for modules with these names.
    names = " ".join(sorted({posixpath.basename(path) for path in modules}))
    return (SuiteCommand("pytest", args=("-o", f"python_files=test_*.py *_test.py {names}")),)


def _is_for_pytest(files: ProjectFiles, declared: tuple[Dependency, ...]) -> bool:
    """Whether the tests of a Django project are meant for pytest.

    pytest as a dependency is not enough: to start Django it needs pytest-django or a conftest.py.
    """
    has_plugin = any(dependency.name == "pytest-django" for dependency in declared)
    is_prepared = not all(map(is_aside, files.find_named("conftest.py")))
    return files.pytest.values is not None or has_plugin or is_prepared


def is_aside(path: str) -> bool:
    """Whether a path belongs to an example, the documentation or a template."""
    return bool(ASIDE & set(path.lower().split("/")[:-1]))


def find_test_script(files: ProjectFiles) -> str | None:
    """Return a script that only starts Django's test runner; None: there is none."""
    return next(filter(files.has_file, SCRIPTS), None)
