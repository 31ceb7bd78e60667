"""The entry for people who read what is new: a news fragment, or a line in the changelog. Pure.

Owns how towncrier's fragments are named (its documentation, "Configuration") and how a section
"Unreleased" is found in a file of Markdown or reStructuredText ("Keep a Changelog" and kin). A
repository that keeps neither gets no entry; nothing is guessed.
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
    r"^(?:#{1,3}[ \t]*)?\[?(?:unreleased|next release|upcoming|to be released)\b[^\n]*$",
    re.IGNORECASE,
)
#: In the order in which a repository's own fragment types are looked through.
_TYPES: dict[Kind, tuple[str, ...]] = {
    "bug": ("bugfix", "bugfixes", "bug", "fix", "fixed", "patch", "misc", "change"),
    "feature": ("feature", "features", "added", "enhancement", "improvement", "minor", "change"),
    "misc": ("misc", "internal", "changed", "improvement", "trivial", "change", "feature"),
}
_DEFAULT_TYPES = ("feature", "bugfix", "doc", "removal", "misc")
_UNDERLINE = re.compile(r"^([=\-~^\"'#*+])\1{2,}[ \t]*$")
_HEADING = re.compile(r"^#{1,6}[ \t]+\S")
_BULLET = re.compile(r"^([ \t]*)([-*+])([ \t]+)\S")
_REFERENCE = re.compile(r"\(#\d+\)\.?$")


class Entry(Record):
    """A file with the entry in it, new or replaced."""

    path: str
    content: bytes


def entry(tree: Tree, title: str, ticket_id: str, *, kind: Kind) -> Entry | None:
    """Write the entry for a change where the repository keeps such entries.

    Args:
        title: Imperative, without a full stop.
        ticket_id: Number of the issue.
        kind: What it is to users; `misc` is nothing that they see.
    """
    paths = frozenset(tree.paths())
    words = sanitise.make_inert(title)
    return _fragment(tree, paths, words, ticket_id, kind) or _line(
        tree, paths, words, ticket_id, kind
    )


# --- towncrier ------------------------------------------------------------------------------------


def _fragment(
    tree: Tree, paths: frozenset[str], words: str, ticket_id: str, kind: Kind
) -> Entry | None:
    settings = _towncrier(tree, paths)
    if settings is None:
        return None
    folder = _folder(settings)
    if folder is None:
        return None
    named = _types(settings)
    wanted = next((name for name in _TYPES[kind] if name in named), None)
    if wanted is None:
        return None
    there = [path for path in paths if posixpath.dirname(path) == folder]
    ending = _ending(there, named, str(settings.get("filename", "")))
    for count in ("", *(f".{number}" for number in range(1, 100))):
        path = f"{folder}/{ticket_id}.{wanted}{count}{ending}"
        if path not in paths:
            return Entry(path=path, content=f"{words}.\n".encode())
    return None


def _towncrier(tree: Tree, paths: frozenset[str]) -> Mapping[str, Any] | None:
    for path, table in (
        ("towncrier.toml", ("towncrier",)),
        ("towncrier.toml", ("tool", "towncrier")),
        ("pyproject.toml", ("tool", "towncrier")),
    ):
        if path not in paths:
            continue
        try:
            found: Any = documents.parse_toml(tree.read(path).decode())
        except (UnicodeDecodeError, documents.DocumentError):
            continue
        for key in table:
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, Mapping):
            return found
    return None


def _folder(settings: Mapping[str, Any]) -> str | None:
    """Where the fragments are: `directory`, else `newsfragments` in the package or at the root."""
    directory, package = settings.get("directory"), settings.get("package")
    if isinstance(directory, str):
        folder = posixpath.normpath(directory)
    elif isinstance(package, str) and package:
        source = str(settings.get("package_dir", "."))
        folder = posixpath.normpath(
            posixpath.join(source, package.replace(".", "/"), "newsfragments")
        )
    else:
        folder = "newsfragments"
    outside = folder.startswith(("/", "..", "~")) or folder in ("", ".")
    return None if outside or any(not sign.isprintable() for sign in folder) else folder


def _types(settings: Mapping[str, Any]) -> tuple[str, ...]:
    listed, by_name = settings.get("type"), settings.get("fragment")
    if isinstance(listed, list):
        tables = [one for one in listed if isinstance(one, Mapping)]
        return tuple(str(one.get("directory", one.get("name", ""))).lower() for one in tables)
    if isinstance(by_name, Mapping):
        return tuple(str(name).lower() for name in by_name)
    return _DEFAULT_TYPES


def _ending(fragments: list[str], types: tuple[str, ...], filename: str) -> str:
    """End as the fragments that are there do; else as the file that they are gathered in."""
    known = "|".join(map(re.escape, types)) or "feature"
    pattern = re.compile(rf"/[^/]+\.(?:{known})(?:\.\d+)?(?P<ending>\.(?:rst|md|txt))?$")
    for path in sorted(fragments):
        if found := pattern.search(path):
            return found["ending"] or ""
    return posixpath.splitext(filename)[1] if filename.endswith((".rst", ".md")) else ""


# --- a changelog file ---------------------------------------------------------------------------


def _line(tree: Tree, paths: frozenset[str], words: str, ticket_id: str, kind: str) -> Entry | None:
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        if not _FILES.fullmatch(path):
            continue
        try:
            text = tree.read(path).decode()
        except UnicodeDecodeError:
            continue
        newline = "\r\n" if "\r\n" in text else "\n"
        lines = text.split(newline)
        if (start := _section(lines)) is not None:
            changed = _with_entry(lines, start, words, ticket_id, kind)
            return Entry(path=path, content=newline.join(changed).encode())
    return None


def _section(lines: list[str]) -> int | None:
    """Index of the first line below the heading of what is not released yet."""
    for number, line in enumerate(lines):
        if not _UNRELEASED.match(line.strip()):
            continue
        underlined = number + 1 < len(lines) and _UNDERLINE.match(lines[number + 1])
        if underlined:
            return number + 2
        if _HEADING.match(line):
            return number + 1
    return None


def _with_entry(lines: list[str], start: int, words: str, ticket_id: str, kind: str) -> list[str]:
    end = _end(lines, start)
    inside = range(start, end)
    titled = [n for n in inside if re.match(r"^#{2,4}[ \t]+\w+[ \t]*$", lines[n])]
    if titled:
        name = "added" if kind == "feature" else "changed"
        own = [n for n in titled if lines[n].strip("# \t").lower() == name]
        if not own:
            level = lines[titled[0]].split()[0]
            fresh = [f"{level} {name.capitalize()}", "", f"- {words} (#{ticket_id})", ""]
            return lines[: titled[0]] + fresh + lines[titled[0] :]
        start = own[0] + 1
        end = next((n for n in titled if n > own[0]), end)
    bullets = [n for n in range(start, end) if _BULLET.match(lines[n])]
    if not bullets:
        blank = start < len(lines) and not lines[start].strip()
        at, before = (start + 1, []) if blank else (start, [""])
        after = [""] if at < len(lines) and lines[at].strip() else []
        return [*lines[:at], *before, f"- {words} (#{ticket_id})", *after, *lines[at:]]
    style = _BULLET.match(lines[bullets[0]])
    mark = "".join(style.groups()) if style else "- "
    # The newest entry stands last within an unreleased section; its own lines may go on.
    last = bullets[-1] + 1
    while last < end and lines[last].strip() and lines[last].startswith((" ", "\t")):
        last += 1
    stop = "." if lines[last - 1].rstrip().endswith(".") else ""
    numbered = any(_REFERENCE.search(lines[n].rstrip()) for n in bullets)
    reference = f" (#{ticket_id})" if numbered or len(bullets) < 2 else ""
    return [*lines[:last], f"{mark}{words}{reference}{stop}", *lines[last:]]


def _end(lines: list[str], start: int) -> int:
    """Index of the next release's heading, or the end of the file."""
    markdown = _HEADING.match(lines[start - 1])
    level = len(lines[start - 1].split()[0]) if markdown else 0
    for number in range(start, len(lines)):
        line = lines[number]
        if markdown and _HEADING.match(line) and len(line.split()[0]) <= level:
            return number
        if not markdown and _UNDERLINE.match(line) and number > start and lines[number - 1].strip():
            return number - 1
    return len(lines)
