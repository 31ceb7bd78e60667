"""How a project's tests are started: by pytest, or by Django's runner."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import NamedTuple

from repo_config import command_lines
from repo_config.dependencies import Dependency
from repo_config.project_files import CONFIGURED, Detected, ProjectFiles
from repo_config.schema import RepoConfig

_TEST_NAME = re.compile(r"(?:tests?|tests?_.*|.*_tests?)\.py\Z")
_BY_UNITTEST = "pytest also runs the tests of unittest"
#: Has pytest look where unittest does, for names that it would pass over.
_AS_UNITTEST = ("-o", "python_files=test*.py *_tests.py")
_DOCTESTS = "--doctest-modules"
_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
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
    """For the runner, as configured or as it needs them to find the tests."""
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
    args = () if _are_found(files, found) else _AS_UNITTEST
    script = (find_test_script(files) or manage) if found.value == "django" else None
    if is_django and found.origin == _BY_UNITTEST:
        # Its tests set Django up, which can be done once.
        args = ("-p", "no:django", *args)
    is_from_script = script and found.origin != script
    named = f"{found.origin}, {script}" if is_from_script else found.origin
    return Start(found.value, script, args, {"tests": named})


def _find_runner(
    files: ProjectFiles, declared: tuple[Dependency, ...], manage: str | None, *, is_django: bool
) -> Detected | None:
    """Say which runner the tests are meant for; None without tests."""
    if _DOCTESTS not in files.pytest.words("addopts") and not any(_find_tests(files)):
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


def _are_found(files: ProjectFiles, runner: Detected) -> bool:
    """Whether the runner finds any tests without further arguments."""
    if runner.value == "django":
        return True
    if files.pytest.words("python_files") or _DOCTESTS in files.pytest.words("addopts"):
        return True
    names = (path.rpartition("/")[2] for path in _find_tests(files))
    return any(name.startswith("test_") or name.endswith("_test.py") for name in names)


def _find_tests(files: ProjectFiles) -> Iterator[str]:
    patterns = files.pytest.words("python_files")
    own = {name for pattern in patterns for name in fnmatch.filter(files.names, pattern)}
    names = own | {name for name in files.names if name.startswith("test") or "_test" in name}
    unsure = 0
    for path in files.find_named(*sorted(names)):
        *folders, name = path.split("/")
        if not path.endswith(".py") or ASIDE & set(folders):
            continue
        in_test_folder = name.startswith("test") and bool(_TEST_FOLDERS & set(folders))
        if name in own or in_test_folder or _TEST_NAME.match(name):
            # Settings for tests are no tests; a few are looked into, many are none of these.
            unsure += 1
            if "settings" not in name or unsure > 20 or not SETTINGS.search(files.text(path)):
                yield path


def find_test_script(files: ProjectFiles) -> str | None:
    """Find a script that starts Django's runner and is made for tests."""
    return next(filter(files.has_file, SCRIPTS), None)
