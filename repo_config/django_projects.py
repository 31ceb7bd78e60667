"""How Django is started in a project: settings module, manage.py, folders on sys.path."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from repo_config import suites
from repo_config.project_files import Detected, ProjectFiles, PytestSettings
from repo_config.suites import ASIDE

VARIABLE = "DJANGO_SETTINGS_MODULE"

_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")
_TESTISH = re.compile(r"(?:^|[_./])tests?(?:ing|project|app|s)?(?:[_./]|$)|testproject")
_SETTINGS_NAMES = ("settings.py", "test_settings.py", "tests_settings.py", "testsettings.py")
_MOST_GUESSES = 20


def is_aside(path: str) -> bool:
    """Whether a path belongs to an example, the documentation or a template."""
    return bool(ASIDE & set(path.lower().split("/")[:-1]))


def find_manage_scripts(files: ProjectFiles) -> list[str]:
    """List Django's manage.py files, nearest to the root first, those of examples last."""
    paths = files.find_named("manage.py")[:_MOST_GUESSES]
    # A template has a placeholder where a project has its settings module.
    starting = [
        path
        for path in paths
        if "django" in files.text(path).lower() and "{{" not in path + files.text(path)
    ]
    return sorted(starting, key=is_aside)


def _find_conftests(files: ProjectFiles) -> list[str]:
    paths = files.find_named("conftest.py")[:_MOST_GUESSES]
    return [path for path in paths if not is_aside(path)]


# --- the settings module ------------------------------------------------------------------------


def find_settings(files: ProjectFiles, manage: str | None) -> Detected | None:
    """Find the settings module that the project's own checks run with, where it can be known."""
    return next(filter(None, _list_settings(files, manage)), None)


def _list_settings(files: ProjectFiles, manage: str | None) -> Iterator[Detected | None]:
    yield _find_in_pytest(files.pytest)
    yield _find_in_script(files, manage)
    yield _find_in_script(files, suites.find_test_script(files))
    yield from (_find_in_script(files, path) for path in _find_conftests(files))
    yield _find_by_file_name(files)


def find_test_settings(files: ProjectFiles) -> Detected | None:
    """Find the settings module in the places that are there for the tests alone."""
    script = suites.find_test_script(files)
    return _find_in_pytest(files.pytest) or _find_in_script(files, script)


def is_configuring(files: ProjectFiles, path: str | None) -> bool:
    """Whether a script gives Django its settings itself, without any module."""
    return path is not None and "settings.configure(" in files.text(path)


def is_known_to_runner(files: ProjectFiles, runner: str | None, script: str | None) -> bool:
    """Whether what runs the tests learns by itself which settings there are."""
    if runner == "pytest":
        paths = _find_conftests(files)
        in_settings = _find_in_pytest(files.pytest) is not None
        return in_settings or any(_knows(files, one) for one in paths)
    if not script or not script.endswith("manage.py"):
        return True
    return _knows(files, script)


def _knows(files: ProjectFiles, path: str) -> bool:
    return is_configuring(files, path) or VARIABLE in files.text(path)


def _find_in_pytest(pytest: PytestSettings) -> Detected | None:
    for option, following in pairwise((*pytest.words("addopts"), "")):
        value = following if option == "--ds" else option.removeprefix("--ds=")
        if option.startswith("--ds") and _MODULE.match(value):
            return Detected(value, f"{pytest.origin}: addopts --ds")
    for word in pytest.words(VARIABLE)[:1]:
        if _MODULE.match(word):
            return Detected(word, f"{pytest.origin}: {VARIABLE}")
    return None


def _find_in_script(files: ProjectFiles, path: str | None) -> Detected | None:
    """Find the settings module that a Python file sets; one for tests where it names several."""
    if path is None or VARIABLE not in files.text(path):
        return None
    named = sorted(_find_assigned(files.module(path)))
    modules = [module for _, module in named if _MODULE.match(module)]
    modules.sort(key=lambda module: not _TESTISH.search(module))
    return Detected(modules[0], f"{path}: {VARIABLE}") if modules else None


def _find_assigned(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and value of each literal that is given to the environment variable."""
    for node in ast.walk(module):
        match node:
            case (
                ast.Call(
                    func=ast.Attribute(attr="setdefault" | "putenv"),
                    args=[ast.Constant(value=name), ast.Constant(value=str(value))],
                )
                | ast.Assign(
                    targets=[ast.Subscript(slice=ast.Constant(value=name))],
                    value=ast.Constant(value=str(value)),
                )
            ) if name == VARIABLE:
                yield node.lineno, value


def _find_by_file_name(files: ProjectFiles) -> Detected | None:
    """Find a settings file for tests, or the only settings file there is.

    Not where a script or conftest.py configures the settings itself.
    """
    scripts = [path for path in suites.SCRIPTS if files.has_file(path)]
    if any(is_configuring(files, path) for path in (*scripts, *_find_conftests(files))):
        return None
    paths = _find_settings_files(files)
    chosen = next((path for path in paths if _TESTISH.search(path)), None)
    chosen = chosen or (paths[0] if len(paths) == 1 else None)
    return Detected(_name_module(files, chosen), chosen) if chosen else None


def _find_settings_files(files: ProjectFiles) -> list[str]:
    """List files that look like Django settings, by name and by content."""
    in_folder = [
        path for path in files.find_named("test.py", "tests.py") if "/settings/" in f"/{path}"
    ]
    paths = [*files.find_named(*_SETTINGS_NAMES), *in_folder][:_MOST_GUESSES]
    return [
        path for path in paths if not is_aside(path) and suites.SETTINGS.search(files.text(path))
    ]


# --- modules and folders ------------------------------------------------------------------------


def find_python_path(
    files: ProjectFiles, manage: str | None, module: str | None
) -> tuple[str, ...]:
    """Return folders for sys.path in order, the root always among them.

    The folder that the settings module is imported from comes first, so that no other hides it.
    """
    known = [] if manage is None else [manage.rpartition("/")[0]]
    for entry in files.pytest.words("pythonpath"):
        folder = str(PurePosixPath(entry))
        if not folder.startswith(("/", "..")):
            known.append("" if folder == "." else folder)
    known.append("")
    home = _find_home(files, module, known) if module else None
    return tuple(dict.fromkeys(known if home is None else (home, *known)))


def _find_home(files: ProjectFiles, module: str, entries: Iterable[str]) -> str | None:
    """Find the folder that a module is imported from; one that is known already comes first."""
    inner = module.replace(".", "/")
    endings = (f"{inner}.py", f"{inner}/__init__.py")
    for entry in entries:
        if any(files.has_file(f"{entry}/{ending}".lstrip("/")) for ending in endings):
            return entry
    homes = [
        path.removesuffix(ending).rstrip("/")
        for path in files.paths
        for ending in endings
        if f"/{path}".endswith(f"/{ending}")
    ]
    return min(homes, key=lambda home: (is_aside(f"{home}/"), home.count("/"), home), default=None)


def _name_module(files: ProjectFiles, path: str) -> str:
    """Return the name by which a file is imported from the nearest folder that is no package."""
    parts = path.removesuffix(".py").split("/")
    start = len(parts) - 1
    while start and files.has_file("/".join([*parts[:start], "__init__.py"])):
        start -= 1
    # A folder directly at the root is importable without being a package.
    if start == 1 and parts[0] != "src":
        start = 0
    return ".".join(parts[start:])
