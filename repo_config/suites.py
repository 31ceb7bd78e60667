"""How a project's tests are started: by pytest, by Django's runner, or as a command does it."""

from __future__ import annotations

import ast
import fnmatch
import posixpath
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from repo_config import tox
from repo_config.commands import Command, Script, read_commands, unwrap_command
from repo_config.dependencies import Dependency
from repo_config.project_files import CONFIGURED, Detected, ProjectFiles, split_words
from repo_config.schema import RepoConfig

_TEST_NAME = re.compile(r"(?:tests?|tests?_.*|.*_tests?)\.py\Z")
_BY_UNITTEST = "pytest also runs the tests of unittest"
#: Has pytest look where unittest does, for names that it would pass over.
_AS_UNITTEST = ("-o", "python_files=test*.py *_tests.py")
_DOCTESTS = "--doctest-modules"
#: Options of pytest-xdist for the number of processes.
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
_MANAGE = "manage.py"
_README = re.compile(r"(?:README|CONTRIBUTING)[^/]*", re.IGNORECASE)
_PROMPT = re.compile(r"^[ \t]*[$>%][ \t]+", re.MULTILINE)
_PYTHON = re.compile(r"(?:.*/)?(?:python[0-9.]*|py)")
_USES_PYTEST = re.compile(r"^[ \t]*(?:import|from)[ ]pytest\b", re.MULTILINE)
_MOST_READMES, _MOST_COMMANDS = 4, 500
#: Options whose values could be taken for places.
_PYTEST_VALUES = ("-k", "-m", "-n", "-c", "-p", "-o", "-r", "-W", "--rootdir", "--ignore", "--cov")
_UNITTEST_VALUES = ("-k", "-s", "--start-directory", "-p", "--pattern", "-t")


class Start(NamedTuple):
    """How the tests are started."""

    runner: str | None
    script: str | None
    """Starts Django's runner, where that is the one."""
    args: tuple[str, ...]
    """Without which the tests would not be found."""
    origins: dict[str, str]


class SuiteCommand(NamedTuple):
    """How a command runs tests."""

    origin: str
    script: str = ""
    """Runs them itself; empty: pytest does."""
    args: tuple[str, ...] = ()
    """For pytest."""


def choose_suite_start(
    files: ProjectFiles,
    config: RepoConfig,
    declared: tuple[Dependency, ...],
    manage: str | None,
    *,
    is_django: bool,
) -> Start:
    """Say how the tests are started: as configured, as is usual, or as a command does it."""
    given, command = config.checks.tests, None
    found = _find_runner(files, declared, manage, is_django=is_django)
    if given.runner != "auto":
        configured = Detected(given.runner, f"{CONFIGURED}: checks.tests.runner")
        found = configured if given.runner != "off" else None
    elif not (given.args or given.script or _are_found(files, found)):
        usual = SuiteCommand(found.origin, args=_AS_UNITTEST) if found else None
        # Without tests by name, manage.py finds none either.
        named = (one for one in find_suite_commands(files) if found or one.script != manage)
        command = next(named, usual)
        found = command and Detected("django" if command.script else "pytest", command.origin)
    chosen = given.script or (command and command.script) or find_test_script(files) or manage
    origins = {"test_runner": found.origin} if found else {}
    if found and found.value == "django" and chosen:
        origins["test_script"] = f"{CONFIGURED}: checks.tests.script" if given.script else chosen
    args = command.args if command else ()
    if is_django and found and found.origin == _BY_UNITTEST:
        # Its tests set Django up, which can be done once.
        args = ("-p", "no:django", *args)
    if args and found:
        origins["test_args"] = command.origin if command else found.origin
    return Start(found and found.value, chosen, args, origins)


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
    # A library may have tests for Django among others, which set it up themselves.
    if is_django and (
        script or not any(one.words[0] == "unittest" for one in _list_commands(files))
    ):
        return Detected("django", script or "Django, and nothing of pytest")
    return Detected("pytest", _BY_UNITTEST)


def _are_found(files: ProjectFiles, runner: Detected | None) -> bool:
    """Whether the runner finds any tests without further arguments."""
    if runner is None or runner.value == "django":
        return runner is not None
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
    env = tox.read_tox(files)
    commands = (unwrap_command(split_words(line)) for line in (env.commands() if env else ()))
    named = (_find_script(words, files) for words in commands if words)
    used = (path for path in named if _TEST_NAME.match(path.rsplit("/", 1)[-1]) or "test" in path)
    return next((path for path in (*SCRIPTS, *used) if files.has_file(path)), None)


# --- what commands run --------------------------------------------------------------------------


def find_suite_commands(files: ProjectFiles) -> Iterator[SuiteCommand]:
    """Yield the commands that say more than "all tests", those of CI and tox first."""
    return filter(None, (_read_command(one, files) for one in _list_commands(files)))


def find_manage_scripts(files: ProjectFiles) -> dict[str, bool]:
    """Find each manage.py that a command starts, and whether to run tests."""
    found: dict[str, bool] = {}
    for command in _list_commands(files):
        path = _find_script(command.words, files, command.folder)
        if posixpath.basename(path) == _MANAGE:
            found[path] = found.get(path, False) or "test" in command.words
    return found


