"""Fill the pull-request template of a repository. Pure.

Its headings stay, in their order; what we have to say stands under those that ask for it, and the
rest after them. Boxes are left to people. What a template asks in other ways than by headings is
left as it is, and our own text follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.models.record import Record
from agent.text import sanitise
from repo_config.detect import Tree

Kind = Literal["summary", "why", "issue", "tests"]

_FOLDERS = (".github/", "", "docs/")
_NAMES = re.compile(r"pull_request_template(?:\.(?:md|txt|markdown))?", re.IGNORECASE)
_SEVERAL = re.compile(r"pull_request_template/[^/]+\.(?:md|txt|markdown)", re.IGNORECASE)
_MOST_CHARACTERS = 20_000
#: Patterns are tried on each line; nobody writes a template with longer ones.
_LONGEST_LINE = 1_000

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r" {0,3}`{3,}")
_ATX = re.compile(r" {0,3}(?P<signs>#{1,6})[ \t]+(?P<title>\S.*)$")
_BOLD = re.compile(r"[ \t]*(?P<mark>\*\*|__)(?P<title>[^*_].*?):?(?P=mark):?[ \t]*$")
_UNDERLINE = re.compile(r"[ \t]*(?:={3,}|-{3,})[ \t]*$")
_BOX = re.compile(r"^([ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+)\[[ xX]?\]")
#: What stays of a section that we fill: boxes and tables. The rest tells people what to write.
_ASKED = re.compile(rf"{_BOX.pattern}|[ \t]*\|")
#: A line in which the number of an issue is to be written.
_ISSUE_LINE = re.compile(
    r"[ \t]*(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?):?[ \t]+#\D*$", re.IGNORECASE
)

#: What a heading asks, by its words. Read in this order; None: it is left to a person.
_KINDS: tuple[tuple[Kind | None, re.Pattern[str]], ...] = (
    (None, re.compile(r"check ?list|before|types?|todo|breaking|screenshots?|documentation|notes")),
    ("tests", re.compile(r"\b(?:tests?|tested|testing|verification)\b")),
    ("issue", re.compile(r"\b(?:issues?|tickets?|fix(?:es)?|close[sd]?|resolve[sd]?|related)\b")),
    ("summary", re.compile(r"\b(?:summary|descri\w+|what|changes?|overview|solution|purpose)\b")),
    ("why", re.compile(r"\b(?:why|motivation|context|background|reasons?|rationale|problem)\b")),
)
_LEFT = "_Left to a person._"
_ABOVE = "_See above._"


class Part(Record):
    """Something that we have to say."""

    kind: Kind | None
    """The question that it answers, if templates ask it."""
    heading: str
    text: str


def find(tree: Tree) -> str | None:
    """Read the template that GitHub would offer; None: there is none, or not one alone."""
    paths = tree.paths()
    for folder in _FOLDERS:
        inside = [path[len(folder) :] for path in paths if path.startswith(folder)]
        for pattern in (_NAMES, _SEVERAL):
            names = [name for name in inside if pattern.fullmatch(name)]
            if len(names) == 1:
                return _read(tree, folder + names[0])
    return None


def _read(tree: Tree, path: str) -> str | None:
    try:
        text = tree.read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    longest = max(map(len, text.split("\n")))
    bearable = len(text) <= _MOST_CHARACTERS and longest <= _LONGEST_LINE
    return text if text.strip() and bearable else None


@dataclass
class _Section:
    heading: str = ""
    title: str = ""
    level: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def kind(self) -> Kind | None:
        """The question that the heading asks."""
        words = " ".join(re.findall(r"[a-z']+", self.title.lower()))
        return next((kind for kind, pattern in _KINDS if pattern.search(words)), None)


def joined(parts: Sequence[Part]) -> str:
    """Put the parts one below the other, where there is no template."""
    return _join(_headed(part) for part in parts) + "\n"


def fill(template: str, parts: Sequence[Part]) -> str:
    """Put our parts under the headings that ask for them, and the others after."""
    sections = list(_sections(template))
    asked = {section.kind for section in sections} & {part.kind for part in parts}
    placed: set[Kind | None] = set()

    def say(kind: Kind) -> str:
        if kind in placed:
            return ""
        placed.add(kind)
        return _join(part.text for part in parts if part.kind == kind)

    if not asked & {"summary", "why", "tests"}:
        kept = _join(_keep(section, alone=False) for section in sections)
        return "\n\n---\n\n".join(filter(None, (kept, joined(parts).strip()))) + "\n"
    blocks = [say(kind) for kind in ("issue", "summary") if kind not in asked]
    for section, after in zip(sections, [*sections[1:], None], strict=True):
        kind = section.kind
        if kind is None or kind not in asked:
            alone = after is None or after.level <= section.level
            blocks.append(_keep(section, alone=alone))
            continue
        said = [say(kind) or _ABOVE]
        if kind == "summary" and "why" not in asked:
            said.append(say("why"))
        boxes = "\n".join(line for line in section.lines if _ASKED.match(line))
        blocks.append(_join((section.heading, *said, _clean(boxes))))
    left = (part for part in parts if part.kind is None or part.kind not in placed)
    return _join((*blocks, *map(_headed, left))) + "\n"


def _keep(section: _Section, *, alone: bool) -> str:
    """Give a section as the repository wrote it, but for its boxes.

    Args:
        alone: Whether nothing stands below its heading but its own lines.
    """
    body = _clean("\n".join(line for line in section.lines if not _ISSUE_LINE.match(line)))
    return _join((section.heading, body or (_LEFT if section.heading and alone else "")))


def _clean(text: str) -> str:
    """Make foreign Markdown inert, with every box open."""
    opened = "\n".join(_BOX.sub(r"\1[ ]", line) for line in text.split("\n"))
    return sanitise.clean_markdown(opened).strip()


def _headed(part: Part) -> str:
    return f"## {part.heading}\n\n{part.text}" if part.heading and part.text else part.text


def _join(blocks: Iterable[str]) -> str:
    return "\n\n".join(filter(None, blocks))


def _sections(template: str) -> Iterator[_Section]:
    """Take the template apart at its headings; the first section may have none."""
    text = template.replace("\r\n", "\n").replace("\r", "\n")
    text = _COMMENT.sub("", _FRONT_MATTER.sub("", text))
    section, fenced = _Section(), False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        fresh = None if fenced else _open(line, section)
        if fresh is None:
            section.lines.append(line)
            continue
        if section.heading or any(line.strip() for line in section.lines):
            yield section
        section = fresh
    if section.heading or any(line.strip() for line in section.lines):
        yield section


def _open(line: str, section: _Section) -> _Section | None:
    """Return the section that a line begins, if it does."""
    if found := _ATX.match(line):
        title = found["title"].rstrip().rstrip("#").rstrip()
        return _Section(_clean(line), title, len(found["signs"]))
    if found := _BOLD.match(line):
        return _Section(_clean(line), found["title"], 7)
    if _UNDERLINE.match(line) and section.lines and section.lines[-1].strip():
        title = section.lines[-1]
        if not re.match(r"\s*(?:[-*+>|]|\d+[.)])", title) and section.lines[-2:-1] in ([], [""]):
            section.lines.pop()
            return _Section(_clean(f"{title}\n{line}"), title, 1 if "=" in line else 2)
    return None
