"""Read a configuration file into plain values, and find the line of each.

YAML is read from its node graph: no tag constructs an object, no alias is followed. TOML has no
places of values: each is where our table begins.
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
"""Where the first of our tables begins."""

Path: TypeAlias = tuple[str | int, ...]


class Problem(BaseModel):
    """One mistake in a configuration file, at its line, with the way out."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int = 1
    """1-based."""
    key: str = ""
    """Dotted path of the key, empty for the file as a whole."""
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}. {self.fix}"


@dataclass(frozen=True)
class Document:
    """A file, read."""

    file: str
    value: object
    """Mappings, tuples and scalars; None where the text is empty."""
    lines: dict[Path, int]
    """Of each key, and of each entry of a list: its line, 1-based."""

    def trace(self, location: Iterable[str | int]) -> Path:
        """Follow a location, as pydantic gives it, as far as the file has it."""
        path: Path = ()
        for step in location:
            # Others are labels of an alternative or a key.
            if (*path, step) in self.lines:
                path = (*path, step)
        return path

    def make_problem(self, path: Path, message: str, fix: str) -> Problem:
        line = self.lines.get(path, 1)
        return Problem(file=self.file, line=line, key=dotted(path), message=message, fix=fix)


def dotted(path: Path) -> str:
    """Write a path as people do: `scope.allow[1]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:_SHOWN]}" for step in path)
    return escape_text("".join(steps).removeprefix("."))


def escape_text(text: str) -> str:
    """Write out what is invisible or what a terminal would obey."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def format_excerpt(value: object) -> str:
    """Write a value so that it is safe to print: one line, nothing invisible, not endless."""
    if isinstance(value, WrittenFloat):
        return value.written
    text = escape_text(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def read_document(text: str, file: str) -> Document:
    """Read `[tool.mergewright]` of TOML, else YAML; DocumentError has the line of a mistake."""
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
    """Build plain values only."""
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
    """Return a number, a truth value or nothing where YAML has one; else the text itself."""
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
            # .inf, .nan, and more digits than Python turns into a number, stay texts.
            with suppress(ValueError):
                return WrittenFloat(text) if tag.endswith("float") else int(text, 0)
    return text
