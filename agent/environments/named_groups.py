"""The dependency groups of a project: the standard's table, and those that tools had before it."""

from __future__ import annotations

from typing import Any

from packaging.dependency_groups import DependencyGroupResolver
from packaging.utils import canonicalize_name

from agent.environments import poetry
from agent.errors import EnvironmentFailed
from repo_config.documents import table, texts

#: Of a Pipfile, beside its groups.
_OTHER_TABLES = frozenset({"packages", "source", "requires", "scripts", "pipenv"})


class NamedGroups:
    """What each group lists, with the groups that it includes."""

    def __init__(self, pyproject: dict[str, Any], pipfile: dict[str, Any]) -> None:
        """Read the tables of both files.

        Raises:
            EnvironmentFailed: One of them is not of its form.
        """
        written: list[tuple[str, list[Any]]] = []
        if tables := table(pyproject, "tool", "poetry"):
            written += poetry.groups(tables, "pyproject.toml [tool.poetry]").items()
        for name in pipfile:
            if name not in _OTHER_TABLES:
                group = "develop" if name == "dev-packages" else name
                written.append((group, poetry.read_table(table(pipfile, name), f"Pipfile {name}")))
        older = {"dev": table(pyproject, "tool", "uv").get("dev-dependencies")}
        for name, lines in (older | table(pyproject, "tool", "pdm", "dev-dependencies")).items():
            # An editable one is of the tree.
            written.append((name, [one for one in texts(lines) if not one.startswith("-")]))
        for name, lines in table(pyproject, "dependency-groups").items():
            written.append((name, lines if isinstance(lines, list) else [lines]))
        listed: dict[str, Any] = {}
        for name, entries in written:
            if entries:
                listed.setdefault(str(canonicalize_name(name)), []).extend(entries)
        self.names = tuple(listed)
        try:
            self._resolver = DependencyGroupResolver(listed)
        except (ValueError, ExceptionGroup) as problem:
            raise EnvironmentFailed(
                f"pyproject.toml [dependency-groups]: {_words(problem)}"
            ) from problem

    def lines(self, name: str) -> list[str]:
        """Requirements of a group.

        Raises:
            EnvironmentFailed: It includes one that is not there, or itself.
        """
        try:
            return [str(requirement) for requirement in self._resolver.resolve(name)]
        except (ValueError, LookupError, ExceptionGroup) as problem:
            raise EnvironmentFailed(f"pyproject.toml group {name}: {_words(problem)}") from problem


def _words(problem: BaseException) -> str:
    """An error in words, the members of a group one after the other."""
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(_words(part) for part in problem.exceptions)
    return str(problem)
