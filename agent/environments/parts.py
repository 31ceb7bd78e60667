"""Extras, dependency groups and requirements files of a project: which there are, which are taken.

Pure. Without a word of the configuration, of CI or of a test runner, what is for tests is known by
its name.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Collection, Sequence
from typing import Any

from packaging.dependency_groups import DependencyGroupResolver
from packaging.utils import canonicalize_name

from agent.environments import tool_tables
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from repo_config.documents import table, texts

#: What extras, groups and files for checks are called, what files are called that are taken in any
#: case, and what says no more than that it is a file of requirements.
_TEST = re.compile(r"tests?|testing|dev|devel|develop|development")
_RUN = re.compile(r"base|common|main|default|core|runtime")
_REQUIREMENTS = re.compile(r"requirements?|reqs?|deps|dependencies")
#: Of a Pipfile, beside its groups.
_PIPFILE_TABLES = frozenset({"packages", "source", "requires", "scripts", "pipenv"})
#: Requirements files lie no deeper than so many folders.
_DEEPEST = 2


def choose_parts(
    available: Sequence[str],
    wanted: tuple[str, ...] | None,
    origin: str,
    *,
    kind: str = "extra",
    more: Collection[str] = (),
    usual: Collection[str] = (),
) -> tuple[str, ...]:
    """Take what is asked for; where nobody said, what is for tests, and `more` with that.

    Args:
        available: All there are.
        wanted: What is asked for; None: nobody said.
        origin: Where they are written.
        kind: What they are.
        more: Taken as well where nobody said.
        usual: Taken where none is made for tests.

    Raises:
        EnvironmentFailed: One that is asked for is not there; the message names the nearest.
    """
    known = normalise_names(available)
    if wanted is None:
        taken = {*filter(is_for_tests, known)} or {*usual}
        return tuple(name for name in known if name in taken or name in more)
    chosen = normalise_names(wanted)
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            there = ", ".join(known) or "none"
            raise EnvironmentFailed(
                f"python.{kind}s: {origin} has no {kind} `{name}`.{hint} It has: {there}."
            )
    return chosen


def normalise_names(values: Collection[object]) -> tuple[str, ...]:
    """Names of groups or extras as they are compared, each once."""
    return tuple(dict.fromkeys(str(canonicalize_name(str(value).strip())) for value in values))


def list_requirement_files(files: TreeFiles, *, compiled: bool = True) -> tuple[str, ...]:
    """Requirements files by their names: what runs first, then what tests need.

    Of a pair of pip-tools the compiled file counts, and what it was compiled from where that is
    all there is, or compiled ones are not asked for.
    """
    paths = files.detection_files.paths
    found: dict[str | None, list[str]] = {"run": [], "test": [], None: []}
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        stem, ending = posixpath.splitext(path)
        if path.count("/") <= _DEEPEST and (other := {".in": ".txt", ".txt": ".in"}.get(ending)):
            if f"{stem}{other}" not in paths or (ending == ".txt") is compiled:
                found[find_role(path)].append(path)
    return (*found["run"], *found["test"])


def is_for_tests(name: str) -> bool:
    """Whether an extra or a group is for checks, by its name: `tests`, `requirements-test`."""
    words = [
        word for word in re.split(r"[-_.]+", name.lower()) if not _REQUIREMENTS.fullmatch(word)
    ]
    return bool(words) and all(map(_TEST.fullmatch, words))


def find_role(path: str) -> str | None:
    """`run` or `test` for a requirements file, by its name and folder; None: not taken."""
    words = {*re.split(r"[-_./]+", posixpath.splitext(path.lower())[0])}
    named = {*filter(_REQUIREMENTS.fullmatch, words)}
    rest = {word for word in words - named if not _RUN.fullmatch(word)}
    if not named or not all(_TEST.fullmatch(word) or word in ("local", "ci") for word in rest):
        return None
    return "test" if rest else "run"


class Groups:
    """Dependency groups of a project: the standard's table, and those that tools had before it."""

    def __init__(self, pyproject: dict[str, Any], pipfile: dict[str, Any]) -> None:
        poetry, tool = table(pyproject, "tool", "poetry"), table(pyproject, "tool")
        self._tables = {"dev": table(poetry, "dev-dependencies")}
        for name, group in table(poetry, "group").items():
            self._tables[name] = self._tables.get(name, {}) | table(group, "dependencies")
        for name in pipfile:
            if name not in _PIPFILE_TABLES:
                self._tables["develop" if name == "dev-packages" else name] = table(pipfile, name)
        self._tables = {name: entries for name, entries in self._tables.items() if entries}
        older = {**table(tool, "pdm", "dev-dependencies")}
        if listed := table(tool, "uv").get("dev-dependencies"):
            older.setdefault("dev", listed)
        # An editable one is of the tree.
        self._lists: dict[str, list[Any]] = {
            name: [one for one in texts(lines) if not one.startswith("-")]
            for name, lines in older.items()
        }
        for name, lines in table(pyproject, "dependency-groups").items():
            own = lines if isinstance(lines, list) else [lines]
            self._lists[name] = [*self._lists.get(name, ()), *own]
        self.names = normalise_names((*self._tables, *self._lists))

    def list_requirements(self, name: str) -> list[str]:
        """Requirements of a group, with those of the groups that it includes.

        Raises:
            EnvironmentFailed: It cannot be read, or includes one that is not there, or itself.
        """
        found = []
        for written, entries in self._tables.items():
            if canonicalize_name(written) == name:
                found += tool_tables.read_requirements(entries, f"group {name}")
        try:
            if name in normalise_names(self._lists):
                found += map(str, DependencyGroupResolver(self._lists).resolve(name))
        except (ValueError, LookupError, ExceptionGroup) as problem:
            several = problem.exceptions if isinstance(problem, ExceptionGroup) else (problem,)
            words = "; ".join(map(str, several))
            raise EnvironmentFailed(f"pyproject.toml group {name}: {words}") from problem
        return found
