"""Read a configuration file into plain values, and find the place of each.

YAML is read from its node graph: no tag constructs an object, no alias is followed. TOML has no
places of values: each is where our table begins.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from repo_config.documents import DocumentError, WrittenFloat, parse_toml

_SHOWN = 60
_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile("[\ud800-\udfff]")

TABLE = re.compile(r"^[ \t]*(?:\[{1,2}[ \t]*)?tool[ \t]*\.[ \t]*[\"']?mergewright\b", re.MULTILINE)
"""Where the first of our tables begins."""

Path: TypeAlias = tuple[str | int, ...]


class Problem(BaseModel):
    """One mistake in a configuration file, at its place, with the way out."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int
    """1-based."""
    column: int
    """1-based, in characters."""
    key: str
    """Dotted path of the key, empty for the file as a whole."""
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}. {self.fix}"


class Position(NamedTuple):
    """Where something begins, 1-based."""

    line: int
    column: int


START = Position(1, 1)


class Place(NamedTuple):
    path: Path
    value: object
    at: Position
    key_at: Position
    """Position of its key, or of the entry of a list."""
    written: str
    """A scalar as the file has it, without quotes."""

    @property
    def shown_at(self) -> Position:
        """Where to point: at the value, or at its key where the value is a mapping or nothing."""
        return self.key_at if isinstance(self.value, dict | None) else self.at

    def describe(self) -> str:
        if isinstance(self.value, str):
            return format_excerpt(self.value)
        kinds = ((dict, "a mapping"), (tuple, "a list"), (type(None), "nothing"))
        written = format_excerpt(self.written, quoted=False)
        return next((words for kind, words in kinds if isinstance(self.value, kind)), written)


@dataclass(frozen=True)
class Document:
    """A file, read."""

    file: str
    value: object = None
    """Mappings, tuples and scalars; None where the text is empty."""
    root: Node | None = None
    """Root node of YAML."""
    begin: Position = START

    def locate(self, location: Sequence[str | int]) -> Place:
        """Follow a location, as pydantic gives it, as far as it names something in the file."""
        value, node, at, key_at = self.value, self.root, self.begin, self.begin
        path: Path = ()
        for step in location:
            is_entry = isinstance(value, tuple) and isinstance(step, int) and step < len(value)
            if not is_entry and not (isinstance(value, dict) and step in value):
                continue  # a label of an alternative or a key
            value = value[step]  # type: ignore[index]
            path = (*path, step)
            if isinstance(node, MappingNode):
                key, node = next(pair for pair in node.value if pair[0].value == step)
                key_at, at = _get_position(key.start_mark), _get_position(node.start_mark)
            elif isinstance(node, SequenceNode) and isinstance(step, int):
                node = node.value[step]
                key_at = at = _get_position(node.start_mark)
        written = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(node, ScalarNode):
            written = str(node.value)
        elif isinstance(value, WrittenFloat):
            written = value.written
        return Place(path, value, at, key_at, written)


def make_problem(file: str, at: Position, path: Path, message: str, fix: str) -> Problem:
    """Describe a mistake at its place."""
    return Problem(
        file=file, line=at.line, column=at.column, key=dotted(path), message=message, fix=fix
    )


def dotted(path: Path) -> str:
    """Write a path as people do: `checks.lint[1]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{format_excerpt(step, quoted=False)}"
    return text.removeprefix(".")


def escape_text(text: str) -> str:
    """Write out what is invisible or what a terminal would obey."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def format_excerpt(text: str, *, quoted: bool = True) -> str:
    """Make a piece of the file safe to print: one line, nothing invisible, not endless."""
    safe = escape_text(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
    return json.dumps(safe, ensure_ascii=False).replace("\\\\", "\\") if quoted else safe


def read_document(text: str, file: str) -> Document:
    """Read `[tool.mergewright]` of TOML, else YAML; DocumentError has the place of a mistake."""
    if not file.endswith(".toml"):
        root = _compose_yaml(text)
        return Document(file, None if root is None else _read_node(root), root)
    tool = parse_toml(text).get("tool")
    found = TABLE.search(text)
    begin = Position(text.count("\n", 0, found.start()) + 1 if found else 1, 1)
    value = tool.get("mergewright") if isinstance(tool, dict) else None
    return Document(file, _freeze_lists(value), begin=begin)


def _freeze_lists(value: object) -> object:
    if isinstance(value, dict):
        return {key: _freeze_lists(one) for key, one in value.items()}
    if isinstance(value, list):
        return tuple(map(_freeze_lists, value))
    return value if isinstance(value, str | int | float | None) else str(value)


# --- YAML ---------------------------------------------------------------------------------------


def _compose_yaml(text: str) -> Node | None:
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        fix = "Remove it, or write it as an escape in quotes"
        raise DocumentError("a character that YAML does not allow", line, column, fix) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = _get_position(mark) if mark else START
        what = escape_text(" ".join(filter(None, (error.problem, error.context))))[:200]
        raise DocumentError(f"not valid YAML: {what}", *at) from error
    except (YAMLError, RecursionError) as error:
        raise DocumentError("not valid YAML, or nested too deep") from error
    return None if root is None or root.tag == f"{_TAG}null" else root


def _read_node(node: Node) -> object:
    """Build plain values only."""
    if node.anchor is not None:
        raise _refuse(node, "an anchor", "Remove it; anchors and aliases are not supported")
    if isinstance(node, SequenceNode):
        return tuple(map(_read_node, node.value))
    if not isinstance(node, MappingNode):
        if _SURROGATE.search(node.value):
            raise _refuse(
                node, "an escape for half of a character (surrogate)", "Write the character itself"
            )
        return _read_scalar(str(node.tag).removeprefix(_TAG), str(node.value))
    found: dict[str, object] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise _refuse(key, "a key that is not text", "Write a word before the colon")
        if key.value in found:
            raise _refuse(key, f"duplicate key {format_excerpt(key.value)}", "Keep one")
        found[key.value] = _read_node(value)
    return found


def _read_scalar(kind: str, text: str) -> object:
    """Return a number, a truth value or nothing where YAML has one; else the text itself."""
    try:
        if kind == "float":
            return float(text.replace("_", ""))
        if kind == "int":
            return int(text, 0)
    except ValueError:  # .inf, .nan, and more digits than Python turns into a number
        return text
    if kind == "bool":
        return text.lower() == "true"
    return None if kind == "null" else text


def _refuse(node: Node, message: str, fix: str) -> DocumentError:
    return DocumentError(message, *_get_position(node.start_mark), fix)


def _get_position(mark: StreamMark) -> Position:
    return Position(mark.line + 1, mark.column + 1)
