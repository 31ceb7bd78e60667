"""Read a configuration file into plain values, with their lines.

YAML is read from its nodes: no tag constructs an object, and aliases are refused. The TOML parser
has no lines, so each value has the line of our table.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from repo_config.documents import DocumentError, WrittenFloat, compose_yaml, parse_toml, table

_SHOWN = 60
_SURROGATE = re.compile("[\ud800-\udfff]")

TABLE = re.compile(r"^[ \t]*(?:\[{1,2}[ \t]*)?tool[ \t]*\.[ \t]*[\"']?mergewright\b", re.MULTILINE)
"""Heading of our first table."""

Path: TypeAlias = tuple[str | int, ...]


class Problem(BaseModel):
    """A mistake in a configuration file, with its line and how to correct it."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int = 1
    """1-based."""
    key: str = ""
    """Dotted path of the key; empty: the whole file."""
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}. {self.fix}"


@dataclass(frozen=True)
class Document:
    """A parsed file."""

    file: str
    value: object
    """Mappings, tuples and scalars; None: the text is empty."""
    lines: dict[Path, int]
    """1-based line of each key and of each entry of a list."""

    def trace(self, location: Iterable[str | int]) -> Path:
        """Return the part of pydantic's location that exists in the file."""
        path: Path = ()
        for step in location:
            # Other steps are pydantic's labels of alternatives and keys.
            if (*path, step) in self.lines:
                path = (*path, step)
        return path

    def make_problem(self, path: Path, message: str, fix: str) -> Problem:
        line = self.lines.get(path, 1)
        return Problem(file=self.file, line=line, key=format_path(path), message=message, fix=fix)


def format_path(path: Path) -> str:
    """Format a path: `scope.allow[1]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:_SHOWN]}" for step in path)
    return escape_text("".join(steps).removeprefix("."))


def escape_text(text: str) -> str:
    """Escape invisible characters and terminal codes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def format_excerpt(value: object) -> str:
    """Format a value for printing: on one line, escaped, and shortened."""
    if isinstance(value, WrittenFloat):
        return value.written
    text = escape_text(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def read_document(text: str, file: str) -> Document:
    """Read `[tool.mergewright]` of TOML, or YAML. Raises DocumentError with the line."""
    lines: dict[Path, int] = {}
    if file.endswith(".toml"):
        begin = TABLE.search(text)
        line = text.count("\n", 0, begin.start()) + 1 if begin else 1
        tool = table(parse_toml(text), "tool")
        if "mergewright" not in tool:
            fix = "Add it, or use another file"
            raise DocumentError("no table [tool.mergewright]", fix=fix)
        return Document(file, _read_value(tool["mergewright"], (), line, lines), lines)
    root = compose_yaml(text)
    return Document(file, _read_node(root, (), lines) if root else None, lines)


def _read_value(value: object, path: Path, line: int, lines: dict[Path, int]) -> object:
    lines[path] = line
    if isinstance(value, dict):
        return {key: _read_value(value[key], (*path, key), line, lines) for key in value}
    if isinstance(value, list):
        entries = enumerate(value)
        return tuple(_read_value(entry, (*path, at), line, lines) for at, entry in entries)
    return value if isinstance(value, str | int | float) else str(value)


def _read_node(node: Node, path: Path, lines: dict[Path, int]) -> object:
    """Convert a node to plain values."""
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if node.anchor is not None:
        fix = "Remove it; anchors and aliases are not supported"
        raise DocumentError("an anchor", line, fix)
    if isinstance(node, SequenceNode):
        return tuple(_read_node(entry, (*path, at), lines) for at, entry in enumerate(node.value))
    if isinstance(node, ScalarNode):
        return _read_scalar(node)
    entries: dict[str, object] = {}
    for key, value in node.value:
        line, name = key.start_mark.line + 1, key.value
        if not isinstance(key, ScalarNode):
            raise DocumentError("a key that is not text", line, "Write a word before the colon")
        if name in entries:
            raise DocumentError(f"duplicate key {format_excerpt(name)}", line, "Keep one")
        lines[*path, name] = line
        entries[name] = _read_node(value, (*path, name), lines)
    return entries


def _read_scalar(node: ScalarNode) -> object:
    """Convert a scalar to a number, a boolean or None if YAML defines it so; else to its text."""
    text = str(node.value)
    if _SURROGATE.search(text):
        message, line = "an escape for half of a character (surrogate)", node.start_mark.line + 1
        raise DocumentError(message, line, "Write the character itself")
    match node.tag:
        case "tag:yaml.org,2002:null":
            return None
        case "tag:yaml.org,2002:bool":
            return text.lower() == "true"
        case "tag:yaml.org,2002:float" | "tag:yaml.org,2002:int" as tag:
            # .inf, .nan, and numbers with too many digits for Python stay texts.
            with suppress(ValueError):
                return WrittenFloat(text) if tag.endswith("float") else int(text, 0)
    return text