def run_in_parallel(files: ProjectFiles) -> bool:
    """Whether tox or CI has pytest-xdist share the tests among processes."""
    return any(
        command.words[:1] == ["pytest"] and any(map(_WORKERS.fullmatch, command.words))
        for command in read_commands(files)
    )


def _list_commands(files: ProjectFiles) -> Iterator[Command]:
    readmes = [path for path in files.paths if _README.fullmatch(path)][:_MOST_READMES]
    scripts = [Script(_PROMPT.sub("", files.text(path)), path) for path in readmes]
    every = read_commands(files, (Script("make test", "make"), *scripts))
    return islice((one for one in every if one.words), _MOST_COMMANDS)


def _read_command(command: Command, files: ProjectFiles) -> SuiteCommand | None:
    program, *rest = command.words
    path = _find_script(command.words, files, command.folder)
    if path and not _holds_tests(files, path):
        runs = _runs_tests(path, rest, files)
        return SuiteCommand(command.origin, script=path) if runs else None
    args: tuple[str, ...] = (path,) if path else ()
    if program == "pytest":
        args = _read_pytest(rest, command.folder, files)
    elif program == "unittest":
        args = _read_unittest(rest, command.folder, files)
    elif not path and "test" in program and program != "test":
        args = _name_module(program, command.folder, files)
    return SuiteCommand(command.origin, args=args) if args else None


def _find_script(words: Sequence[str], files: ProjectFiles, folder: str = ".") -> str:
    """Find the Python file that a command starts; "" for any other command."""
    program, *rest = words
    named = rest if _PYTHON.fullmatch(program) else [program]
    word = next((word for word in named if word.endswith(".py")), "")
    path = posixpath.normpath(posixpath.join(folder, word))
    return path if files.has_file(path) else ""


def _holds_tests(files: ProjectFiles, path: str) -> bool:
    """Whether a script has cases of unittest in it, which pytest collects where it is named."""
    return any(
        isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith("TestCase") for base in node.bases)
        for node in files.module(path).body
    )


def _runs_tests(path: str, words: Sequence[str], files: ProjectFiles) -> bool:
    """Whether a script, by its name, runs tests of unittest in its own process."""
    folder, name = posixpath.split(path)
    if name == _MANAGE:
        return "test" in words
    is_named = "test" in name or ("run" in name and "test" in folder)
    return is_named and not _USES_PYTEST.search(files.text(path))


def _read_pytest(words: Sequence[str], folder: str, files: ProjectFiles) -> tuple[str, ...]:
    doctests = (_DOCTESTS,) if _DOCTESTS in words else ()
    names, _ = _sort_words(words, _PYTEST_VALUES)
    named = (_find_place(name.partition("::")[0], folder, files) for name in names)
    # Of a folder, files by their names alone.
    places = (
        place
        for place in dict.fromkeys(filter(None, named))
        if doctests
        or place.endswith(".py")
        or any(_name_files(place, one, files) for one in ("test_*.py", "*_test.py"))
    )
    return (*doctests, *places)


def _read_unittest(words: Sequence[str], folder: str, files: ProjectFiles) -> tuple[str, ...]:
    names, options = _sort_words(words, _UNITTEST_VALUES)
    first, start, pattern, *_ = (*(names or ["discover"]), "", "")
    if first != "discover":
        return tuple(one for name in names for one in _name_module(name, folder, files))
    start = options.get("-s") or options.get("--start-directory") or start or "."
    pattern = options.get("-p") or options.get("--pattern") or pattern or "test*.py"
    return _name_files(posixpath.normpath(posixpath.join(folder, start)), pattern, files)


def _sort_words(words: Sequence[str], valued: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Sort words into names and the options that have values."""
    names: list[str] = []
    options: dict[str, str] = {}
    waiting = iter(words)
    for word in waiting:
        option, joined, value = word.partition("=")
        if not word.startswith("-"):
            names.append(word)
        elif option in valued:
            options[option] = value if joined else next(waiting, "")
    return names, options


def _name_module(name: str, folder: str, files: ProjectFiles) -> tuple[str, ...]:
    """Name a module for pytest, or all those of a package, which finds them itself."""
    place = _find_place(name, folder, files)
    if place.endswith(".py"):
        return (place,)
    return _name_files(place, "*.py", files) if place else ()


def _name_files(folder: str, pattern: str, files: ProjectFiles) -> tuple[str, ...]:
    start = "" if folder == "." else f"{folder}/"
    inside = files.paths if not start or folder in files.folders else ()
    names = (path.rpartition("/")[2] for path in inside if path.startswith(start))
    if not any(fnmatch.fnmatch(name, pattern) for name in names):
        return ()
    return ("-o", f"python_files={pattern}", *([folder] if start else ()))


def _find_place(word: str, folder: str, files: ProjectFiles) -> str:
    """Find a Python file or a folder by its path or its dotted name; "" where there is none."""
    for name in (word, f"{word.replace('.', '/')}.py", word.replace(".", "/")):
        path = posixpath.normpath(posixpath.join(folder, name))
        if path in files.folders or (files.has_file(path) and path.endswith(".py")):
            return path
    return ""
