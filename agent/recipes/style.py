"""How long a line may be in a repository, from the configuration of its formatters and linters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from repo_config.detect import Project
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.tree import Tree

#: black's and ruff's own default.
_DEFAULT = 88
_LENGTH = re.compile(r"(?<!\S)(?:-l|--line-length|--max-line-length)[ =]?(\d{2,3})(?!\S)")


@dataclass(frozen=True)
class Style:
    """What a repository's tools demand of new lines."""

    width: int
    formatters: dict[str, tuple[str, ...]]
    """Of `ruff check`, `ruff format`, `isort` and `black` those that will look at the change, with
    the options that they are told besides their settings."""


def read_style(whole: Tree, project: Project) -> Style:
    files, lint_tools = ProjectFiles(whole, project.root), project.lint_tools
    looking = _list_formatters(project)
    told = {check: one.args for check, one in project.tool_options.items()}
    formatted = [*_read_toml(files), *_read_options({**told, "flake8": (), "isort": ()})]
    linted = [*_read_ini(files), *_read_options({"flake8": told.get("flake8", ())})]
    if not formatted and {"black", "ruff"} & set(lint_tools):
        formatted = [_DEFAULT]
    if not linted and "flake8" in lint_tools:
        linted = [79]
    width = max(min([*formatted, *linted], default=_DEFAULT), 40)
    options = {check: told.get(check, ()) for check in looking}
    return Style(width, options)


def _list_formatters(project: Project) -> tuple[str, ...]:
    found: list[str] = []
    if "ruff" in project.lint_tools:
        if "ruff check" not in project.not_run:
            found.append("ruff check")
        if project.ruff_formats:
            found.append("ruff format")
    return (*found, *(tool for tool in ("isort", "black") if tool in project.lint_tools))


def _read_options(told: dict[str, tuple[str, ...]]) -> list[int]:
    joined = " ".join(word for args in told.values() for word in args)
    return [int(found) for found in _LENGTH.findall(joined)]


def _read_toml(files: ProjectFiles) -> list[int]:
    project, names = files.pyproject, ("black", "ruff", "flake8")
    tables = [table(project, "tool", name) for name in names]
    tables += [files.toml(path) for path in ("ruff.toml", ".ruff.toml")]
    keys = ("line-length", "max-line-length", "max_line_length")
    lengths = [one.get(key) for one in tables for key in keys]
    return [length for length in lengths if isinstance(length, int)]


def _read_ini(files: ProjectFiles) -> list[int]:
    for path in (".flake8", "setup.cfg", "tox.ini"):
        for section in ("flake8", "pycodestyle"):
            stated = files.ini(path).get(section, {})
            length = stated.get("max-line-length") or stated.get("max_line_length") or ""
            if number := re.match(r"\s*(\d+)", length):
                return [int(number[1])]
    return []
