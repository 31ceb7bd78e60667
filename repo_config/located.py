"""Read a configuration file into plain values, with the place of each.

YAML is read from its node graph: no tag constructs an object, no alias is followed. TOML has no
places of values: each is where our table begins.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from repo_config.documents import DocumentError, WrittenFloat, parse_toml

#: Deeper nesting has no meaning in the configuration and only serves to exhaust a parser.
_DEEPEST = 12
_TOO_DEEP = f"nested more than {_DEEPEST} levels deep"
_SHOWN = 60
_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile("[\ud800-\udfff]")
#: What a parser's words mean to a person.
_YAML_FIXES = {
    "another document": "Keep one document; remove this ---",
    "'\\t'": "Indent with spaces instead of tabs",
    "mapping values": "Put text that contains a colon in quotes, and check the indentation",
}

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


class Unreadable:
    """Stands for a value of a kind that no key takes: dates, tagged and non-finite values."""


class Place(NamedTuple):
    """A value and where it is."""

    value: object
    at: Position
    key_at: Position
    """Of its key, or of the entry of a list."""
    written: str = ""
    """A scalar as the file has it, without quotes."""

    @property
    def shown_at(self) -> Position:
        """Where to point: at the value, or at its key where the value is a mapping or nothing."""
        return self.key_at if isinstance(self.value, dict | None) else self.at

    def describe(self) -> str:
        """Say what is there."""
        if isinstance(self.value, str):
            return format_excerpt(self.value)
        kinds = ((dict, "a mapping"), (tuple, "a list"), (type(None), "nothing"))
        written = format_excerpt(self.written, quoted=False)
        return next((words for kind, words in kinds if isinstance(self.value, kind)), written)


@dataclass
class Document:
    """What a reader made of a file."""

    file: str
    places: dict[Path, Place] = field(default_factory=dict)
    """By path, the whole as the empty one; none where the text is empty or cannot be read."""
    problems: list[Problem] = field(default_factory=list)

    def resolve(self, location: tuple[int | str, ...]) -> Path:
        """Follow pydantic's location as far as it names something that is in the file."""
        path: Path = ()
        for step in location:
            if (*path, step) in self.places:  # else a label of an alternative or a key
                path = (*path, step)
        return path

    def add_problem(self, at: Position, path: Path, message: str, fix: str) -> None:
        """Note a mistake."""
        self.problems.append(make_problem(self.file, at, path, message, fix))


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
    """Read a file by its name: the table `[tool.mergewright]` of TOML, else YAML."""
    document = Document(file)
    (_read_table if file.endswith(".toml") else _read_yaml)(text, document)
    return document


# --- TOML ---------------------------------------------------------------------------------------


def _read_table(text: str, document: Document) -> None:
    try:
        tool = parse_toml(text).get("tool")
        if isinstance(tool, dict) and "mergewright" in tool:
            found = TABLE.search(text)
            at = Position(text.count("\n", 0, found.start()) + 1 if found else 1, 1)
            _place_value(document, tool["mergewright"], (), at)
    except DocumentError as error:
        document.places.clear()
        message = escape_text(f"not read as TOML: {error.message}")[:200]
        at = Position(error.line, error.column)
        document.add_problem(at, (), message, "Correct the file at this place")


def _place_value(document: Document, value: object, path: Path, at: Position) -> object:
    if len(path) > _DEEPEST:
        raise DocumentError(_TOO_DEEP, at.line)
    plain: object = value if isinstance(value, str | int) else Unreadable()
    written = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, dict):
        plain = {key: _place_value(document, one, (*path, key), at) for key, one in value.items()}
    elif isinstance(value, list):
        entries = enumerate(value)
        plain = tuple(_place_value(document, one, (*path, index), at) for index, one in entries)
    elif isinstance(value, WrittenFloat):
        written = value.written
        plain = float(value) if abs(value) < float("inf") else Unreadable()
    document.places[path] = Place(plain, at, at, written)
    return plain


