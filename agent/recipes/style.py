"""How long a line may be in a repository, from the configuration of its formatters and linters."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable
from dataclasses import dataclass

from repo_config import formatters, toml_text
from repo_config.detect import Tree

#: black's and ruff's own default.
_DEFAULT = 88


@dataclass(frozen=True)
class Style:
    """What a repository's tools demand of new lines."""

    width: int
    formatters: tuple[str, ...]
    """Of `ruff check`, `ruff format`, `isort` and `black` those that will look at the change."""
    one_per_line: bool
    """Whether the formatter allows longer lines than the linter, and would join broken ones."""


def of(tree: Tree, lint_tools: tuple[str, ...]) -> Style:
    """Read the style from the configuration of formatters and linters."""
    paths = frozenset(tree.paths())

    def text(path: str) -> str:
        return tree.read(path).decode("utf-8", "replace") if path in paths else ""

    looking = _formatters(text, lint_tools)
    formatted, linted = _from_toml(text), _from_ini(text)
    if not formatted and {"black", "ruff"} & set(lint_tools):
        formatted = [_DEFAULT]
    if not linted and "flake8" in lint_tools:
        linted = [79]
    width = max(min([*formatted, *linted], default=_DEFAULT), 40)
    shaped = bool({"black", "ruff format"} & set(looking))
    return Style(width, looking, shaped and max(formatted, default=_DEFAULT) > width)


def _formatters(text: Callable[[str], str], lint_tools: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    if "ruff" in lint_tools:
        found.append("ruff check")
        if formatters.ruff_formats(text):
            found.append("ruff format")
    return (*found, *(tool for tool in ("isort", "black") if tool in lint_tools))


def _table(content: str, *keys: str) -> dict[str, object] | None:
    """A table of a TOML file, if it has it."""
    try:
        found: object = toml_text.parse(content)
    except toml_text.TomlError:
        return None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _from_toml(text: Callable[[str], str]) -> list[int]:
    found: list[int] = []
    for path, places in (
        ("pyproject.toml", (("tool", "black"), ("tool", "ruff"), ("tool", "flake8"))),
        ("ruff.toml", ((),)),
        (".ruff.toml", ((),)),
    ):
        for place in places:
            section = _table(text(path), *place)
            if section is not None:
                for key in ("line-length", "max-line-length", "max_line_length"):
                    length = section.get(key)
                    found += [length] if isinstance(length, int) else []
    return found


def _from_ini(text: Callable[[str], str]) -> list[int]:
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
