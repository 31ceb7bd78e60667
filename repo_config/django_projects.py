"""Detect how Django is started in a project: settings module, manage.py, sys.path."""

import ast
import posixpath
import re
from collections.abc import Iterator

from repo_config import suites
from repo_config.project_files import ProjectFiles, PytestSettings
from repo_config.suites import is_aside

VARIABLE = "DJANGO_SETTINGS_MODULE"

_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")
_TESTISH = re.compile(r"(?:^|[_./])tests?(?:ing|project|app|s)?(?:[_./]|$)|testproject")
_BESIDE_TESTS = re.compile(r"tests?/\w*settings\.py")
_MOST_GUESSES = 20


def find_manage_scripts(files: ProjectFiles) -> list[str]:
    """List Django's manage.py files, those nearest to the root first, those of examples last."""
    paths = files.find_named("manage.py")[:_MOST_GUESSES]
    starting = (path for path in paths if "django" in files.text(path).lower())
    return sorted((path for path in starting if _has_settings(files, path)), key=is_aside)


def find_manage(files: ProjectFiles, settings: str | None) -> str | None:
    """Return the manage.py of the project; None: it is started in another way."""
    manage = next(iter(find_manage_scripts(files)), None)
    if manage is None:
        return None
    # A project with settings elsewhere is not started by an example's manage.py.
    is_other = is_aside(manage) and (settings or find_settings(files, None))
    is_below = "/" in manage and _find_settings_of_tests(files)
    return None if is_other or is_below else manage


def _has_settings(files: ProjectFiles, path: str) -> bool:
    """Whether the settings module that a script names exists, as it does not in a template."""
    named = [module.replace(".", "/") for _, module in _find_assigned(files.module(path))]
    ends = tuple(f"/{inner}{end}" for inner in named for end in (".py", "/__init__.py"))
    return not named or any(f"/{path}".endswith(ends) for path in files.paths)


def _find_conftests(files: ProjectFiles) -> list[str]:
    return [path for path in files.conftests[:_MOST_GUESSES] if not is_aside(path)]


# --- the settings module ------------------------------------------------------------------------


def find_settings(files: ProjectFiles, manage: str | None) -> str | None:
    """Return the settings module for tests and checks; None: it cannot be detected."""
    scripts = (manage, suites.find_test_script(files), *_find_conftests(files))
    return find_named_settings(files, *scripts)


def find_named_settings(files: ProjectFiles, *scripts: str | None) -> str | None:
    """Return the settings module of pytest's settings, of a script, of tox or of the tests."""
    named = (_find_in_script(files, path) for path in scripts)
    module = _find_in_pytest(files.pytest) or next(filter(None, named), None)
    return module or _find_settings_of_tests(files)


def _find_settings_of_tests(files: ProjectFiles) -> str | None:
    """Return the module that tox sets in all environments, else the only one among the tests."""
    common = files.ini("tox.ini").get("testenv", {})
    for line in common.get("setenv", common.get("set_env", "")).splitlines():
        name, _, value = map(str.strip, line.partition("="))
        if name == VARIABLE and _MODULE.match(value):
            return value
    paths = [
        path
        for path in filter(_BESIDE_TESTS.fullmatch, files.paths)
        if "INSTALLED_APPS" in files.text(path)
    ]
    return paths[0].removesuffix(".py").replace("/", ".") if len(paths) == 1 else None


def is_configuring(files: ProjectFiles, path: str | None) -> bool:
    """Whether a script configures Django itself, without a settings module."""
    return path is not None and "settings.configure(" in files.text(path)


def is_known_to_runner(files: ProjectFiles, runner: str, script: str | None) -> bool:
    """Whether the test runner knows the settings module without a variable."""
    if runner == "pytest":
        in_settings = _find_in_pytest(files.pytest) is not None
        return in_settings or any(_knows(files, path) for path in _find_conftests(files))
    return not script or not script.endswith("manage.py") or _knows(files, script)


def _knows(files: ProjectFiles, path: str) -> bool:
    return is_configuring(files, path) or VARIABLE in files.text(path)


def _find_in_pytest(pytest: PytestSettings) -> str | None:
    options = re.findall(r"--ds[= ](\S+)", " ".join(pytest.words("addopts")))
    return next(filter(_MODULE.match, (*options, *pytest.words(VARIABLE))), None)


def _find_in_script(files: ProjectFiles, path: str | None) -> str | None:
    """Return the settings module that a Python file sets; of several one for tests."""
    if path is None or VARIABLE not in files.text(path):
        return None
    named = sorted(_find_assigned(files.module(path)))
    modules = [module for _, module in named if _MODULE.match(module)]
    return min(modules, key=lambda module: not _TESTISH.search(module), default=None)


def _find_assigned(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and value of each literal that DJANGO_SETTINGS_MODULE is set to."""
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


def find_python_path(files: ProjectFiles, manage: str | None) -> tuple[str, ...]:
    """Return the folders for sys.path in order; "", the root, is one of them."""
    folders = [] if manage is None else [manage.rpartition("/")[0]]
    folders += map(posixpath.normpath, files.pytest.words("pythonpath"))
    inside = (folder for folder in folders if not folder.startswith(("/", "..")))
    return tuple(dict.fromkeys("" if folder == "." else folder for folder in (*inside, "")))
