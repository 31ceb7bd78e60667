"""The dependency groups of a pyproject.toml: the standard's table and Poetry's older ones. Pure."""

from __future__ import annotations

from typing import Any

from packaging.dependency_groups import DependencyGroupResolver
from packaging.utils import canonicalize_name

from agent.environments import poetry
from agent.environments.requirement_files import Line
from agent.errors import EnvironmentFailed


class NamedGroups:
    """What each group lists, with the groups that it includes."""

    def __init__(self, table: dict[str, Any], poetry_table: dict[str, Any]) -> None:
        """Read both tables.

        Raises:
            EnvironmentFailed: One of them is not of its form.
        """
        origin = "pyproject.toml [tool.poetry]"
        self._old = poetry.groups(poetry_table, origin) if poetry_table else {}
        self._standard = {str(canonicalize_name(name)) for name in table}
        self.names = tuple(dict.fromkeys([*table, *self._old]))
        try:
            self._resolver = DependencyGroupResolver(table) if table else None
        except (ValueError, ExceptionGroup) as problem:
            raise EnvironmentFailed(
                f"pyproject.toml [dependency-groups]: {_words(problem)}"
            ) from problem

    def standard(self, name: str) -> list[str]:
        """Requirements of a group of the standard's table.

        Raises:
            EnvironmentFailed: It includes one that is not there, or itself.
        """
        if self._resolver is None or name not in self._standard:
            return []
        try:
            return [str(requirement) for requirement in self._resolver.resolve(name)]
        except (ValueError, LookupError, ExceptionGroup) as problem:
            raise EnvironmentFailed(f"pyproject.toml group {name}: {_words(problem)}") from problem

    def of_poetry(self, name: str) -> tuple[Line, ...]:
        """Requirements of a group of Poetry's."""
        return next((lines for key, lines in self._old.items() if key == name), ())


def _words(problem: BaseException) -> str:
    """An error in words, the members of a group one after the other."""
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(_words(part) for part in problem.exceptions)
    return str(problem)
