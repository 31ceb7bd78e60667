"""Files, and tables of pyproject.toml and setup.cfg, that configure or start the checks.

Changes to these need review. pyproject.toml and setup.cfg have tables for several tools, so only
some of their tables count.
"""

import configparser
import posixpath
import re
from collections.abc import Mapping

from repo_config import documents, lock_files
from repo_config.detect import Project
from repo_config.known_tools import OWN_FILES

_CONFIGURES = "it configures the checks"
_RUNS_FIRST = "Python runs it before anything else"
#: Why a file decides about the checks, by the file's name in lower case.
_BY_NAME = {
    "conftest.py": "pytest loads it for every test below it",
    "manage.py": "it starts the checks",
    "runtests.py": "it starts the tests",
    "sitecustomize.py": _RUNS_FIRST,
    "usercustomize.py": _RUNS_FIRST,
} | dict.fromkeys(
    (
        "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "tox.toml",
        ".coveragerc", ".editorconfig", *OWN_FILES,
    ),
    _CONFIGURES,
)  # fmt: skip
_SETTINGS = re.compile(r"(?:.*_)?settings(?:_.*)?\.py")
Tables = dict[str, object]

# Sections for installation and builds; checks may read all others.
_PACKAGING_SECTION = re.compile(
    r"metadata|options(?!\.entry_points)(?:\..*)?|bdist_.*|sdist|build.*|egg_info"
)
#: Tools that write lock files, as their tables below `tool` are named.
_LOCKERS = frozenset({*lock_files.PYTHON, "pip-tools"})
#: For each table that declares the project or its packages, the keys that tools or builds read.
_READ_BY_TOOLS: Mapping[str, tuple[str, ...]] = {
    "project": ("entry-points",),
    "dependency-groups": (),
    "tool.poetry": ("build", "plugins", "source"),
}


def explain_file(path: str, project: Project) -> str | None:
    """Explain why a file decides about the checks; None: it does not."""
    name = posixpath.basename(path).lower()
    if why := _BY_NAME.get(name) or (name.endswith(".pth") and _RUNS_FIRST):
        return why
    if path in {suite.script for suite in project.suites}:
        return "it starts the tests"
    if project.django and path == project.django.manage:
        return "it starts the checks"
    if _is_in_use(path, project):
        return "it is a settings module that the checks use"
    return "it looks like a settings module" if is_setting(path, project) else None


def is_setting(path: str, project: Project) -> bool:
    """Whether a file is a module of Django's settings, by its folder or name."""
    *folders, name = path.lower().split("/")
    by_name = name.endswith(".py") and (_SETTINGS.fullmatch(name) or "settings" in folders)
    return project.django is not None and bool(by_name or _is_in_use(path, project))


def _is_in_use(path: str, project: Project) -> bool:
    """Whether a file may be the settings module that the checks use."""
    django = project.django
    if django is None or django.settings_module is None or not path.endswith(".py"):
        return False
    stem = path.removesuffix(".py").removesuffix("/__init__")
    inner = django.settings_module.replace(".", "/")
    roots = ("", "src", project.root, posixpath.join(project.root, "src"), *django.python_path)
    return stem in {posixpath.join(folder, inner) for folder in roots}


# --- tables -------------------------------------------------------------------------------------


def has_tables(path: str) -> bool:
    """Whether a file has tables for several tools."""
    return posixpath.basename(path).lower() in ("pyproject.toml", "setup.cfg")


def list_read_by_tools(
    path: str, before: bytes | None, after: bytes | None
) -> tuple[str, ...] | None:
    """List the changed tables that tools or builds read; None: a version cannot be parsed."""
    old, new = _read_tables(path, before), _read_tables(path, after)
    if old is None or new is None:
        return None
    return tuple(name for name in sorted(old | new) if old.get(name) != new.get(name))


def changes_installation(path: str, before: bytes | None, after: bytes | None) -> bool:
    """Whether a change may affect locks or builds; tables of checking tools do not."""
    if not has_tables(path):
        return True
    old, new = (_read_installation(path, content) for content in (before, after))
    return old is None or old != new


def _read_installation(path: str, content: bytes | None) -> Tables | None:
    """Return the tables that declare, lock or build the project; None: parsing failed."""
    try:
        text = (content or b"").decode()
        if not path.lower().endswith(".toml"):
            sections = documents.parse_ini(text)
            of_build = ("options.entry_points", *filter(_PACKAGING_SECTION.fullmatch, sections))
            return {name: sections[name] for name in of_build if name in sections}
        tables = documents.parse_toml(text)
    except (UnicodeDecodeError, documents.DocumentError, configparser.Error):
        return None
    tools = documents.as_map(tables.pop("tool", {}))
    build = documents.table(tables, "build-system")
    requires = documents.texts(build.get("requires")) or ["setuptools"]
    builders = [text.lower().replace("_", "-") for text in requires]

    def is_read(name: str) -> bool:
        # `hatchling` and `hatch-vcs` read `tool.hatch`; a build backend in the tree may read any.
        start = name.lower().replace("_", "-")
        is_of_builder = any(builder.startswith(start) for builder in builders)
        return is_of_builder or name in _LOCKERS or "backend-path" in build

    return tables | {name: tools[name] for name in filter(is_read, tools)}


def _read_tables(path: str, content: bytes | None) -> Tables | None:
    """Return the tables that tools read, those of `tool` one by one; None: parsing failed."""
    try:
        text = (content or b"").decode()
        if path.lower().endswith(".toml"):
            return _choose_tables(documents.parse_toml(text))
        sections = documents.parse_ini(text)
    except (UnicodeDecodeError, documents.DocumentError, configparser.Error):
        return None
    return {name: sections[name] for name in sections if not _PACKAGING_SECTION.fullmatch(name)}


def _choose_tables(tables: Tables) -> Tables:
    tools = documents.as_map(tables.pop("tool", {}))
    tables |= {f"tool.{name}": value for name, value in tools.items()}
    for name in _READ_BY_TOOLS.keys() & tables.keys():
        table = documents.as_map(tables[name])
        tables[name] = {key: table[key] for key in _READ_BY_TOOLS[name] if key in table} or None
    return tables
