"""The structure of a ticket's text: headings, tables, lists and front matter apart from prose.

Owns the forms in which people state facts (`### Heading` blocks of issue forms, `- key: value`
lists, tables, front matter, code). What the keys mean is left to the recipe that asks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass

#: What an issue form leaves behind where nothing was filled in.
_UNANSWERED = frozenset({"", "_no response_", "no response"})

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(?P<text>.*)$")
_BOLD_LINE = re.compile(r"[ \t]*(?P<mark>\*\*|__)(?P<text>[^*_].*?):?(?P=mark):?[ \t]*$")
#: Keys of front matter that say something about the ticket, not about what is to be done.
_METADATA = re.compile(
    "title|about|labels?|assignees?|milestone|projects?|author|date|created|updated|status|state|"
    "priority|number|url|id|layout|tags"
)
_FEW_WORDS = re.compile(r"(?!---|[-*+]\s|\d+[.)]\s)[\w\"'`.=,-]+(?:\s+[\w\"'`.=,-]+){0,2}")
_COLUMN_NAMES = frozenset(
    ["", "key", "property", "setting", "fact", "item", "attribute", "what", "question", "option"]
)
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})")
_CHECKBOX = re.compile(r"[ \t]*[-*+][ \t]+\[(?P<mark>[ xX])\][ \t]+(?P<text>.*)$")
_PAIR = re.compile(
    r"[ \t]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?"
    r"(?P<key>(?:\*\*|__|`)?[A-Za-z][\w .\-/()]*?(?:\*\*|__|`)?)"
    r"[ \t]*(?:[:=](?:\*\*|__)?)(?P<value>(?:[ \t].*|[^=:/\s].*)?)$"
)
_LONGEST_SENTENCE = 1_000
#: Nobody wraps lines at less; a line that begins so is one of its own.
_SHORTEST_WIDTH = 40
_OWN_LINE = re.compile(r"[-*+>|]\s|\d+[.)]\s|[\w `-]{1,30}:\s")
#: Points that end no sentence.
_ABBREVIATED = "".join(
    rf"(?<!\b{short}\.)"
    for short in (r"e\.g", r"i\.e", "etc", "max", "min", "approx", "vs", "resp", "incl", "cf")
)
_ENDS = re.compile(rf"(?i)(?<=[.!?;]){_ABBREVIATED}\s+|(?<=\S)\s+(?=\[[ x]\]\s)")


@dataclass(frozen=True)
class Entry:
    """One fact as stated under a name."""

    key: str
    """Lower case, single spaces, no markup."""
    value: str
    place: str
    """In words: where it is stated."""


@dataclass(frozen=True)
class Document:
    """A ticket's text, taken apart."""

    entries: tuple[Entry, ...]
    prose: str
    """Everything that is not an entry, a heading or code, in order."""
    headings: tuple[str, ...]
    """Headings, and bold lines that stand for one, that are no known key."""
    fences: tuple[str, ...]
    """Contents of fenced code."""
    code: tuple[str, ...]
    """Contents of fences, and of inline code in prose and headings."""


def key_of(text: str) -> str:
    """A key without markup, case and punctuation."""
    plain = re.sub(r"[*`_]+", lambda mark: "_" if mark.group() == "_" else "", text)
    return " ".join(re.sub(r"[?:.]+$", "", plain.strip()).replace("_", " ").split()).lower()


def read(body: str, known: Callable[[str], bool]) -> Document:
    """Take a ticket's text apart; a key counts only if it is `known`."""
    return _Reader(body, known).read()


