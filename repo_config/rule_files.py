"""Know which files of a repository decide about its checks.

They are what the checks are configured by, started with, or could be replaced by.

One list for everybody who asks: the checks are first run without changes to such files, and the
reviewer sees them. Tables within pyproject.toml and setup.cfg are left to those who ask.
"""

from __future__ import annotations

import posixpath
import re

from repo_config.detect import Project

_CONFIGURES = "it configures the checks"
_RUNS_FIRST = "Python runs it before anything else"
#: By name, in lower case: why it decides.
_BY_NAME = {
    "conftest.py": "it is loaded into every test run below it",
    "manage.py": "it starts the checks",
    "runtests.py": "it starts the tests",
    "sitecustomize.py": _RUNS_FIRST,
    "usercustomize.py": _RUNS_FIRST,
} | dict.fromkeys(
    (
        "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "tox.toml",
        "mypy.ini", ".mypy.ini", "ruff.toml", ".ruff.toml", ".flake8", ".isort.cfg", ".coveragerc",
        "pyrightconfig.json", ".editorconfig",
    ),
    _CONFIGURES,
)  # fmt: skip
#: A module of one of these names at the root could be taken for the tool.
_TOOLS = frozenset(
    {"pytest", "_pytest", "mypy", "flake8", "black", "isort", "ruff", "unittest", "django"}
)
#: Where basedpyright keeps the errors that it knows of, unless its settings say otherwise.
_OVERLOOKED = ".basedpyright/baseline.json"
#: By these pyright knows environments.
_MARKERS = frozenset({"pyvenv.cfg", "activate", "conda-meta"})
_SETTINGS = re.compile(r"(?:.*_)?settings(?:_.*)?\.py")


def reason(path: str, project: Project) -> str | None:
    """Say why a file decides about the checks; None where it does not."""
    # What lies at the root of the project is found first by whatever runs there.
    inner = path.removeprefix(f"{project.root}/") if project.root else path
    *folders, name = inner.lower().split("/")
    top = (folders[0] if folders else name).removesuffix(".py")
    manage = project.django.manage if project.django else None
    cases = (
        (top in _TOOLS, "a module of this name can be taken for the tool that checks"),
        (path == project.test_script, "it starts the tests"),
        (path == manage, "it starts the checks"),
        (path in _settings_files(project), "it is a settings module that the checks run with"),
        (name.endswith(".pth"), _RUNS_FIRST),
        (path in project.plugins, "a tool that checks loads it as its plugin"),
        (path in project.type_settings, _CONFIGURES),
        (
            project.uses_pyright and path.endswith(_OVERLOOKED),
            "it lists errors that basedpyright overlooks",
        ),
        (
            project.uses_pyright and bool(_MARKERS & {name, *folders}),
            "pyright takes its folder for an environment and passes over it",
        ),
        (
            project.type_stubs is not None and path.startswith(f"{project.type_stubs}/"),
            "the type checker takes it for what a library has",
        ),
        (is_setting(path, project), "it looks like a settings module"),
    )
    return _BY_NAME.get(name) or next((why for holds, why in cases if holds), None)


def is_setting(path: str, project: Project) -> bool:
    """Whether a file is a module of Django's settings, by where it lies or how it is called."""
    *folders, name = path.lower().split("/")
    by_name = _SETTINGS.fullmatch(name) is not None or "settings" in folders
    return project.django is not None and (path in _settings_files(project) or by_name)


def _settings_files(project: Project) -> frozenset[str]:
    """Where the settings module may be, and whether it is a package."""
    if project.django is None or project.django.settings_module is None:
        return frozenset()
    inner = project.django.settings_module.replace(".", "/")
    roots = {"", "src", project.root, posixpath.join(project.root, "src")}
    stems = {posixpath.join(folder, inner) for folder in roots | {*project.django.python_path}}
    return frozenset(f"{stem}{end}" for stem in stems for end in (".py", "/__init__.py"))
