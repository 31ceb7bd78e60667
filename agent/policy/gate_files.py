"""Name every changed file that decides about the checks themselves.

A green result means less when the change also touched what produces it: test configuration,
settings, tool tables, dependencies, CI. Such a change is not forbidden, since tickets ask for
it; but the reviewer must see it first, so each such file is a `review` finding.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from agent.domain import Change, ChangedFile, Finding
from agent.policy import findings
from repo_config import toml_text
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

RULE = "gate-files"

_BY_NAME = {
    "conftest.py": "it is loaded into every test run below it",
    "sitecustomize.py": "Python runs it before anything else",
    "usercustomize.py": "Python runs it before anything else",
    "manage.py": "it starts the checks",
    "runtests.py": "it starts the tests",
    "noxfile.py": "it configures the tests",
    "setup.py": "it is run to install the project",
    ".gitattributes": "it decides how files are checked out and shown in a diff",
    "codeowners": "it decides who must review",
    "makefile": "it starts the checks",
    ".gitlab-ci.yml": "it is CI",
    ".travis.yml": "it is CI",
    "azure-pipelines.yml": "it is CI",
    "jenkinsfile": "it is CI",
    ".pre-commit-config.yaml": "it configures checks",
} | dict.fromkeys(
    (
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "tox.ini",
        "tox.toml",
        "setup.cfg",
        ".coveragerc",
        "mypy.ini",
        ".mypy.ini",
        "pyrightconfig.json",
        "ruff.toml",
        ".ruff.toml",
        ".flake8",
        ".pylintrc",
        "pylintrc",
        ".isort.cfg",
    ),
    "it configures the checks",
)
_DEPENDENCIES = re.compile(
    r"(?:.*requirements.*|constraints.*)\.(?:txt|in)|uv\.lock|poetry\.lock|pdm\.lock"
    r"|pylock.*\.toml|pipfile(?:\.lock)?|environment\.ya?ml|\.python-version"
)
_TOOLS = frozenset({"pytest", "_pytest", "mypy", "flake8", "black", "ruff", "unittest", "django"})
_INSTALLS = "it decides what is installed for the checks"
_CI_FOLDERS = (".github/", ".circleci/", ".buildkite/", ".gitlab/", ".ci/")
_SETTINGS = re.compile(r"(?:.*_)?settings(?:_.*)?\.py")


def check(
    change: Change,
    config: RepoConfig,
    project: Project,
    tree: Tree,
) -> Iterator[Finding]:
    """Yield a `review` finding for every changed file that decides about the checks."""
    settings = _settings_files(project)
    for file in change.files:
        if file.path.lower() == "pyproject.toml" or file.path.lower().endswith("/pyproject.toml"):
            reasons = list(_tables(file))
        else:
            reason = _reason(file.path, project, settings)
            reasons = [reason] if reason else []
        for reason in reasons:
            yield findings.review(
                RULE,
                file.path,
                f"is touched, and {reason}",
                "Read this part first: it bears on what the checks prove.",
            )


def _reason(path: str, project: Project, settings: frozenset[str]) -> str | None:
    lowered = path.lower()
    name = posixpath.basename(lowered)
    looks_like_settings = _SETTINGS.fullmatch(name) or "/settings/" in f"/{lowered}"
    top = lowered.partition("/")[0].removesuffix(".py")
    cases = (
        (top in _TOOLS, "a module of this name can be taken for the tool that checks"),
        (path == project.test_script, "it starts the tests"),
        (path in settings, "it is a settings module that the checks run with"),
        (_DEPENDENCIES.fullmatch(name) or "/requirements/" in f"/{lowered}", _INSTALLS),
        (name.endswith(".pth"), "Python runs it before anything else"),
        (lowered.startswith(_CI_FOLDERS), "it belongs to CI"),
        (project.django and looks_like_settings, "it looks like a settings module"),
    )
    return _BY_NAME.get(name) or next((reason for holds, reason in cases if holds), None)


def _settings_files(project: Project) -> frozenset[str]:
    """Return where the settings module may be, and the packages around it."""
    if project.django is None or project.django.settings_module is None:
        return frozenset()
    found = set()
    for folder in {"", "src", *project.django.python_path}:
        inner = project.django.settings_module.replace(".", "/")
        stem = posixpath.join(folder, inner) if folder else inner
        found |= {f"{stem}.py", f"{stem}/__init__.py"}
    return frozenset(found)


def _tables(file: ChangedFile) -> Iterator[str]:
    """Name the tables of a pyproject.toml that differ."""
    before, after = _read(file.before), _read(file.after)
    if before is None or after is None:
        yield "it configures the checks and does not parse on one side"
        return
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name.startswith("tool."):
            yield f"[{name}] configures a tool"
        elif name in {"project", "build-system", "dependency-groups"}:
            yield f"[{name}] decides what is installed for the checks"
        else:
            yield f"[{name}] is changed"


def _read(content: bytes | None) -> dict[str, object] | None:
    """Return top-level tables by name, those of `tool` one by one; None: does not parse."""
    if content is None:
        return {}
    try:
        tables = toml_text.parse(content.decode("utf-8"))
    except (toml_text.TomlError, UnicodeDecodeError):
        return None
    tools = tables.pop("tool", {})
    if not isinstance(tools, dict):
        return None
    return {**tables, **{f"tool.{name}": table for name, table in tools.items()}}
