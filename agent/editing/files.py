"""The tools that look at files and change them; each takes a record and answers in words.

What they show is what stands in the files, as it is, cut where it is long. Whether a path may be
read or written is the gate's to say.
"""

from __future__ import annotations

from collections import Counter

from agent.domain import Record
from agent.editing import replacing, searching
from agent.editing.gate import PathGate, Refused, shown
from agent.editing.outline import Outline
from repo_config import foreign_python

MOST_SHOWN = 8_000
_MOST_LINE = 2_000
_MOST_ENTRIES = 200


class Look(Record):
    """A folder."""

    folder: str = ""


class Outlined(Record):
    """A file or a folder; empty: everything."""

    path: str = ""


class Search(Record):
    """A text, and where to look for it."""

    text: str
    folder: str = ""
    regex: bool = False


class Read(Record):
    """Lines of a file, 1-based, both included."""

    path: str
    start: int = 1
    end: int | None = None


class Edit(Record):
    """A replacement in a file."""

    path: str
    old: str
    new: str


class Create(Record):
    """A new file."""

    path: str
    text: str


class Move(Record):
    """A file and its new place."""

    path: str
    to: str


class Delete(Record):
    """A file."""

    path: str


# --- looking --------------------------------------------------------------------------------------


def look(gate: PathGate, asked: Look) -> str:
    """List a folder: its files, and folders with how many files they hold."""
    paths = gate.paths(asked.folder)
    folder = asked.folder.strip("/")
    start = f"{folder}/" if folder not in {"", "."} else ""
    folders: Counter[str] = Counter()
    files: list[str] = []
    for path in paths:
        name, below, _ = path.removeprefix(start).partition("/")
        if below:
            folders[name] += 1
        else:
            files.append(name)
    entries = [f"{name}/ ({count:,} files)" for name, count in sorted(folders.items())] + files
    head = f"{start or 'the repository'}: {len(files):,} files, {len(folders):,} folders"
    left = len(entries) - _MOST_ENTRIES
    cut = [f"[{left:,} more are not shown]"] if left > 0 else []
    return "\n".join([head, *entries[:_MOST_ENTRIES], *cut])


def outlined(gate: PathGate, outline: Outline, asked: Outlined) -> str:
    """Show what is defined in a file, a folder or the repository."""
    path = asked.path.removesuffix("/")
    if gate.has(path):
        if not outline.has(path):
            raise Refused(f"{shown(path)} is no Python file; read it")
        return outline.of_file(path)
    gate.paths(path)
    return outline.whole(folder="" if path == "." else path) or "there are no Python files"


def search(gate: PathGate, asked: Search) -> str:
    """Find lines."""
    return searching.find(gate, asked.text, asked.folder, regex=asked.regex)


def read(gate: PathGate, asked: Read) -> str:
    """Show lines of a file with their numbers."""
    text = gate.text(asked.path)
    lines = text.words.removesuffix("\n").split("\n") if text.words else []
    total = len(lines)
    if not total:
        return f"{shown(asked.path)} is empty"
    first = max(1, asked.start)
    last = total if asked.end is None else min(asked.end, total)
    if first > total or last < first:
        raise Refused(f"{shown(asked.path)} has {total:,} lines; there are none from {first} to"
                      f" {asked.end if asked.end is not None else 'the end'}")  # fmt: skip
    taken: list[str] = []
    left = MOST_SHOWN
    for number in range(first, last + 1):
        line = _numbered(number, lines[number - 1])
        if taken and len(line) > left:
            break
        taken.append(line)
        left -= len(line) + 1
    reached = first + len(taken) - 1
    notes = [] if text.lossless else ["not UTF-8: some signs are not shown as they are"]
    head = "; ".join([f"{shown(asked.path)}, lines {first}-{reached} of {total:,}", *notes])
    if reached < last:
        hidden = sum(len(line) + 1 for line in lines[reached:last])
        taken.append(
            f"[cut: {hidden:,} characters to line {last:,} are left; go on at {reached + 1}]"
        )
    return "\n".join([head, *taken])


def _numbered(number: int, line: str) -> str:
    more = len(line) - _MOST_LINE
    cut = f" [cut: {more:,} more characters in this line]" if more > 0 else ""
    return f"{number}\t{line[:_MOST_LINE]}{cut}"


# --- changing -------------------------------------------------------------------------------------


def edit(gate: PathGate, asked: Edit) -> str:
    """Replace what occurs once."""
    text = gate.text(asked.path)
    if not text.lossless:
        raise Refused(f"{shown(asked.path)} is not UTF-8, so it cannot be edited here")
    old, new = (_plain_ends(words) if text.crlf else words for words in (asked.old, asked.new))
    try:
        words, first, last = replacing.once(text.words, old, new)
    except replacing.NotThere as problem:
        raise Refused(f"{shown(asked.path)}: {problem}") from problem
    content = text.encoded(words)
    gate.write({asked.path: content})
    where = f"lines {first}-{last} are new" if last >= first else f"cut before line {first}"
    return f"{shown(asked.path)}: {where}{_parses(asked.path, content)}"


def create(gate: PathGate, asked: Create) -> str:
    """Write a new file, or anew what the change has added."""
    replaced = gate.has(asked.path)
    if replaced and not gate.is_new(asked.path):
        raise Refused(f"{shown(asked.path)} is there already; edit it")
    ended = asked.text if not asked.text or asked.text.endswith("\n") else f"{asked.text}\n"
    content = ended.encode()
    if replaced and content == gate.content(asked.path):
        raise Refused(f"{shown(asked.path)} holds just that, so nothing was changed")
    gate.write({asked.path: content})
    count = ended.count("\n")
    verb = "written anew" if replaced else "created"
    return f"{shown(asked.path)}: {verb}, {count:,} lines{_parses(asked.path, content)}"


def move(gate: PathGate, asked: Move) -> str:
    """Put a file in another place, as it is."""
    content = gate.content(asked.path)
    if gate.has(asked.to):
        raise Refused(f"{shown(asked.to)} is there already")
    mode = {asked.to: gate.is_executable(asked.path)}
    gate.write({asked.path: None, asked.to: content}, executable=mode)
    return f"{shown(asked.path)} is now {shown(asked.to)}; imports of it are as they were"


def delete(gate: PathGate, asked: Delete) -> str:
    """Delete a file."""
    gate.size(asked.path)
    gate.write({asked.path: None})
    return f"{shown(asked.path)}: deleted"


def _plain_ends(words: str) -> str:
    return words.replace("\r\n", "\n")


def _parses(path: str, content: bytes) -> str:
    """Say where Python does not parse; that is no reason to refuse what more edits may mend."""
    if not path.endswith((".py", ".pyi")):
        return ""
    try:
        foreign_python.parse(content)
    except SyntaxError as problem:
        place = f"line {problem.lineno}: " if problem.lineno else ""
        return f"; it does not parse: {place}{problem.msg}"
    except (ValueError, RecursionError, MemoryError) as problem:
        return f"; it does not parse: {str(problem)[:200]}"
    return ""
