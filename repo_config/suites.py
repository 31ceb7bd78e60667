"""How a project's tests are started: by pytest, or by Django's runner."""

from __future__ import annotations

import fnmatch
import re
from typing import NamedTuple

from repo_config import command_lines, test_files
from repo_config.dependencies import Dependency
from repo_config.project_files import CONFIGURED, Detected, ProjectFiles
from repo_config.schema import RepoConfig

_BY_UNITTEST = "pytest also runs the tests of unittest"
_DOCTESTS = "--doctest-modules"
#: Folders whose files are not the project's own tests.
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
#: What a module of Django settings has, and hardly any other.
SETTINGS = re.compile(r"^INSTALLED_APPS\b|^from \S+ import \*", re.MULTILINE)


class Start(NamedTuple):
    """How the tests are started."""

    runner: str | None
    script: str | None
    """Starts Django's runner, where that is the one."""
    args: tuple[str, ...]
    """For the runner, as configured."""
    origins: dict[str, str]


def choose_suite_start(
    files: ProjectFiles,
    config: RepoConfig,
    declared: tuple[Dependency, ...],
    manage: str | None,
    *,
    is_django: bool,
) -> Start:
    """Say how the tests are started: as configured, or as is usual."""
    line = config.checks.tests
    if line == "off":
        return Start(None, None, (), {})
    if line != "auto":
        origins = {"tests": f"{CONFIGURED}: checks.tests"}
        return Start(*command_lines.read_test_command(line), origins)
    found = _find_runner(files, declared, manage, is_django=is_django)
    if found is None:
        return Start(None, None, (), {})
    script = (find_test_script(files) or manage) if found.value == "django" else None
    is_from_script = script and found.origin != script
    named = f"{found.origin}, {script}" if is_from_script else found.origin
    return Start(found.value, script, (), {"tests": named})


def _find_runner(
    files: ProjectFiles, declared: tuple[Dependency, ...], manage: str | None, *, is_django: bool
) -> Detected | None:
    """Say which runner the tests are meant for; None without tests."""
    if _DOCTESTS not in files.pytest.words("addopts") and not _has_tests(files):
        return None
    if files.pytest.origin:
        return Detected("pytest", files.pytest.origin)
    # A Django project may need pytest for something else than its tests; pytest cannot start
    # Django without its plugin or a conftest.py.
    names = {"pytest-django"} if is_django else {"pytest", "pytest-django"}
    for dependency in declared:
        if dependency.name in names:
            return Detected("pytest", f"{dependency.origin}: {dependency.name}")
    for path in files.find_named("conftest.py"):
        if not ASIDE & set(path.split("/")[:-1]):
            return Detected("pytest", path)
    script = find_test_script(files) or manage
    if is_django:
        return Detected("django", script or "Django, and nothing of pytest")
    return Detected("pytest", _BY_UNITTEST)


def _has_tests(files: ProjectFiles) -> bool:
    patterns = files.pytest.words("python_files")
    own = {name for pattern in patterns for name in fnmatch.filter(files.names, pattern)}
    for path in files.paths:
        *folders, name = path.split("/")
        is_test = name != "conftest.py" and test_files.has_test_name(path)
        if (is_test or name in own) and path.endswith(".py") and not ASIDE & set(folders):
            return True
    return False


def find_test_script(files: ProjectFiles) -> str | None:
    """Find a script that starts Django's runner and is made for tests."""
    return next(filter(files.has_file, SCRIPTS), None)
