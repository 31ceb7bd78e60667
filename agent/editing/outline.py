"""List what the Python files of a repository define, first those that a ticket names. Pure."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from itertools import accumulate
from operator import itemgetter

from agent.errors import EditFailed
from agent.policy.layout import is_test
from agent.repository.tree import WorkTree

#: Of the room, for what is only counted.
_FOR_COUNTS = 0.1
_MOST_OF_A_FILE = 300
_WORD = re.compile(r"[a-z_][\w./-]*\w|[a-z_]")
_DEFINED = re.compile(rb"^(?:async )?(?:class|def) (\w+)", re.MULTILINE)


def describe(tree: WorkTree, words: str, folder: str, limit: int) -> str:
    """List the files of a folder with what they define, within a number of characters.

    What there is no room for, or defines nothing, is counted by folder.

    Args:
        words: Of the ticket.
    """
    start = f"{folder}/" if folder else ""
    paths = [path for path in tree.paths() if path.startswith(start) and path.endswith(".py")]
    asked = frozenset(word.strip("./-") for word in _WORD.findall(words.lower()))
    listed: list[tuple[tuple[int, ...], str, str]] = []
    for path in paths:
        content = _content(tree, path)
        if names := [name.decode("utf-8", "replace") for name in _DEFINED.findall(content)]:
            found = " ".join(dict.fromkeys(names))[:_MOST_OF_A_FILE]
            line = f"{path} ({content.count(bytes([10])):,} lines): {found}"
            listed.append((_rank(path, names, asked), path, line))
    listed.sort(key=itemgetter(0), reverse=True)
    lines = _fit([line for _, _, line in listed], limit * (1 - _FOR_COUNTS))
    shown = {path for _, path, _ in listed[: len(lines)]}
    folders = Counter(f"{path.partition('/')[0]}/" for path in paths if path not in shown)
    counted = [f"{name}: {number:,} more" for name, number in folders.most_common()]
    return "\n".join([*lines, *_fit(counted, limit - sum(len(line) + 1 for line in lines))])


def _content(tree: WorkTree, path: str) -> bytes:
    try:
        return tree.read(path)
    except EditFailed:  # gone, or no plain file: there is nothing to show of it
        return b""


def _rank(path: str, names: list[str], asked: frozenset[str]) -> tuple[int, ...]:
    """Rank a file, what matters most the highest: named, then defining, then beside what is."""
    stem = path.lower().removesuffix(".py")
    named = {path.lower(), posixpath.basename(path).lower(), stem.replace("/", ".")}
    return (
        -("migrations" in stem.split("/")),
        len(asked & named),
        len(asked.intersection(map(str.lower, names))),
        len(asked.intersection(stem.split("/"))),
        -is_test(path),
        len(names),
    )


def _fit(lines: list[str], most: float) -> list[str]:
    """Return the first lines, as many as have so many characters together."""
    sizes = accumulate(len(line) + 1 for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= most]
