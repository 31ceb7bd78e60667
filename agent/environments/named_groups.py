"""The dependency groups of a project: the standard's table, and those that tools had before it."""

from __future__ import annotations

from typing import Any

from packaging.dependency_groups import DependencyGroupResolver
from packaging.utils import canonicalize_name

from agent.environments import poetry
from agent.environments.requirement_files import Line
from agent.errors import EnvironmentFailed
from repo_config.project_files import table, texts

#: Of a Pipfile, beside its groups.
_OTHER_TABLES = frozenset({"packages", "source", "requires", "scripts", "pipenv"})


class NamedGroups:
    """What each group lists, with the groups that it includes."""

    def __init__(self, pyproject: dict[str, Any], pipfile: dict[str, Any]) -> None:
        """Read the tables of both files.

        Raises:
            EnvironmentFailed: One of them is not of its form.
        """
        tables = table(pyproject, "tool", "poetry")
        self._old = poetry.groups(tables, "pyproject.toml [tool.poetry]") if tables else {}
        for name in pipfile:
            if name not in _OTHER_TABLES:
                group = str(canonicalize_name("develop" if name == "dev-packages" else name))
                self._old[group] = poetry.read_table(table(pipfile, name), f"Pipfile {name}")
        listed: dict[str, Any] = dict(table(pyproject, "tool", "pdm", "dev-dependencies"))
        if of_uv := table(pyproject, "tool", "uv").get("dev-dependencies"):
            listed["dev"] = of_uv
        # An editable one is of the tree.
        listed = {
            name: [one for one in texts(lines) if not one.startswith("-")]
            for name, lines in listed.items()
        } | table(pyproject, "dependency-groups")
        self._standard = {str(canonicalize_name(name)) for name in listed}
        self.names = tuple(dict.fromkeys([*listed, *self._old]))
        try:
            self._resolver = DependencyGroupResolver(listed) if listed else None
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

    def in_table(self, name: str) -> tuple[Line, ...]:
        """Requirements of a group of Poetry's or Pipenv's."""
        return next((lines for key, lines in self._old.items() if key == name), ())


def _words(problem: BaseException) -> str:
    """An error in words, the members of a group one after the other."""
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(_words(part) for part in problem.exceptions)
    return str(problem)
