"""Extras, dependency groups and requirements files of a project: which there are, which are taken.

Pure. What is for tests is known by its name.
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

#: What extras, groups and files for checks are called.
_TEST_NAMES = frozenset({"test", "tests", "testing", "dev", "develop", "development"})
#: What they are called where no test needs them.
_OTHER_NAMES = frozenset(
    {"doc", "docs", "documentation", "lint", "linting", "linters", "style", "format", "formatting"}
    | {"release", "publish", "deploy", "build", "bench", "benchmark", "benchmarks", "notebook"}
)
_FILE_ROLES = _TEST_NAMES | {"local", "ci"}
_COMMON_ROLES = frozenset({"base", "common", "main", "default", "core", "runtime"})
_FILLERS = frozenset({"requirements", "requirement", "reqs", "req", "deps", "dependencies"})
_FOLDERS = (
    "", "requirements", "reqs", "tests", "test", "tests/requirements", "test/requirements",
)  # fmt: skip
#: Of a Pipfile, beside its groups.
_PIPFILE_TABLES = frozenset({"packages", "source", "requires", "scripts", "pipenv"})


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
        usual: Taken where none is made for tests, but for what is for something else by its name.

    Raises:
        EnvironmentFailed: One that is asked for is not there; the message names the nearest.
    """
    known = normalise_names(available)
    if wanted is None:
        taken = {name for name in known if is_for_tests(name)}
        taken = taken or {name for name in usual if not _is_for_others(name)}
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
    found: dict[str, list[str]] = {"run": [], "test": []}
    for folder in _FOLDERS:
        names = files.names(folder)
        for name in names:
            path = posixpath.join(folder, name)
            stem, ending = posixpath.splitext(name)
            other = {".in": ".txt", ".txt": ".in"}.get(ending)
            is_taken = f"{stem}{other}" not in names or (ending == ".txt") is compiled
            if other and is_taken and (role := find_role(path)):
                found[role].append(path)
    return (*found["run"], *found["test"])


def is_for_tests(name: str) -> bool:
    """Whether an extra or a group is for checks, by its name: `tests`, `requirements-test`."""
    words = _split_words(name)
    return bool(words) and words <= _TEST_NAMES


def _is_for_others(name: str) -> bool:
    words = _split_words(name) - _TEST_NAMES
    return bool(words) and words <= _OTHER_NAMES


def _split_words(name: str) -> set[str]:
    return set(re.split(r"[-_.]+", name.lower())) - _FILLERS


def find_role(path: str) -> str | None:
    """`run` or `test` for a requirements file, by its name and folder; None: not taken."""
    words = set(re.split(r"[-_./]+", posixpath.splitext(path.lower())[0]))
    if not words & _FILLERS:
        return None
    rest = words - _FILLERS
    if rest & _FILE_ROLES and not rest - _FILE_ROLES - _COMMON_ROLES:
        return "test"
    return "run" if not rest - _COMMON_ROLES else None


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
