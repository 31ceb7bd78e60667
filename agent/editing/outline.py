"""The outline of a repository: what its Python files define, those first that a ticket names. Pure.

Files are read once for each conversation; only what is shown is parsed.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections import Counter

from agent.editing import sketch
from agent.errors import EditFailed
from agent.policy.layout import is_test
from agent.repository.tree import WorkTree

#: Of the room, for what is shown by its names alone, and for what is only counted.
_FOR_NAMES = 0.3
_FOR_COUNTS = 0.1
_MOST_OF_A_FILE = 2_000
_WORD = re.compile(r"[A-Za-z_][\w./-]*\w|[A-Za-z_]")
_DEFINED = re.compile(rb"^(?:async )?(?:class|def) (\w+)", re.MULTILINE)


def describe(tree: WorkTree, words: str, folder: str, limit: int) -> str:
    """Show what the files of a folder define, within a number of characters.

    What there is no room for is shown by its names, then counted by folder.

    Args:
        words: Of the ticket.
    """
    start = f"{folder}/" if folder else ""
    paths = [path for path in tree.paths() if path.startswith(start) and path.endswith(".py")]
    contents = {path: _content(tree, path) for path in paths}
    shown: dict[str, str] = {}
    left = limit
    for path in (ranked := _ranked(contents, words)):
        # What defines nothing is only counted.
        if not (lines := sketch.of(contents[path])):
            continue
        head = f"{path} ({contents[path].count(bytes([10])):,} lines)"
        text = _bounded([head, *lines], _MOST_OF_A_FILE)
        if left - len(text) < limit * _FOR_NAMES:
            break
        shown[path] = text
        left -= len(text) + 1
    rest = [path for path in ranked if path not in shown and _DEFINED.search(contents[path])]
    names = _fitting([_named(path, contents[path]) for path in rest], left - limit * _FOR_COUNTS)
    left -= sum(len(line) + 1 for line in names)
    told = {*shown, *rest[: len(names)]}
    others = Counter(_folder(path) for path in paths if path not in told)
    counted = [f"{name}: {number:,} more" for name, number in others.most_common()]
    return "\n".join([*shown.values(), *names, *_fitting(counted, left)])


def _content(tree: WorkTree, path: str) -> bytes:
    try:
        return tree.read(path)
    except EditFailed:  # gone, or no plain file: there is nothing to show of it
        return b""


def _named(path: str, content: bytes) -> str:
    return f"{path}: {' '.join(dict.fromkeys(_names(content)))[:200]}"


def _names(content: bytes) -> list[str]:
    """Return the classes and functions at the top."""
    return [name.decode("utf-8", "replace") for name in _DEFINED.findall(content)]


# --- relevance ------------------------------------------------------------------------------------


def _ranked(contents: dict[str, bytes], words: str) -> list[str]:
    """Sort paths, what matters most first."""
    asked = frozenset(word.strip("./-") for word in _WORD.findall(words))
    lowered = frozenset(word.lower() for word in asked)
    scores = {path: _score(path, text, asked, lowered) for path, text in contents.items()}
    return sorted(contents, key=lambda path: (-scores[path], path))


def _score(path: str, content: bytes, asked: frozenset[str], lowered: frozenset[str]) -> float:
    stem = path.removesuffix(".py")
    parts = stem.split("/")
    names = set(_names(content))
    score = min(10.0, math.log2(1 + len(names)))
    if not asked.isdisjoint({path, posixpath.basename(path), stem.replace("/", ".")}):
        score += 100
    if any("_" in name or not name.islower() for name in names & asked):
        score += 40
    elif not lowered.isdisjoint(name.lower() for name in names):
        score += 15
    if not lowered.isdisjoint(parts):
        score += 8
    if is_test(path):
        score -= 6
    if "migrations" in parts:
        score -= 30
    return score if names else score - 20


# --- words ----------------------------------------------------------------------------------------


def _folder(path: str) -> str:
    return f"{path.partition('/')[0]}/" if "/" in path else "the root"


def _bounded(lines: list[str], most: int) -> str:
    taken = _fitting(lines, most - 40)
    left = len(lines) - len(taken)
    return "\n".join([*taken, *([f"[{left:,} more lines]"] if left else [])])


def _fitting(lines: list[str], most: float) -> list[str]:
    taken: list[str] = []
    for line in lines:
        most -= len(line) + 1
        if most < 0:
            break
        taken.append(line)
    return taken
