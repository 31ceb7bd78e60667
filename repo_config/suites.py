"""How a project's tests are started: by pytest, or by Django's runner and which script."""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from repo_config import suite_commands, tox
from repo_config.commands import read_commands, unwrap_command
from repo_config.dependencies import Dependency
from repo_config.documents import table, texts
from repo_config.project_files import CONFIGURED, Detected, Files, split_words
from repo_config.schema import RepoConfig
from repo_config.suite_commands import SuiteCommand

_TEST_NAME = re.compile(r"(?:tests?|tests?_.*|.*_tests?)\.py\Z")
#: Has pytest look where unittest does, for names that it would pass over.
AS_UNITTEST = ("-o", "python_files=test*.py *_tests.py")
_DOCTESTS = "--doctest-modules"
#: By these, pytest-xdist is told how many processes there are.
_WORKERS = re.compile(r"(?:-n|--numprocesses)(?:=?(?:auto|logical|[1-9]\d*))?")
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
    """Without which the tests would not be found."""
    origins: dict[str, str]


class PytestSettings:
    """The section that pytest would take its settings from."""

    def __init__(self, origin: str, values: dict[str, object]) -> None:
        self.origin, self._values = origin, values

    def text(self, key: str) -> str:
        """A single value."""
        value = self._values.get(key)
        return value.strip() if isinstance(value, str) else ""

    def words(self, key: str) -> list[str]:
        """A value of many parts, which stand in a list or between blanks."""
        value = self._values.get(key)
        if not isinstance(value, str):
            return texts(value)
        try:
            return shlex.split(value)
        except ValueError:
            return value.split()

    def lines(self, key: str) -> list[str]:
        """A value of one part per line, or a list."""
        value = self._values.get(key)
        return value.splitlines() if isinstance(value, str) else texts(value)


def pytest_settings(files: Files) -> PytestSettings | None:
    """Find pytest's section in the order in which pytest itself looks for it."""
    for path in ("pytest.toml", ".pytest.toml"):
        if files.has_file(path):
            return PytestSettings(path, table(files.toml(path), "pytest"))
    for path in ("pytest.ini", ".pytest.ini"):
        if files.has_file(path):
            return PytestSettings(path, dict(files.ini(path).get("pytest", {})))
    tool = table(files.pyproject, "tool")
    if "pytest" in tool:
        own = table(tool, "pytest")
        old = "ini_options" in own
        origin = "tool.pytest.ini_options" if old else "tool.pytest"
        values = table(own, "ini_options") if old else own
        return PytestSettings(f"pyproject.toml: {origin}", values)
    for path, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        if section in files.ini(path):
            return PytestSettings(f"{path}: [{section}]", dict(files.ini(path)[section]))
    return None


def has_tests(files: Files, settings: PytestSettings | None) -> bool:
    """Whether there is anything that holds tests, by its name or by pytest's own settings."""
    options = settings.words("addopts") if settings else ()
    return _DOCTESTS in options or any(_find_tests(files, settings))


def _are_found(files: Files, settings: PytestSettings | None, runner: Detected | None) -> bool:
    """Whether the runner finds any tests without being told more."""
    if runner is None or runner.value == "django":
        return runner is not None
    if settings and (settings.words("python_files") or _DOCTESTS in settings.words("addopts")):
        return True
    names = (path.rpartition("/")[2] for path in _find_tests(files, settings))
    return any(name.startswith("test_") or name.endswith("_test.py") for name in names)


def _find_tests(files: Files, settings: PytestSettings | None) -> Iterator[str]:
    patterns = settings.words("python_files") if settings else []
    own = [name for pattern in patterns for name in fnmatch.filter(files.names, pattern)]
    names = set(own) | {name for name in files.names if name.startswith("test") or "_test" in name}
    unsure = 0
    for path in files.find_named(*sorted(names)):
        *folders, name = path.split("/")
        if not path.endswith(".py") or ASIDE & set(folders):
            continue
        in_test_folder = name.startswith("test") and bool(_TEST_FOLDERS & set(folders))
        if not (name in own or in_test_folder or _TEST_NAME.match(name)):
            continue
        # Settings for tests are no tests; a few are looked into, many are none of these.
        unsure += 1
        if "settings" not in name or unsure > 20 or not SETTINGS.search(files.text(path)):
            yield path


def find_start(
    files: Files,
    whole: Files,
    config: RepoConfig,
    settings: PytestSettings | None,
    declared: tuple[Dependency, ...],
    manage: str | None,
    *,
    is_django: bool,
) -> Start:
    """Say how the tests are started: as configured, as is usual, or as a command does it.

    Args:
        files: Of the project.
        whole: Of the repository.
    """
    given, command = config.checks.tests, None
    found = _find_runner(files, settings, declared, manage, is_django=is_django)
    if given.runner != "auto":
        configured = Detected(given.runner, f"{CONFIGURED}: checks.tests.runner")
        found = configured if given.runner != "off" else None
    elif not (given.args or given.script or _are_found(files, settings, found)):
        usual = SuiteCommand(found.origin, args=AS_UNITTEST) if found else None
        named = suite_commands.find_commands(files, whole, config.folder)
        # Without tests by name, manage.py finds none either.
        command = next((one for one in named if found or one.script != manage), usual)
        found = command and Detected("django" if command.script else "pytest", command.origin)
    chosen = given.script or (command and command.script) or script(files, manage)
    origins = {"test_runner": found.origin} if found else {}
    if found and found.value == "django" and chosen:
        origins["test_script"] = f"{CONFIGURED}: checks.tests.script" if given.script else chosen
    if command and command.args:
        origins["test_args"] = command.origin
    return Start(found and found.value, chosen, command.args if command else (), origins)


def _find_runner(
    files: Files,
    settings: PytestSettings | None,
    declared: tuple[Dependency, ...],
    manage: str | None,
    *,
    is_django: bool,
) -> Detected | None:
    """Say which runner the tests are meant for; None without tests."""
    if not has_tests(files, settings):
        return None
    if settings:
        return Detected("pytest", settings.origin)
    # A Django project may need pytest for something else than its tests; pytest cannot start
    # Django without its plugin or a conftest.py.
    names = {"pytest-django"} if is_django else {"pytest", "pytest-django"}
    for dependency in declared:
        if dependency.name in names:
            return Detected("pytest", f"{dependency.origin}: {dependency.name}")
    for path in files.find_named("conftest.py"):
        if not ASIDE & set(path.split("/")[:-1]):
            return Detected("pytest", path)
    if is_django:
        return Detected("django", script(files, manage) or "Django, and nothing of pytest")
    return Detected("pytest", "pytest also runs the tests of unittest")


def script(files: Files, manage: str | None) -> str | None:
    """The script that starts Django's runner: one made for tests, else manage.py."""
    env = tox.read_tox(files)
    commands = (unwrap_command(split_words(line)) for line in (env.commands() if env else ()))
    named = (suite_commands.find_script(words, files) for words in commands if words)
    used = (path for path in named if _TEST_NAME.match(path.rsplit("/", 1)[-1]) or "test" in path)
    return next((path for path in (*SCRIPTS, *used) if files.has_file(path)), manage)


def run_in_parallel(files: Files, whole: Files, folder: str) -> bool:
    """Whether tox or CI has pytest-xdist share the tests among processes."""
    return any(
        command.words[:1] == ["pytest"] and any(map(_WORKERS.fullmatch, command.words))
        for command in read_commands(files, whole, folder)
    )
