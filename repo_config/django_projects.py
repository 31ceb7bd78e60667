"""How Django is started in a project: settings module, manage.py, folders on sys.path."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from repo_config import suites, tox
from repo_config.documents import table, texts
from repo_config.located import escape_text
from repo_config.project_files import Detected, Files
from repo_config.suites import ASIDE, PytestSettings

VARIABLE = "DJANGO_SETTINGS_MODULE"

_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")
#: In commands and their variables, and in what plugins of mypy and pylint are told.
_IN_COMMAND = re.compile(
    rf"(?:--settings[= ]|\b{VARIABLE}[\"']?\s*[=:,]\s*)[\"']?([A-Za-z_][\w.]*)", re.IGNORECASE
)
#: Django's own command that runs tests, with the settings that it is told.
_TEST_COMMAND = re.compile(
    r"(?:-m +django|\bdjango-admin(?:\.py)?) +test\b[^\n]*--settings[= ][\"']?([A-Za-z_][\w.]*)"
)
_COMMAND_FILES = (
    "tox.ini", "Makefile", "noxfile.py", "justfile", "hatch.toml", "pyproject.toml", "setup.cfg",
    "Taskfile.yml", "package.json", ".travis.yml", "mypy.ini", "CONTRIBUTING.rst",
    "CONTRIBUTING.md",
)  # fmt: skip
#: Scripts and CI that start tests, besides.
_COMMAND_SCRIPT = re.compile(
    r"(?:(?:bin|scripts|tests)/)?[^/]+\.sh|(?:bin|scripts)/[^/]*test[^/]*"
    r"|\.github/workflows/[^/]+\.ya?ml"
)
_CONFIGURES = "settings.configure("
_TESTISH = re.compile(r"(?:^|[_./])tests?(?:ing|project|app|s)?(?:[_./]|$)|testproject")
_SETTINGS_NAMES = ("settings.py", "test_settings.py", "tests_settings.py", "testsettings.py")
_MOST_GUESSES = 20


def manage_scripts(files: Files) -> list[str]:
    """Django's manage.py files, nearest to the root first, those of examples last."""
    paths = files.find_named("manage.py")[:_MOST_GUESSES]
    return sorted((path for path in paths if _starts_django(files, path)), key=is_aside)


def is_tested_without_script(files: Files) -> bool:
    """Whether a command of the project starts its tests by Django itself, with given settings."""
    return _named_in_commands(files, _TEST_COMMAND) is not None


def is_aside(path: str) -> bool:
    """Whether a path belongs to an example, the documentation or a template."""
    return bool(ASIDE & set(path.lower().split("/")[:-1]))


def _starts_django(files: Files, path: str) -> bool:
    text = files.text(path)
    # A template has a placeholder where a project has its settings module.
    return "django" in text.lower() and "{{" not in path + text


def settings_module(
    files: Files, pytest: PytestSettings | None, manage: str | None
) -> Detected | None:
    """The settings module that the project's own checks run with, where it can be known."""
    scripts = (_of_script(files, manage), _of_test_script(files))
    places = (_of_pytest(pytest), _of_tox(files), *scripts)
    found = next((place for place in places if place), None)
    named = found or _named_in_commands(files, _TEST_COMMAND)
    named = named or _named_in_commands(files, _IN_COMMAND)
    return named or _of_conftest(files) or _of_file_name(files)


def has_module(files: Files, module: str) -> bool:
    """Whether a module is anywhere in the repository."""
    return _home_of(files, module, ()) is not None


def settings_names(files: Files) -> tuple[str, ...]:
    """Dotted names of what looks like settings modules by name."""
    paths = (path for path in files.paths if path.endswith(".py") and "settings" in path)
    stems = (path.removesuffix(".py").removesuffix("/__init__") for path in paths)
    return tuple(stem.removeprefix("src/").replace("/", ".") for stem in stems)


def is_configuring(files: Files, path: str | None) -> bool:
    """Whether a script gives Django its settings itself, without any module."""
    return path is not None and _CONFIGURES in files.text(path)


def is_known_to_pytest(files: Files, pytest: PytestSettings | None) -> bool:
    """Whether what pytest reads by itself says which settings there are."""
    paths = (path for path in files.find_named("conftest.py")[:_MOST_GUESSES] if not is_aside(path))
    return _of_pytest(pytest) is not None or any(names_settings(files, path) for path in paths)


