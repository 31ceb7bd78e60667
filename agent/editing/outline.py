"""List what the Python files of a repository define, first those that a ticket names. Pure."""

from __future__ import annotations

import posixpath
import re
from itertools import accumulate
from operator import itemgetter

from agent.errors import EditFailed
from agent.git.tree import WorkTree
from agent.policy.layout import is_test

_MOST_OF_A_FILE = 300
#: Characters for the count.
_FOR_COUNT = 20
_WORD = re.compile(r"[a-z_][\w./-]*\w|[a-z_]")
_DEFINED = re.compile(rb"^(?:async )?(?:class|def) (\w+)", re.MULTILINE)


def describe_files(tree: WorkTree, words: str, folder: str, limit: int) -> str:
    """List the files of a folder with what they define, within a number of characters.

    What there is no space for, or defines nothing, is counted.

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
    most = limit - _FOR_COUNT
    sizes = accumulate(len(line) + 1 for _, _, line in listed)
    lines = [line for (_, _, line), size in zip(listed, sizes, strict=True) if size <= most]
    more = len(paths) - len(lines)
    return "\n".join([*lines, *([f"{more:,} more"] if more else [])])


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
