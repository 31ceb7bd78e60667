"""The entry for people who read what is new: a news fragment, or a line in the changelog. Pure.

A repository that keeps neither towncrier's fragments nor a section "Unreleased" gets no entry.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any, Literal

from agent.models.record import Record
from agent.text import sanitise
from repo_config import documents
from repo_config.detect import Tree

Kind = Literal["bug", "feature", "misc"]

#: How the note about an entry begins.
NOTE = "Added a line to"

_FILES = re.compile(
    r"(?:docs/)?(?:change(?:s|log|_log)|history|news|releases?(?:_notes)?)\.(?:md|rst|txt)",
    re.IGNORECASE,
)
_UNRELEASED = re.compile(
    r"^(?:#{1,3}[ \t]*)?\[?(?:unreleased|next release|upcoming|to be released)\b", re.IGNORECASE
)
#: In the order in which a repository's own fragment types are looked through.
_TYPES: dict[Kind, tuple[str, ...]] = {
    "bug": ("bugfix", "bugfixes", "bug", "fix", "fixed", "patch", "misc", "change"),
    "feature": ("feature", "features", "added", "enhancement", "improvement", "minor", "change"),
    "misc": ("misc", "internal", "changed", "improvement", "trivial", "change", "feature"),
}
_DEFAULT_TYPES = ("feature", "bugfix", "doc", "removal", "misc")
_HEADING = re.compile(r"#{1,6}[ \t]+\S")
_UNDERLINE = re.compile(r"([=\-~^\"'#*+])\1{2,}[ \t]*")
_KIND_HEADING = re.compile(r"#{2,4}[ \t]+\w+[ \t]*")
_BULLET = re.compile(r"([ \t]*[-*+][ \t]+)\S")
_REFERENCE = re.compile(r"\(#\d+\)\.?$")


class ChangelogEntry(Record):
    path: str
    content: bytes


def write_entry(tree: Tree, title: str, ticket_id: str, *, kind: Kind) -> ChangelogEntry | None:
    """Write the entry for a change where the repository keeps such entries.

    Args:
        title: Imperative, without a full stop.
        ticket_id: Number of the issue.
        kind: What it is to users; `misc` is nothing that they see.
    """
    words = sanitise.make_inert(title)
    if (settings := _read_towncrier(tree)) is not None:
        return _write_fragment(tree, settings, words, ticket_id, kind)
    for path in sorted(tree.paths(), key=lambda path: (path.count("/"), path)):
        text = _read_text(tree, path) if _FILES.fullmatch(path) else ""
        newline = "\r\n" if "\r\n" in text else "\n"
        lines = text.split(newline)
        if (start := _find_unreleased(lines)) is not None:
            changed = _add_line(lines, start, words, ticket_id, kind)
            return ChangelogEntry(path=path, content=newline.join(changed).encode())
    return None


def _read_text(tree: Tree, path: str) -> str:
    try:
        return tree.read(path).decode()
    except UnicodeDecodeError:
        return ""


# --- towncrier ------------------------------------------------------------------------------------


def _read_towncrier(tree: Tree) -> Mapping[str, Any] | None:
    for path in ("towncrier.toml", "pyproject.toml"):
        if path not in tree.paths():
            continue
        try:
            found: Any = documents.parse_toml(_read_text(tree, path))
        except documents.DocumentError:
            continue
        tables = found, found.get("tool")
        for table in tables if path == "towncrier.toml" else tables[1:]:
            if isinstance(table, Mapping) and isinstance(table.get("towncrier"), Mapping):
                return dict(table["towncrier"])
    return None


def _write_fragment(
    tree: Tree, settings: Mapping[str, Any], words: str, ticket_id: str, kind: Kind
) -> ChangelogEntry | None:
    folder, types = _find_folder(settings), _list_types(settings)
    wanted = next((name for name in _TYPES[kind] if name in types), None)
    if folder is None or wanted is None:
        return None
    # Fragments end as those that are there do; else as the file that they are gathered in.
    ending, paths = (
        posixpath.splitext(str(settings.get("filename", "")))[1],
        frozenset(tree.paths()),
    )
    for path in sorted(paths):
        name, suffix = posixpath.splitext(path)
        if posixpath.dirname(path) == folder and {name.rpartition(".")[2], suffix[1:]} & {*types}:
            ending = "" if suffix[1:] in types else suffix
            break
    for count in ("", *(f".{number}" for number in range(1, 100))):
        path = f"{folder}/{ticket_id}.{wanted}{count}{ending if ending in ('.rst', '.md') else ''}"
        if path not in paths:
            return ChangelogEntry(path=path, content=f"{words}.\n".encode())
    return None


def find_fragments(tree: Tree) -> str | None:
    """Return the folder of towncrier's fragments; None: the repository does not use it."""
    settings = _read_towncrier(tree)
    return None if settings is None else _find_folder(settings)