# --- YAML ---------------------------------------------------------------------------------------


def _read_yaml(text: str, document: Document) -> None:
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        _explain_syntax(error, text, document)
    except RecursionError:
        document.add_problem(START, (), _TOO_DEEP, "Write it flat")
    else:
        if root is not None and _kind(root) != "null":
            _place_node(document, root, (), START)


def _place_node(document: Document, node: Node, path: Path, key_at: Position) -> object:
    at = _position(node.start_mark)
    plain: object = Unreadable()
    written = str(node.value) if isinstance(node, ScalarNode) else _kind(node)
    is_scalar = isinstance(node, ScalarNode)
    if len(path) >= _DEEPEST and not is_scalar:
        document.add_problem(at, (), _TOO_DEEP, "Write it flat")
    elif node.anchor is not None:
        message = f"an anchor (&{format_excerpt(node.anchor, quoted=False)})"
        document.add_problem(at, (), message, "Remove it; anchors and aliases are not taken")
    elif is_scalar and _SURROGATE.search(node.value):
        fix = "Write the character itself"
        document.add_problem(at, (), "an escape of half a character", fix)
    elif isinstance(node, MappingNode) and _kind(node) == "map":
        plain = _place_mapping(document, node, path)
    elif isinstance(node, SequenceNode) and _kind(node) == "seq":
        plain = tuple(
            _place_node(document, item, (*path, index), _position(item.start_mark))
            for index, item in enumerate(node.value)
        )
    elif is_scalar:
        plain = _read_scalar(_kind(node), str(node.value))
    document.places[path] = Place(plain, at, key_at, written)
    return plain


def _place_mapping(document: Document, node: MappingNode, path: Path) -> dict[str, object]:
    entries: dict[str, object] = {}
    for key_node, value_node in node.value:
        at, key = _position(key_node.start_mark), str(key_node.value)
        if not isinstance(key_node, ScalarNode) or _kind(key_node) not in ("str", "merge"):
            fix = "Write a word in quotes before the colon"
            document.add_problem(at, path, "a key that is not text", fix)
        elif key in entries:
            first = document.places[*path, key].key_at.line
            message = f"the key {format_excerpt(key)} is there twice, first on line {first}"
            document.add_problem(at, (*path, key), message, "Keep one of the two")
        else:
            entries[key] = _place_node(document, value_node, (*path, key), at)
    return entries


def _read_scalar(kind: str, text: str) -> object:
    """Build plain values only; what another tag names stays unread."""
    if kind in ("str", "merge"):
        return text
    if kind == "bool":
        return text.lower() in ("true", "yes", "on", "y")
    plain = text.replace("_", "")
    try:
        if kind == "float":
            return float(plain)
        if kind == "int":
            return int(plain, 0) if re.search(r"[xob]", plain) else int(plain)
    except ValueError:
        # .inf, .nan, sexagesimal numbers, and more digits than Python turns into a number.
        return Unreadable()
    return None if kind == "null" else Unreadable()


def _kind(node: Node) -> str:
    """Name the node's type; what is not of YAML's own types keeps its whole tag."""
    return str(node.tag).removeprefix(_TAG)


def _explain_syntax(error: YAMLError, text: str, document: Document) -> None:
    if isinstance(error, ReaderError):
        before = text[: error.position]
        at = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        fix = "Remove it, or write it as an escape in quotes"
        document.add_problem(at, (), "a character that YAML does not allow", fix)
        return
    mark, what = None, str(error)
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        what = " ".join(filter(None, (error.problem, error.context)))
    what = escape_text(what)[:200]
    fixes = (fix for words, fix in _YAML_FIXES.items() if words in what)
    fix = next(fixes, "Correct the YAML at this place")
    document.add_problem(_position(mark) if mark else START, (), f"not valid YAML: {what}", fix)


def _position(mark: StreamMark) -> Position:
    return Position(mark.line + 1, mark.column + 1)
