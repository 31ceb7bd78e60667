"""List what the Python files of a repository define, first those that a ticket names. Pure."""

from __future__ import annotations

import math
import posixpath
import re
from collections import Counter

from agent.errors import EditFailed
from agent.policy.layout import is_test
from agent.repository.tree import WorkTree

#: Of the room, for what is only counted.
_FOR_COUNTS = 0.1
_MOST_OF_A_FILE = 300
_WORD = re.compile(r"[A-Za-z_][\w./-]*\w|[A-Za-z_]")
_DEFINED = re.compile(rb"^(?:async )?(?:class|def) (\w+)", re.MULTILINE)


def describe(tree: WorkTree, words: str, folder: str, limit: int) -> str:
    """List the files of a folder with what they define, within a number of characters.

    What there is no room for is counted by folder.

    Args:
        words: Of the ticket.
    """
    start = f"{folder}/" if folder else ""
    paths = [path for path in tree.paths() if path.startswith(start) and path.endswith(".py")]
    contents = {path: _content(tree, path) for path in paths}
    # What defines nothing is only counted.
    named = {path: _named(path, contents[path]) for path in _ranked(contents, words)}
    listed = [line for path, line in named.items() if _names(contents[path])]
    shown = _fitting(listed, limit * (1 - _FOR_COUNTS))
    told = {path for path, line in named.items() if line in {*shown}}
    others = Counter(_folder(path) for path in paths if path not in told)
    counted = [f"{name}: {number:,} more" for name, number in others.most_common()]
    return "\n".join([*shown, *_fitting(counted, limit - sum(len(line) + 1 for line in shown))])


def _content(tree: WorkTree, path: str) -> bytes:
    try:
        return tree.read(path)
    except EditFailed:  # gone, or no plain file: there is nothing to show of it
        return b""


def _named(path: str, content: bytes) -> str:
    names = " ".join(dict.fromkeys(_names(content)))[:_MOST_OF_A_FILE]
    return f"{path} ({content.count(bytes([10])):,} lines): {names}"


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


def _fitting(lines: list[str], most: float) -> list[str]:
    taken: list[str] = []
    for line in lines:
        most -= len(line) + 1
        if most < 0:
            break
        taken.append(line)
    return taken
