"""Read which packages a project declares, before a change and after it.

Pure and from the files alone; nothing is resolved. What it means that a package is new is left to
`new_dependencies`.
"""

from __future__ import annotations

import posixpath
import re
from contextlib import suppress
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.models.change import ChangedFile
from agent.policy.change_context import ChangeContext
from repo_config import dependencies
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.tree import Below, Tree

_COMMENT = re.compile(r"\s+#.*|\s+--hash=.*|\s*\\$")
_EGG = re.compile(r"#egg=([\w.-]+)")
_REMOTE = re.compile(r"(?:(?:git|hg|svn|bzr)\+|https?://|ssh://|git@)")
_FILES = re.compile(
    r"(?:^|/)(?:pyproject\.toml|setup\.(?:py|cfg)|Pipfile|tox\.ini|[^/]*requirements[^/]*\.(?:txt|in)"
    r"|(?:requirements|reqs)/[^/]+\.(?:txt|in))$"
)
#: Files of versions alone: each edit changes what is installed.
_VERSIONS = re.compile(
    r"(?:^|/)(?:[^/]+\.lock|Pipfile\.lock|pylock[^/]*\.toml|[^/]*constraints[^/]*\.txt)$"
)


@dataclass(frozen=True)
class Declared:
    """A package that the project declares."""

    name: str
    """Normalised."""
    path: str
    """Of the file that declares it."""
    origin: str
    """The list in it."""
    version: str
    """The bounds, as they are written; "" where there are none."""
    source: str
    """Address, where it does not come from the index."""
    marker: str = ""
    """Where it holds."""


class _Changed:
    """The tree with the change applied."""

    def __init__(self, change_context: ChangeContext) -> None:
        self._tree = change_context.tree
        self._changed = {file.path: file.after for file in change_context.change.files}

    def paths(self) -> tuple[str, ...]:
        """All paths, sorted."""
        gone = {path for path, content in self._changed.items() if content is None}
        there = {path for path, content in self._changed.items() if content is not None}
        return tuple(sorted((set(self._tree.paths()) - gone) | there))

    def read(self, path: str) -> bytes:
        """Content of one of these paths."""
        content = self._changed.get(path)
        return self._tree.read(path) if content is None else content


def read_sides(change_context: ChangeContext) -> tuple[ProjectFiles, ProjectFiles]:
    root = change_context.project.root
    before: Tree = change_context.tree
    after: Tree = _Changed(change_context)
    return ProjectFiles(Below(before, root)), ProjectFiles(Below(after, root))


def may_declare(change_context: ChangeContext) -> bool:
    """Whether the change touches a file of those that declare packages."""
    return any(_FILES.search(file.path) for file in change_context.change.files)


def list_changed_locks(change_context: ChangeContext) -> list[ChangedFile]:
    """Return the files of versions alone that the change edits."""
    return [file for file in change_context.change.files if _VERSIONS.search(file.path)]


def has_changed(change_context: ChangeContext) -> bool:
    """Whether the change declares other packages, or other versions of them, than the base."""
    if list_changed_locks(change_context):
        return True
    if not may_declare(change_context):
        return False
    before, after = read_sides(change_context)
    return set(list_declared(before)) != set(list_declared(after))


def list_declared(files: ProjectFiles) -> tuple[Declared, ...]:
    found = []
    for lines, origin, _ in dependencies.list_requirements(files):
        path = origin.partition(":")[0]
        # Of the tables that poetry and Pipenv read, there are only the names.
        if ".poetry." not in origin and path != "Pipfile":
            found += [one for line in lines if (one := _parse_line(line, path, origin))]
    for entries, origin, _ in dependencies.tables(files):
        found += [
            _read_value(name, value, origin)
            for name, value in entries.items()
            if name.lower() != "python"
        ]
    return tuple(found)


def read_own_name(files: ProjectFiles) -> str:
    """Return the normalised name of the project itself; "" where none is declared."""
    named = table(files.pyproject, "project").get("name")
    return canonicalize_name(named) if isinstance(named, str) else ""


def list_new_requirements(change_context: ChangeContext) -> tuple[str, ...]:
    """Return what the change declares anew or with other bounds, of packages of the index."""
    before, after = read_sides(change_context)
    had, own = {*list_declared(before)}, read_own_name(after)
    new = (one for one in list_declared(after) if one not in had and one.name != own)
    return tuple(
        sorted(
            {_format_requirement(one) for one in new if not one.source and one.version != "local"}
        )
    )


def _format_requirement(one: Declared) -> str:
    """Write a requirement; bounds that only another tool reads are left out."""
    marker = f" ; {one.marker}" if one.marker else ""
    with suppress(InvalidRequirement):
        return str(Requirement(f"{one.name}{one.version}{marker}"))
    return f"{one.name}{marker}"


def find_line(files: ProjectFiles, path: str, name: str) -> int | None:
    """Return the line of a file that names a package, however it is written, 1-based."""
    written = "[-_.]+".join(re.escape(part) for part in name.split("-"))
    word = re.compile(rf"(?<![\w.-]){written}(?![\w-])", re.IGNORECASE)
    lines = enumerate(files.text(path).splitlines(), 1)
    return next((number for number, line in lines if word.search(line)), None)


def _parse_line(line: str, path: str, origin: str) -> Declared | None:
    text = _COMMENT.sub("", line).strip()
    text = re.sub(r"^(?:-e|--editable)[\s=]+", "", text)
    if not text or text.startswith(("-", "#")):
        return None
    if _REMOTE.match(text):
        egg = _EGG.search(text)
        name = egg[1] if egg else posixpath.basename(text.partition("@")[0]).partition(".git")[0]
        return Declared(canonicalize_name(name or text), path, origin, "", text)
    try:
        required = Requirement(text)
    except InvalidRequirement:
        return None
    url = required.url or ""
    source = url if _REMOTE.match(url) else ""
    version = str(required.specifier) or ("local" if url and not source else "")
    marker = str(required.marker or "")
    return Declared(canonicalize_name(required.name), path, origin, version, source, marker)


def _read_value(name: str, value: object, origin: str) -> Declared:
    facts: dict[str, object] = value if isinstance(value, dict) else {"version": value}
    source = next((str(facts[key]) for key in ("git", "url") if facts.get(key)), "")
    version = "local" if "path" in facts else str(facts.get("version") or "").removeprefix("*")
    marker = str(facts.get("markers") or "")
    path = origin.partition(":")[0]
    return Declared(canonicalize_name(name), path, origin, version, source, marker)
