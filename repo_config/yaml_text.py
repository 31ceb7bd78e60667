"""Read YAML into values with places, without ever building what a document asks to be built.

Works on the node graph: no tag constructs an object, no alias is followed, and duplicate keys
are all reported.
"""

from __future__ import annotations

import re

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from repo_config.located import (
    DEEPEST,
    START,
    Located,
    Path,
    Position,
    Problem,
    Reading,
    Unreadable,
    escape_text,
    format_excerpt,
    problem_at,
)

_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile("[\ud800-\udfff]")
_SYNTAX_FIX = "Correct the YAML at this place"


def read_yaml(text: str, file: str) -> Reading:
    """Read a document; an empty one has no root."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        return Reading(None, (_syntax(error, text, file),))
    except RecursionError:
        message = f"nested more than {DEEPEST} levels deep"
        return Reading(None, (problem_at(file, START, (), message, "Write it flat"),))
    if root is None or _kind(root) == "null":
        return Reading(None)
    problems: list[Problem] = []
    located = _convert_node(root, (), START, file, problems)
    return Reading(located, tuple(dict.fromkeys(problems)))


def _find_refusal(node: Node, depth: int) -> tuple[str, str] | None:
    """Say what is wrong with what a small document can blow up with, and the way out."""
    if depth >= DEEPEST and not isinstance(node, ScalarNode):
        return f"nested more than {DEEPEST} levels deep", "Write it flat"
    if node.anchor is not None:
        name = format_excerpt(node.anchor, quoted=False)
        return f"an anchor (&{name})", "Remove it; anchors and aliases are not taken"
    if isinstance(node, ScalarNode) and _SURROGATE.search(node.value):
        fix = "Write the character itself"
        return "an escape of half a character (\\ud800 to \\udfff)", fix
    return None


def _convert_node(
    node: Node, path: Path, key_at: Position, file: str, problems: list[Problem]
) -> Located:
    at = _position(node.start_mark)
    if refused := _find_refusal(node, len(path)):
        problems.append(problem_at(file, at, (), *refused))
        return Located(Unreadable(), at, key_at=key_at)
    if isinstance(node, MappingNode) and _kind(node) == "map":
        return Located(_mapping(node, path, file, problems), at, key_at=key_at)
    if isinstance(node, SequenceNode) and _kind(node) == "seq":
        items = [
            _convert_node(item, (*path, index), _position(item.start_mark), file, problems)
            for index, item in enumerate(node.value)
        ]
        return Located(items, at, key_at=key_at)
    written = str(node.value) if isinstance(node, ScalarNode) else _kind(node)
    return Located(_scalar(node), at, written, key_at)


def _mapping(
    node: MappingNode, path: Path, file: str, problems: list[Problem]
) -> dict[str, Located]:
    entries: dict[str, Located] = {}
    for key_node, value_node in node.value:
        at = _position(key_node.start_mark)
        if not isinstance(key_node, ScalarNode):
            message = "a key that is not text"
            problems.append(problem_at(file, at, path, message, "Write a word before the colon"))
            continue
        key = str(key_node.value)
        if _kind(key_node) not in ("str", "merge"):
            message = (
                f"the key {format_excerpt(key, quoted=False) or 'before the colon'} is not text"
            )
            fix = (
                f"Write {format_excerpt(key)} in quotes" if key else "Write a word before the colon"
            )
            problems.append(problem_at(file, at, (*path, key), message, fix))
            continue
        value = _convert_node(value_node, (*path, key), at, file, problems)
        if key in entries:
            first = entries[key].key_at.line
            message = f"the key {format_excerpt(key)} is there twice, first on line {first}"
            problems.append(problem_at(file, at, (*path, key), message, "Keep one of the two"))
            continue
        entries[key] = value
    return entries


def _scalar(node: Node) -> object:
    """Build plain values only; whatever else a tag names stays unread."""
    kind, text = _kind(node), str(node.value)
    if isinstance(node, ScalarNode) and kind in ("str", "merge"):
        return text
    if kind == "bool":
        return text.lower() in ("true", "yes", "on", "y")
    if kind in ("int", "float"):
        return _number(text.replace("_", ""), kind)
    return None if kind == "null" else Unreadable()


def _number(text: str, kind: str) -> object:
    try:
        if kind == "float":
            return float(text)
        return int(text, 0) if re.search(r"[xob]", text) else int(text)
    except ValueError:
        # .inf, .nan, sexagesimal numbers, and more digits than Python turns into a number.
        return Unreadable()


def _kind(node: Node) -> str:
    """The node's type; what is not of YAML's own types keeps its whole tag."""
    return str(node.tag).removeprefix(_TAG)


def _syntax(error: YAMLError, text: str, file: str) -> Problem:
    if isinstance(error, ReaderError):
        before = text[: error.position]
        at = Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        message = "a character that YAML does not allow"
        return problem_at(file, at, (), message, "Remove it, or write it as an escape in quotes")
    if not isinstance(error, MarkedYAMLError):
        return problem_at(file, START, (), f"not valid YAML: {error}", _SYNTAX_FIX)
    mark = error.problem_mark or error.context_mark
    at = _position(mark) if mark else START
    what = str(error.problem or error.context or "cannot be read")
    if "another document" in what:
        return problem_at(file, at, (), "a second document", "Keep one document; remove this ---")
    fix = _SYNTAX_FIX
    if "'\\t'" in what:
        fix = "Indent with spaces instead of tabs"
    elif "mapping values are not allowed" in what:
        fix = "Put text that contains a colon in quotes, and check the indentation"
    elif error.context:
        what += f" {error.context}"
    return problem_at(file, at, (), f"not valid YAML: {escape_text(what)[:200]}", fix)


def _position(mark: StreamMark) -> Position:
    return Position(mark.line + 1, mark.column + 1)