def names_settings(files: Files, path: str) -> bool:
    """Whether a file names the settings module, or configures the settings itself."""
    return is_configuring(files, path) or VARIABLE in files.text(path)


def is_known_to_script(files: Files, path: str | None) -> bool:
    """Whether a script says which settings there are, or is none that can be told."""
    return not path or not path.endswith("manage.py") or names_settings(files, path)


def explain_unsettled(files: Files) -> str:
    """Say what stands in the place of a settings module that can be told."""
    scripts = [path for path in suites.SCRIPTS if files.has_file(path)]
    for path in (*scripts, *files.find_named("conftest.py")[:5]):
        if not is_aside(path) and is_configuring(files, path):
            return f"{escape_text(path)} configures the settings itself, for its own run alone"
    if modules := [_module_name(files, path) for path in _settings_files(files)]:
        named = ", ".join(escape_text(module) for module in modules[:4])
        return f"nothing says which settings module is the one for tests, of {named}"
    return ""


def settings_for_tests(files: Files, pytest: PytestSettings | None) -> Detected | None:
    """As `settings_module`, from the places that are there for the tests alone."""
    return _of_pytest(pytest) or _of_test_script(files)


def python_path(
    files: Files, pytest: PytestSettings | None, manage: str | None, module: str | None
) -> tuple[tuple[str, ...], str]:
    """Folders for sys.path in order, the root always among them; and where they come from.

    The folder that the settings module is imported from comes first, so that no other hides it.
    """
    known: dict[str, str] = {}
    if manage is not None:
        known[_folder(manage)] = manage
    for entry in pytest.words("pythonpath") if pytest else []:
        folder = str(PurePosixPath(entry))
        if not folder.startswith(("/", "..")):
            known.setdefault("" if folder == "." else folder, pytest.origin if pytest else "")
    for folder, origin in source_folders(files):
        known.setdefault(folder, origin)
    known.setdefault("", "root")
    entries: dict[str, str] = {}
    if module and (home := _home_of(files, module, known)) is not None:
        entries[home] = known.get(home) or f"folder of {module}"
    entries |= known
    origin = ", ".join(f"{folder or '.'} ({why})" for folder, why in entries.items())
    return tuple(entries), origin


def source_folders(files: Files) -> Iterator[tuple[str, str]]:
    """Folders that hold the packages when the root does not, as in the `src` layout."""
    find = table(files.pyproject, "tool", "setuptools", "packages", "find")
    for where in texts(find.get("where")):
        folder = where.strip("/").removeprefix("./")
        if folder not in ("", ".") and any(path.startswith(f"{folder}/") for path in files.paths):
            yield folder, "pyproject.toml: tool.setuptools.packages.find.where"
    packages = re.compile(r"src/[A-Za-z_]\w*(?:/__init__)?\.py\Z")
    if not files.has_file("src/__init__.py") and any(packages.match(path) for path in files.paths):
        yield "src", "src layout"


def _home_of(files: Files, module: str, entries: Iterable[str]) -> str | None:
    """The folder from which a module can be imported; one that is known already comes first."""
    inner = module.replace(".", "/")
    endings = (f"{inner}.py", f"{inner}/__init__.py")
    for entry in entries:
        if any(files.has_file(f"{entry}/{ending}".lstrip("/")) for ending in endings):
            return entry
    homes = [
        path.removesuffix(ending).rstrip("/")
        for path in files.paths
        for ending in endings
        if path == ending or path.endswith(f"/{ending}")
    ]
    return min(homes, key=lambda home: (is_aside(f"{home}/"), home.count("/"), home), default=None)


def _of_pytest(pytest: PytestSettings | None) -> Detected | None:
    if pytest is None:
        return None
    options = pytest.words("addopts")
    for option, following in zip(options, [*options[1:], ""], strict=False):
        if option == "--ds" or option.startswith("--ds="):
            value = following if option == "--ds" else option.removeprefix("--ds=")
            if _MODULE.match(value):
                return Detected(value, f"{pytest.origin}: addopts --ds")
    words = pytest.text(VARIABLE).split(maxsplit=1)
    if words and _MODULE.match(words[0]):
        return Detected(words[0], f"{pytest.origin}: {VARIABLE}")
    for line in pytest.lines("env"):  # of the plugin pytest-env
        name, _, given = line.partition("=")
        if name.strip().rpartition(":")[2] == VARIABLE and _MODULE.match(given.strip()):
            return Detected(given.strip(), f"{pytest.origin}: env")
    return None


