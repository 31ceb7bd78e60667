"""How long a line may be in a repository, from the configuration of its formatters and linters."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Callable

from repo_config.detect import Tree

#: black's and ruff's own default.
_DEFAULT = 88


def line_width(tree: Tree, lint_tools: tuple[str, ...]) -> int:
    """The shortest of the configured line lengths, else what the tools in use default to."""
    paths = frozenset(tree.paths())

    def text(path: str) -> str:
        return tree.read(path).decode("utf-8", "replace") if path in paths else ""

    formatted, linted = _from_toml(text), _from_ini(text)
    if not formatted and {"black", "ruff"} & set(lint_tools):
        formatted = [_DEFAULT]
    if not linted and "flake8" in lint_tools:
        linted = [79]
    return max(min([*formatted, *linted], default=_DEFAULT), 40)


def _from_toml(text: Callable[[str], str]) -> list[int]:
    found: list[int] = []
    for path, places in (
        ("pyproject.toml", (("tool", "black"), ("tool", "ruff"), ("tool", "flake8"))),
        ("ruff.toml", ((),)),
        (".ruff.toml", ((),)),
    ):
        try:
            content: object = tomllib.loads(text(path))
        except tomllib.TOMLDecodeError:
            continue
        for place in places:
            section = content
            for key in place:
                section = section.get(key, {}) if isinstance(section, dict) else {}
            if isinstance(section, dict):
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
