"""List what a project declares as its dependencies, by list and by package.

Enough to recognise frameworks and tools, and what a change declares anew. What is installed is
decided elsewhere.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from repo_config.documents import table, texts
from repo_config.project_files import ProjectFiles

#: What stands behind a requirement in a file of them.
_BEHIND = re.compile(r"\s(?:#|--hash=)|\\\Z")
_EDITABLE = re.compile(r"\A(?:-e|--editable)[\s=]+")
_EGG = re.compile(r"#egg=([\w.-]+)")
_REMOTE = re.compile(r"(?:git|hg|svn|bzr)\+|(?:https?|ftp|ssh)://|git@", re.IGNORECASE)
#: The name in a line that only older tools read, as `pytz>dev`.
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?=[\[<>=!~;@(]|\Z)")
_ASIDE = frozenset(
    {"dev", "devel", "develop", "development", "test", "tests", "testing", "doc", "docs", "lint"}
    | {"linting", "ci", "qa", "example", "examples", "demo", "local", "typing", "build", "tools"}
)
#: Of a Pipfile, beside its groups.
_PIPFILE_TABLES = frozenset({"packages", "source", "requires", "scripts", "pipenv"})
_MOST_FILES = 40
_LONGEST = 500

LOCAL = "local"
"""In place of bounds, of what lies in the tree or beside it."""


class Dependency(NamedTuple):
    """One declared package."""

    name: str
    """Normalised."""
    origin: str
    """The file, and the list in it."""
    runtime: bool
    """Whether the project itself needs it, not only its development."""
    version: str = ""
    """The bounds, as the standard writes them, or `LOCAL`."""
    source: str = ""
    """Address, where it does not come from the index."""
    marker: str = ""
    """Where it holds."""

    @property
    def path(self) -> str:
        """The file that declares it."""
        return self.origin.partition(":")[0]


def list_declared(files: ProjectFiles) -> tuple[Dependency, ...]:
    """All declared packages, in the order in which they were found."""
    return tuple(
        found
        for lines, origin, runtime in list_requirements(files)
        for line in lines
        if (found := _parse_line(line, origin, runtime=runtime))
    )


def list_requirements(files: ProjectFiles) -> Iterator[tuple[list[str], str, bool]]:
    """Yield each list of requirements as it is written, its origin, and whether it runs with them.

    Tables, as Poetry and Pipenv have them, are written as lists; without bounds that cannot be.
    """
    yield from _list_pyproject(files)
    packages = table(files.toml("Pipfile"), "packages")
    yield [*_write_all(packages)], "Pipfile: packages", True
    for lines, origin in _list_tool_groups(files):
        yield lines, origin, False
    setup = files.ini("setup.cfg")
    options = setup.get("options", {})
    yield options.get("install_requires", "").splitlines(), "setup.cfg: install_requires", True
    yield options.get("tests_require", "").splitlines(), "setup.cfg: tests_require", False
    for extra, value in setup.get("options.extras_require", {}).items():
        yield value.splitlines(), f"setup.cfg: extras_require.{extra}", False
    call = files.setup_call
    yield call.get("install_requires", []), "setup.py: install_requires", True
    for key in ("tests_require", "extras_require"):
        yield call.get(key, []), f"setup.py: {key}", False
    for path in _list_requirement_files(files):
        yield (
            files.text(path).splitlines(),
            path,
            not _ASIDE & set(re.split(r"[^a-z]+", path.lower())),
        )


def _list_pyproject(files: ProjectFiles) -> Iterator[tuple[list[str], str, bool]]:
    data, name = files.pyproject, "pyproject.toml"
    yield texts(table(data, "project").get("dependencies")), f"{name}: project.dependencies", True
    for place in (("project", "optional-dependencies"), ("dependency-groups",)):
        for key, value in table(data, *place).items():
            yield texts(value), f"{name}: {'.'.join(place)}.{key}", False
    poetry = table(data, "tool", "poetry", "dependencies")
    yield [*_write_all(poetry)], f"{name}: tool.poetry.dependencies", True
    for environment in (hatch := table(data, "tool", "hatch", "envs")):
        for key in ("dependencies", "extra-dependencies"):
            origin = f"{name}: tool.hatch.envs.{environment}.{key}"
            yield texts(table(hatch, environment).get(key)), origin, False


def _list_tool_groups(files: ProjectFiles) -> Iterator[tuple[list[str], str]]:
    """Yield the groups that tools have beside the standard's table."""
    tool, start = table(files.pyproject, "tool"), "pyproject.toml: tool"
    older = table(tool, "poetry", "dev-dependencies")
    yield [*_write_all(older)], f"{start}.poetry.dev-dependencies"
    for name, group in table(tool, "poetry", "group").items():
        yield [*_write_all(table(group, "dependencies"))], f"{start}.poetry.group.{name}"
    pipfile = files.toml("Pipfile")
    for name in sorted(pipfile.keys() - _PIPFILE_TABLES):
        yield [*_write_all(table(pipfile, name))], f"Pipfile: {name}"
    for name, lines in table(tool, "pdm", "dev-dependencies").items():
        yield texts(lines), f"{start}.pdm.dev-dependencies.{name}"
    yield texts(table(tool, "uv").get("dev-dependencies")), f"{start}.uv.dev-dependencies"


