"""List the declared dependencies of a project.

This is enough to detect frameworks and tools, and dependencies that a change adds. The tools that
install packages decide what is installed.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from repo_config.documents import table, texts
from repo_config.project_files import ProjectFiles

#: Text after a requirement in a requirements file.
_BEHIND = re.compile(r"\s(?:#|--hash=)|\\\Z")
_EDITABLE = re.compile(r"\A(?:-e|--editable)[\s=]+")
_EGG = re.compile(r"#egg=([\w.-]+)")
_REMOTE = re.compile(r"(?:git|hg|svn|bzr)\+|(?:https?|ftp|ssh)://|git@", re.IGNORECASE)
#: The name in a line of the older syntax, such as `pytz>dev`.
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?=[\[<>=!~;@(]|\Z)")
_ASIDE = frozenset(
    {"dev", "devel", "develop", "development", "test", "tests", "testing", "doc", "docs", "lint"}
    | {"linting", "ci", "qa", "example", "examples", "demo", "local", "typing", "build", "tools"}
)
#: Tables of a Pipfile, besides its groups.
_PIPFILE_TABLES = frozenset({"packages", "source", "requires", "scripts", "pipenv"})
_MOST_FILES = 40
_LONGEST = 500

LOCAL = "local"
"""Version of a dependency in the tree or next to it."""


class Dependency(NamedTuple):
    name: str
    """Normalised."""
    path: str
    """File that declares it."""
    runtime: bool
    """Whether the project needs it at run time, not only for development."""
    version: str = ""
    """Version specifier (PEP 440), or `LOCAL`."""
    source: str = ""
    """Its address; empty: it comes from the index."""
    marker: str = ""
    """Environment marker (PEP 508)."""


def list_declared(files: ProjectFiles) -> tuple[Dependency, ...]:
    """List all declared packages, in the order of their declarations."""
    return tuple(
        dependency
        for path, runtime, lines in _list_requirements(files)
        for line in lines
        if (dependency := parse_line(line, path, runtime=runtime))
    )


def _list_requirements(files: ProjectFiles) -> Iterator[tuple[str, bool, Iterable[str]]]:
    """Yield lists of requirements: file, whether they are needed at run time, lines.

    Tables of Poetry and Pipenv are converted to lines, without bounds that PEP 508 cannot express.
    """
    for runtime, lines in _list_pyproject(files):
        yield "pyproject.toml", runtime, lines
    pipfile = files.toml("Pipfile")
    for name in ("packages", *sorted(pipfile.keys() - _PIPFILE_TABLES)):
        yield "Pipfile", name == "packages", _write_all(table(pipfile, name))
    setup, call = files.ini("setup.cfg"), files.setup_call
    options, extras = setup.get("options", {}), setup.get("options.extras_require", {})
    yield "setup.cfg", True, options.get("install_requires", "").splitlines()
    for text in (options.get("tests_require", ""), *extras.values()):
        yield "setup.cfg", False, text.splitlines()
    for key in ("install_requires", "tests_require", "extras_require"):
        yield "setup.py", key == "install_requires", call.get(key, [])
    for path in _list_requirement_files(files):
        runtime = not _ASIDE & set(re.split(r"[^a-z]+", path.lower()))
        yield path, runtime, files.text(path).splitlines()


def _list_pyproject(files: ProjectFiles) -> Iterator[tuple[bool, Iterable[str]]]:
    project, tool = table(files.pyproject, "project"), table(files.pyproject, "tool")
    poetry = table(tool, "poetry")
    yield True, texts(project.get("dependencies"))
    yield True, _write_all(table(poetry, "dependencies"))
    yield False, _write_all(table(poetry, "dev-dependencies"))
    for group in table(poetry, "group").values():
        yield False, _write_all(table(group, "dependencies"))
    for groups in (
        table(project, "optional-dependencies"),
        table(files.pyproject, "dependency-groups"),
        table(tool, "pdm", "dev-dependencies"),
        {"dev": table(tool, "uv").get("dev-dependencies")},
    ):
        yield from ((False, texts(lines)) for lines in groups.values())


def list_own_names(files: ProjectFiles) -> tuple[str, ...]:
    """List the names of the project, normalised; empty if only its build backend knows them."""
    names = (
        table(files.pyproject, "project").get("name"),
        table(files.pyproject, "tool", "poetry").get("name"),
        *files.setup_call.get("name", ())[:1],
        files.ini("setup.cfg").get("metadata", {}).get("name"),
    )
    return tuple(canonicalize_name(str(name)) for name in names if name)


def _list_requirement_files(files: ProjectFiles) -> list[str]:
    """List requirements files at the root or one folder below, those of the root first."""
    paths = []
    for path in files.paths:
        if path.endswith((".txt", ".in")) and path.count("/") <= 1:
            folder, _, name = path.rpartition("/")
            if "requirements" in name.lower() or folder.lower() in ("requirements", "reqs"):
                paths.append(path)
    return sorted(paths, key=lambda path: (path.count("/"), path))[:_MOST_FILES]


# --- tables of Poetry and Pipenv ----------------------------------------------------------------


def _write_all(entries: dict[str, Any]) -> Iterator[str]:
    """Yield the entries of a table as requirements."""
    for name, entry in entries.items():
        for bounds in entry if isinstance(entry, list) else [entry]:
            if name.lower() != "python":
                yield _write_requirement(name, bounds)


def _write_requirement(name: str, asked: Any) -> str:
    if isinstance(asked, dict) and (place := asked.get("path", asked.get("file"))):
        # Poetry would read the file on this machine.
        return f"{name} @ file:{place}"
    # Imported here, since it is large and most repositories have no such table.
    from poetry.core.factory import Factory

    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        if len(str(asked)) <= _LONGEST:
            return Factory.create_dependency(name, asked).to_pep_508()
    return name


def parse_line(line: str, path: str, *, runtime: bool) -> Dependency | None:
    """Parse a requirement; None: the line names no package."""
    text = _EDITABLE.sub("", _BEHIND.split(line.strip(), maxsplit=1)[0].strip())
    if _REMOTE.match(text):
        egg = _EGG.search(text)
        name = egg[1] if egg else posixpath.basename(text.partition("@")[0]).partition(".git")[0]
        return Dependency(canonicalize_name(name or text), path, runtime, source=text)
    try:
        required = Requirement(text)
    except (InvalidRequirement, RecursionError):
        older = _NAME.match(text)
        return Dependency(canonicalize_name(older[1]), path, runtime) if older else None
    url = required.url or ""
    is_local = url.startswith(("file:", "."))
    version = LOCAL if is_local else str(required.specifier)
    source = "" if is_local else url
    name = canonicalize_name(required.name)
    return Dependency(name, path, runtime, version, source, str(required.marker or ""))
