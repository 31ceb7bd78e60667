"""How long a line may be in a repository, from the configuration of its formatters and linters."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable
from dataclasses import dataclass

from repo_config import documents
from repo_config.detect import Project
from repo_config.tree import Below, Tree

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
    tree, lint_tools = Below(whole, project.root), project.lint_tools
    paths = frozenset(tree.paths())

    def text(path: str) -> str:
        return tree.read(path).decode("utf-8", "replace") if path in paths else ""

    looking = _list_formatters(project)
    told = {check: one.args for check, one in project.tool_options.items()}
    formatted = [*_read_toml(text), *_read_options({**told, "flake8": (), "isort": ()})]
    linted = [*_read_ini(text), *_read_options({"flake8": told.get("flake8", ())})]
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


def _get_table(content: str, *keys: str) -> dict[str, object] | None:
    """A table of a TOML file, if it has it."""
    try:
        found: object = documents.parse_toml(content)
    except documents.DocumentError:
        return None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _read_toml(text: Callable[[str], str]) -> list[int]:
    found: list[int] = []
    for path, places in (
        ("pyproject.toml", (("tool", "black"), ("tool", "ruff"), ("tool", "flake8"))),
        ("ruff.toml", ((),)),
        (".ruff.toml", ((),)),
    ):
        for place in places:
            section = _get_table(text(path), *place)
            if section is not None:
                for key in ("line-length", "max-line-length", "max_line_length"):
                    length = section.get(key)
                    found += [length] if isinstance(length, int) else []
    return found


def _read_ini(text: Callable[[str], str]) -> list[int]:
    for path in (".flake8", "setup.cfg", "tox.ini"):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(text(path))
        except configparser.Error:
            continue
        for section in ("flake8", "pycodestyle"):
            stated = parser.get(section, "max-line-length", fallback="") or parser.get(
                section, "max_line_length", fallback=""
            )
            if number := re.match(r"\s*(\d+)", stated):
                return [int(number[1])]
    return []