def sentences(text: str) -> list[str]:
    """Split a text at list items, blank lines and the ends of sentences."""
    blocks: list[str] = []
    current: list[str] = []
    for line in [*text.splitlines(), ""]:
        item = re.match(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(.*)", line)
        if item or not line.strip():
            blocks.append(" ".join(current))
            current = [item[1]] if item else []
        else:
            current.append(line.strip().lstrip("> "))
    blocks.append(" ".join(current))
    parts = [part.strip() for block in blocks for part in _ENDS.split(block) if part.strip()]
    # What has no end for this long is no sentence; in pieces it costs linear time.
    return [
        part[start : start + _LONGEST_SENTENCE]
        for part in parts
        for start in range(0, len(part), _LONGEST_SENTENCE)
    ]


def _unwrapped(text: str) -> str:
    """Join the lines of paragraphs that an editor has wrapped at a width of its own."""
    parts = re.split(r"(\n(?:[ \t]*\n)+)", text)
    return "".join(
        " ".join(line.strip() for line in part.split("\n")) if _is_wrapped(part) else part
        for part in parts
    )


def _is_wrapped(paragraph: str) -> bool:
    """Whether no line could have taken the first word of the next one as well."""
    lines = paragraph.strip("\n").split("\n")
    width = max(map(len, lines))
    return (
        len(lines) > 1
        and width >= _SHORTEST_WIDTH
        and all(
            after[:1].strip() != ""
            and not _OWN_LINE.match(after)
            and len(before.rstrip()) + 1 + len(after.split(maxsplit=1)[0]) > width
            for before, after in itertools.pairwise(lines)
        )
    )


class _Reader:
    def __init__(self, body: str, known: Callable[[str], bool]) -> None:
        self._lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._known = known
        self._entries: list[Entry] = []
        self._prose: list[str] = []
        self._headings: list[str] = []
        self._fences: list[str] = []

    def read(self) -> Document:
        position = self._front_matter()
        while position < len(self._lines):
            position = self._block(position)
        prose = _unwrapped("\n".join(self._prose))
        spoken = "\n".join([*self._headings, prose])
        inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", spoken)
        return Document(
            tuple(self._entries),
            prose,
            tuple(self._headings),
            tuple(self._fences),
            tuple(self._fences + inline),
        )

    def _add(self, key: str, value: str, place: str) -> None:
        if value.strip().lower() not in _UNANSWERED:
            self._entries.append(Entry(key_of(key), value.strip(), place))

    def _front_matter(self) -> int:
        lines = self._lines
        start = next((number for number, line in enumerate(lines) if line.strip()), 0)
        if lines[start].strip() != "---":
            return 0
        end = next((n for n in range(start + 1, len(lines)) if lines[n].strip() == "---"), None)
        if end is None:
            return 0
        key, value = "", ""
        for line in [*lines[start + 1 : end], "end:"]:
            pair = re.match(r"(?P<key>[A-Za-z][\w .\-]*?)[ \t]*:(?P<value>[ \t].*)?$", line)
            if pair is None:
                value += "\n" + line.strip()
                continue
            if key and self._known(key_of(key)):
                self._add(key, value, f"“{key}” in the front matter")
            elif key and not _METADATA.fullmatch(key_of(key)) and value.strip():
                self._prose += ["", f"{key}: {value}", ""]
            key, value = pair["key"], (pair["value"] or "").strip()
        return end + 1

    def _block(self, position: int) -> int:
        line = self._lines[position]
        if heading := _HEADING.match(line):
            return self._heading(heading["text"].strip().rstrip("#").rstrip(), position + 1)
        if _FENCE.match(line):
            content, position = self._fence(position)
            self._fences.append(content)
            return position
        if line.lstrip().startswith("|"):
            return self._table(position)
        if _CHECKBOX.match(line):
            return self._boxes(position)
        if bold := _BOLD_LINE.match(line):
            return self._heading(bold["text"], position + 1)
        pair = _PAIR.match(line)
        if pair and self._known(key_of(pair["key"])):
            key = key_of(pair["key"])
            self._add(key, pair["value"], f"“{line.strip()[:60]}”")
            return position + 1
        self._prose.append(line)
        return position + 1

    def _fence(self, position: int) -> tuple[str, int]:
        opened = _FENCE.match(self._lines[position])
        mark = opened["mark"] if opened else "```"
        end = position + 1
        while end < len(self._lines) and not self._lines[end].strip().startswith(mark):
            end += 1
        return "\n".join(self._lines[position + 1 : end]), end + 1

    def _heading(self, text: str, position: int) -> int:
        if not self._known(key_of(text)):
            return self._unknown_heading(text, position)
        while position < len(self._lines) and not self._lines[position].strip():
            position += 1
        if position < len(self._lines) and _FENCE.match(self._lines[position]):
            value, position = self._fence(position)
            self._add(text, value, f"the heading “{text}”")
            return position
        taken: list[str] = []
        while position < len(self._lines) and self._lines[position].strip():
            if _HEADING.match(self._lines[position]):
                break
            taken.append(self._lines[position])
            position += 1
        if taken and all(_CHECKBOX.match(line) for line in taken):
            for line in taken:
                box = _CHECKBOX.match(line)
                if box and self._known(key_of(box["text"])):
                    self._checkbox(box["text"], box["mark"])
                elif box and len(taken) == 1:
                    self._add(text, _answer(box["mark"]), f"the heading “{text}”")
                else:
                    self._prose.append(line)
            return position
        self._add(text, "\n".join(taken), f"the heading “{text}”")
        return position

    def _unknown_heading(self, text: str, position: int) -> int:
        """Prose follows; but a few words alone are the answer to a question nobody knows."""
        place = position
        while place < len(self._lines) and not self._lines[place].strip():
            place += 1
        line, after = ([line.strip() for line in self._lines[place : place + 2]] + ["", ""])[:2]
        if _FEW_WORDS.fullmatch(line) and not after:
            self._prose += ["", f"{text.rstrip(':?')}: {line}", ""]
            return place + 1
        self._headings.append(text)
        self._prose.append("")
        return position

    def _boxes(self, position: int) -> int:
        """A list of boxes: choices, or, where all are open and some are no key, things to do."""
        boxes: list[re.Match[str]] = []
        while position < len(self._lines) and (box := _CHECKBOX.match(self._lines[position])):
            boxes.append(box)
            position += 1
        known = [self._known(key_of(box["text"])) for box in boxes]
        to_do = not all(known) and all(box["mark"] == " " for box in boxes)
        for box in boxes:
            if to_do:
                self._prose += ["", box["text"], ""]
            else:
                self._checkbox(box["text"], box["mark"])
        return position

    def _checkbox(self, text: str, mark: str) -> None:
        if self._known(key_of(text)):
            self._add(text, _answer(mark), f"the box “{text}”")
        else:  # an open box in a text is something that is still to be done
            self._prose += ["", text, ""]

    def _table(self, position: int) -> int:
        rows: list[list[str]] = []
        while position < len(self._lines) and self._lines[position].lstrip().startswith("|"):
            row = re.split(r"(?<!\\)\|", self._lines[position].strip().strip("|"))
            cells = [cell.strip().replace("\\|", "|") for cell in row]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                rows.append(cells)
            position += 1
        header = rows[0] if rows else []
        across = sum(self._known(key_of(cell)) for cell in header)
        if len(rows) > 1 and across >= 2:
            for row in rows[1:]:
                for key, value in zip(header, row, strict=False):
                    if self._known(key_of(key)):
                        self._add(key, value, f"the table column “{key}”")
                    elif value:
                        self._prose += ["", f"{key}: {value}", ""]
            return position
        for row in rows:
            if len(row) == 2 and self._known(key_of(row[0])):
                self._add(row[0], row[1], f"the table row “{row[0]}”")
            elif row is not header or key_of(row[0]) not in _COLUMN_NAMES:
                self._prose += ["", ": ".join(cell for cell in row if cell), ""]
        return position


def _answer(mark: str) -> str:
    return "yes" if mark in "xX" else "no"