def list_own_names(files: ProjectFiles) -> tuple[str, ...]:
    """What the project calls itself, normalised; empty where only its backend knows."""
    found = (
        table(files.pyproject, "project").get("name"),
        table(files.pyproject, "tool", "poetry").get("name"),
        *files.setup_call.get("name", ())[:1],
        files.ini("setup.cfg").get("metadata", {}).get("name"),
    )
    return tuple(canonicalize_name(str(name)) for name in found if name)


def _list_requirement_files(files: ProjectFiles) -> list[str]:
    """Requirements files at the root or one folder below, the shortest paths first."""
    found = []
    for path in files.paths:
        if path.endswith((".txt", ".in")) and path.count("/") <= 1:
            folder, _, name = path.rpartition("/")
            if "requirements" in name.lower() or folder.lower() in ("requirements", "reqs"):
                found.append(path)
    return sorted(found, key=lambda path: (path.count("/"), path))[:_MOST_FILES]


# --- tables of Poetry and Pipenv ----------------------------------------------------------------


def _write_all(entries: dict[str, Any]) -> Iterator[str]:
    """Yield what a table asks for, as requirements; without bounds that these cannot express."""
    for name, entry in entries.items():
        for one in entry if isinstance(entry, list) else [entry]:
            if name.lower() != "python":
                yield _write_requirement(name, one)


def _write_requirement(name: str, asked: Any) -> str:
    if isinstance(asked, dict) and {"path", "file"} & asked.keys():
        # Poetry would look for it on this machine.
        return f"{name} @ file:{asked.get('path', asked.get('file'))}"
    if len(str(asked)) > _LONGEST:
        return name
    # It brings much; most repositories have no such table.
    from poetry.core.factory import Factory

    try:
        return Factory.create_dependency(name, asked).to_pep_508()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return name


def _parse_line(line: str, origin: str, *, runtime: bool) -> Dependency | None:
    """Parse a line of a list or a file; None where it names no package."""
    text = _EDITABLE.sub("", _BEHIND.split(line.strip(), maxsplit=1)[0].strip())
    if _REMOTE.match(text):
        egg = _EGG.search(text)
        name = egg[1] if egg else posixpath.basename(text.partition("@")[0]).partition(".git")[0]
        return Dependency(canonicalize_name(name or text), origin, runtime, source=text)
    try:
        required = Requirement(text)
    except (InvalidRequirement, RecursionError):
        older = _NAME.match(text)
        return Dependency(canonicalize_name(older[1]), origin, runtime) if older else None
    url = required.url or ""
    is_local = url.startswith(("file:", "."))
    version = LOCAL if is_local else str(required.specifier)
    source = "" if is_local else url
    name = canonicalize_name(required.name)
    return Dependency(name, origin, runtime, version, source, str(required.marker or ""))