def _find_folder(settings: Mapping[str, Any]) -> str | None:
    """Return `directory`, else `newsfragments` in the package or at the root."""
    folder, package = settings.get("directory"), settings.get("package")
    if not isinstance(folder, str):
        inner = str(package).replace(".", "/") if package else "."
        start = str(settings.get("package_dir", ".")) if package else "."
        folder = posixpath.join(start, inner, "newsfragments")
    folder = posixpath.normpath(folder)
    is_outside = folder.startswith(("/", "..", "~")) or folder == "."
    return folder if folder.isprintable() and not is_outside else None


def _list_types(settings: Mapping[str, Any]) -> tuple[str, ...]:
    listed, by_name = settings.get("type"), settings.get("fragment")
    if isinstance(listed, list):
        tables = [one for one in listed if isinstance(one, Mapping)]
        return tuple(str(table.get("directory", table.get("name", ""))).lower() for table in tables)
    if isinstance(by_name, Mapping):
        return tuple(str(name).lower() for name in by_name)
    return _DEFAULT_TYPES


# --- a changelog file ---------------------------------------------------------------------------


def _find_unreleased(lines: list[str]) -> int | None:
    """Return the number of the first line below the heading of what is not released yet."""
    for number, line in enumerate(lines):
        if _UNRELEASED.match(line.strip()):
            if number + 1 < len(lines) and _UNDERLINE.fullmatch(lines[number + 1]):
                return number + 2
            if _HEADING.match(line):
                return number + 1
    return None


def _find_end(lines: list[str], start: int) -> int:
    """Return the number of the next release's heading, or of lines."""
    level = lines[start - 1].split()[0] if _HEADING.match(lines[start - 1]) else ""
    for number in range(start, len(lines)):
        line = lines[number]
        if level and _HEADING.match(line) and len(line.split()[0]) <= len(level):
            return number
        if not level and _UNDERLINE.fullmatch(line) and lines[number - 1].strip():
            return number - 1
    return len(lines)


def _add_line(lines: list[str], start: int, words: str, ticket_id: str, kind: Kind) -> list[str]:
    end = _find_end(lines, start)
    titled = [n for n in range(start, end) if _KIND_HEADING.fullmatch(lines[n])]
    if titled:
        name = "added" if kind == "feature" else "changed"
        own = [n for n in titled if lines[n].strip("# \t").lower() == name]
        if not own:
            level = lines[titled[0]].split()[0]
            fresh = [f"{level} {name.capitalize()}", "", f"- {words} (#{ticket_id})", ""]
            return lines[: titled[0]] + fresh + lines[titled[0] :]
        start = own[0] + 1
        end = next((n for n in titled if n > own[0]), end)
    bullets = [(n, found) for n in range(start, end) if (found := _BULLET.match(lines[n]))]
    if not bullets:
        at = start + 1 if start < len(lines) and not lines[start].strip() else start
        before = [""] if at == start else []
        after = [""] if at < len(lines) and lines[at].strip() else []
        return [*lines[:at], *before, f"- {words} (#{ticket_id})", *after, *lines[at:]]
    # The newest entry stands last within an unreleased section; its own lines may go on.
    last = bullets[-1][0] + 1
    while last < end and lines[last].strip() and lines[last].startswith((" ", "\t")):
        last += 1
    stop = "." if lines[last - 1].rstrip().endswith(".") else ""
    numbered = any(_REFERENCE.search(lines[n].rstrip()) for n, _ in bullets)
    reference = f" (#{ticket_id})" if numbered or len(bullets) < 2 else ""
    return [*lines[:last], f"{bullets[0][1][1]}{words}{reference}{stop}", *lines[last:]]
