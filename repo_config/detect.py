"""Read from a repository's files what it does not say in its configuration. Pure: no code runs."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict

from repo_config.schema import RepoConfig


class Tree(Protocol):
    """A work tree to read: tracked regular files only."""

    def paths(self) -> tuple[str, ...]:
        """All paths, relative, with forward slashes, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """Content of one of these paths."""
        ...


class DjangoProject(BaseModel):
    """How Django is started here."""

    model_config = ConfigDict(frozen=True)

    settings_module: str | None
    """None where no settings module is to be found (a script may configure settings itself)."""
    manage: str | None
    """Path of manage.py."""
    python_path: tuple[str, ...]
    """Folders that belong on sys.path, relative to the root; "" is the root."""


class Project(BaseModel):
    """What a repository shows of itself; values of its configuration win over detected ones."""

    model_config = ConfigDict(frozen=True)

    framework: str
    """django, fastapi, flask or none."""
    python_version: str | None
    """The configured or declared minor version: the lowest one supported, as in "3.9"; what
    syntax and library rules are held against. None when nothing is declared."""
    django: DjangoProject | None
    test_runner: str | None
    """pytest, django, or None when there are no tests."""
    test_script: str | None
    """For Django's runner."""
    type_tool: str | None
    """mypy or None."""
    lint_tools: tuple[str, ...]
    """Of ruff, flake8, black."""
    origins: dict[str, str] = {}
    """For each of the above: the file and key it was taken from."""


def project(tree: Tree, config: RepoConfig) -> Project:
    """Detect what the checks need to know."""
    raise NotImplementedError