def _of_tox(files: Files) -> Detected | None:
    """The settings module that tox sets for every run of the tests."""
    found = tox.read_tox(files)
    for line in found.lines("setenv", "set_env") if found else ():
        name, module = (part.strip() for part in f"{line}=".split("=")[:2])
        if found and name == VARIABLE and has_module(files, module):
            return Detected(module, f"{found.origin}: {VARIABLE}")
    return None


def _of_script(files: Files, path: str | None) -> Detected | None:
    """The settings module that a Python file sets; one for tests where it names several."""
    if path is None or VARIABLE not in files.text(path):
        return None
    named = sorted(_find_assigned(files.module(path)))
    modules = [module for _, module in named if _MODULE.match(module)]
    best = next((module for module in modules if _TESTISH.search(module)), None)
    if best or modules:
        return Detected(best or modules[0], f"{path}: {VARIABLE}")
    return None


def _of_test_script(files: Files) -> Detected | None:
    return _of_script(files, suites.script(files, None))


def _of_conftest(files: Files) -> Detected | None:
    paths = (path for path in files.find_named("conftest.py")[:5] if not is_aside(path))
    return next((found for path in paths if (found := _of_script(files, path))), None)


def _find_assigned(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and value of each literal that is given to the environment variable."""
    for node in ast.walk(module):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="setdefault" | "putenv"),
                args=[ast.Constant(value=name), ast.Constant(value=str(value))],
            ):
                pass
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value=name))],
                value=ast.Constant(value=str(value)),
            ):
                pass
            case _:
                continue
        if name == VARIABLE:
            yield node.lineno, value


def _named_in_commands(files: Files, command: re.Pattern[str]) -> Detected | None:
    scripts = sorted(path for path in files.paths if _COMMAND_SCRIPT.fullmatch(path))
    for path in (*_COMMAND_FILES, *scripts[:_MOST_GUESSES]):
        modules = [name.rstrip(".") for name in command.findall(files.text(path))]
        modules.sort(key=lambda module: not _TESTISH.search(module))
        for module in list(dict.fromkeys(modules))[:_MOST_GUESSES]:
            if _home_of(files, module, ()) is not None:
                return Detected(module, f"{path}: settings in a command")
    return None


def _of_file_name(files: Files) -> Detected | None:
    """A settings file for tests, or the only settings file there is.

    Not where a script or conftest.py configures the settings itself.
    """
    scripts = [path for path in suites.SCRIPTS if files.has_file(path)]
    own = [path for path in (*scripts, *files.find_named("conftest.py")[:5]) if not is_aside(path)]
    if any(is_configuring(files, path) for path in own):
        return None
    real = _settings_files(files)
    chosen = next((path for path in real if _TESTISH.search(path)), None)
    if chosen is None and len(real) == 1:
        chosen = real[0]
    if chosen is None:
        return None
    return Detected(_module_name(files, chosen), chosen)


def _settings_files(files: Files) -> list[str]:
    """Files that look like Django settings, by name and by content."""
    in_folder = [
        path for path in files.find_named("test.py", "tests.py") if "/settings/" in f"/{path}"
    ]
    paths = [*files.find_named(*_SETTINGS_NAMES), *in_folder][:_MOST_GUESSES]
    return [path for path in paths if not is_aside(path) and _has_apps(files, path)]


def _has_apps(files: Files, path: str) -> bool:
    return bool(suites.SETTINGS.search(files.text(path)))


def _module_name(files: Files, path: str) -> str:
    """The name by which a file is imported from the nearest folder that is no package."""
    parts = path.removesuffix(".py").split("/")
    start = len(parts) - 1
    while start and files.has_file("/".join([*parts[:start], "__init__.py"])):
        start -= 1
    # A folder directly at the root is importable without being a package.
    if start == 1 and parts[0] not in dict(source_folders(files)):
        start = 0
    return ".".join(parts[start:])


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
