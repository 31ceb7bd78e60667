"""Fill the pull-request template of a repository. Pure.

Its headings stay, in their order; what we have to say stands under those that ask for it, and the
rest after them. A box is ticked where the checks prove what it says, and nowhere else. What a
template asks in other ways than by headings is not understood: it is left as it is, and our own
text follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.models.record import Record
from agent.text import cleaning
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
_LABEL = re.compile(r"[ \t]*(?P<title>[A-Z][\w '/&-]{2,60})(?::|\?)[ \t]*$")
_UNDERLINE = re.compile(r"[ \t]*(?:={3,}|-{3,})[ \t]*$")
_BOX = re.compile(r"^(?P<head>[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+)\[(?P<mark>[ xX]?)\](?P<words>.*)$")
#: What stays of a section that we fill: boxes, tables, fields with a name. The rest tells people
#: what to write there.
_ASKED = re.compile(rf"(?:{_BOX.pattern[1:]}|[ \t]*\||[A-Z][\w /&-]{{1,40}}:[ \t]+\S.{{0,100}}$)")

#: What a heading asks, by its words. Read in this order; None: it is left to a person.
_WORDS: tuple[tuple[Kind | None, str], ...] = (
    (
        None,
        r"check ?list|before (?:you )?(?:submit|merg)\w*|types? of|kind of|todo|to do|remaining",
    ),
    (None, r"breaking|introduces?|user facing|impact|risks?|rollback|backwards?|dependenc\w+"),
    (None, r"screenshots?|videos?|demo|release notes?|change ?log|documentation|docs"),
    (None, r"additional|other|further|deploy\w*|performance|security|reviewers?|author"),
    (None, r"license|agreement"),
    ("tests", r"tests?|tested|testing|verif\w+|qa|validat\w+"),
    ("issue", r"issues?|tickets?|fix(?:es)?|close[sd]?|resolve[sd]?|related|references?"),
    ("issue", r"jira|links?"),
    ("summary", r"summary|descriptions?|describe|what|changes?|changed|overview|about|propos\w+"),
    ("summary", r"solution|implement\w+|details?|purpose|tl dr|this pr"),
    ("why", r"why|motivation|context|background|reasons?|rationale|problem"),
)
_KINDS = tuple((kind, re.compile(rf"\b(?:{words})\b")) for kind, words in _WORDS)
_PLACEHOLDER = re.compile(
    r"[ \t]*(?:[-*+][ \t]+)?(?:\*\*)?"
    r"(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|relate[sd](?: to)?|part of|refs?|see"
    r"|(?:github )?issue|ticket)\b"
    r"[ \t:*]{0,9}(?:(?:issue|ticket)[ \t:]{0,9})?#?[ \t]{0,9}[(\[<{]?#?[ \t]{0,9}"
    r"(?:issue|ticket|number|id|no|nr|link|tbd|x{1,6}|n{1,6}|\d{1,9}|[_ \t-]){0,6}"
    r"[)\]>}]?[ \t]{0,9}[.,]?[ \t]*$",
    re.IGNORECASE,
)
_NOT_FILLED = "_Left to a person._"
_ABOVE = "_See above._"


class Part(Record):
    """Something that we have to say."""

    kind: Kind | None
    """The question that it answers, if templates ask it."""
    heading: str
    text: str


class Claims(Record):
    """What the checks prove, for the boxes of a checklist."""

    tests_added: bool = False
    tests_pass: bool = False
    """All of them, and some were run."""
    lint: bool = False
    types: bool = False
    changelog: bool = False


def find(tree: Tree) -> str | None:
    """Read the template that GitHub would offer; None: there is none, or not one alone."""
    paths = tree.paths()
    for folder in _FOLDERS:
        inside = [path[len(folder) :] for path in paths if path.startswith(folder)]
        single = [name for name in inside if _NAMES.fullmatch(name)]
        several = [name for name in inside if _SEVERAL.fullmatch(name)]
        for names in (single, several):
            if len(names) == 1:
                return _read(tree, folder + names[0])
    return None


def _read(tree: Tree, path: str) -> str | None:
    try:
        text = tree.read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    bearable = len(text) <= _MOST_CHARACTERS and all(
        len(line) <= _LONGEST_LINE for line in text.split("\n")
    )
    return text if text.strip() and bearable else None


@dataclass
class _Section:
    heading: tuple[str, ...] = ()
    title: str = ""
    level: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def kind(self) -> Kind | None:
        """The question that the heading asks."""
        words = " ".join(re.findall(r"[a-z']+", self.title.lower()))
        return next((kind for kind, pattern in _KINDS if pattern.search(words)), None)


def fill(template: str, parts: Sequence[Part], claims: Claims) -> str:
    """Put our parts under the headings that ask for them, and the others after."""
    return _Filling(parts, claims).whole(template)


def joined(parts: Sequence[Part]) -> str:
    """Put the parts one below the other, where there is no template."""
    return "\n\n".join(_headed(part) for part in parts if part.text) + "\n"


class _Filling:
    def __init__(self, parts: Sequence[Part], claims: Claims) -> None:
        self._parts = parts
        self._claims = claims
        self._placed: set[Kind] = set()
        self._asked: set[Kind | None] = set()

    def whole(self, template: str) -> str:
        sections = list(_sections(template))
        asked = self._asked = {section.kind for section in sections} - {None}
        if not asked & {"summary", "why", "tests"}:
            own = joined(self._parts).rstrip("\n")
            kept = "\n\n".join(filter(None, (self._kept(section) for section in sections)))
            return "\n\n---\n\n".join(filter(None, (kept, own))) + "\n"
        holds_issue = "issue" in asked or any(
            _PLACEHOLDER.match(line) for section in sections for line in section.lines
        )
        blocks = []
        if "summary" not in asked:
            blocks.append(self._said("summary"))
        for number, section in enumerate(sections):
            after = sections[number + 1] if number + 1 < len(sections) else None
            blocks.append(self._filled(section, after))
        if not holds_issue:
            blocks.insert(0, self._said("issue"))
        left = [part for part in self._parts if part.kind is None or part.kind not in self._placed]
        blocks += [_headed(part) for part in left]
        return "\n\n".join(block for block in blocks if block) + "\n"

    def _said(self, kind: Kind) -> str:
        self._placed.add(kind)
        return "\n\n".join(part.text for part in self._parts if part.kind == kind)

    def _said_once(self, kind: Kind) -> str:
        return "" if kind in self._placed else self._said(kind)

    def _filled(self, section: _Section, after: _Section | None) -> str:
        kind = section.kind if section.heading else None
        if kind is None:
            text = self._kept(section, umbrella=after is not None and after.level > section.level)
        elif not any(part.kind == kind for part in self._parts):
            text = self._kept(section)
        else:
            said = _ABOVE if kind in self._placed else self._said(kind)
            if kind == "summary" and "why" not in self._asked:
                said = "\n\n".join(filter(None, (said, self._said_once("why"))))
            if any(map(_PLACEHOLDER.match, section.lines)):
                said = "\n\n".join(filter(None, (said, self._said_once("issue"))))
            asked = [line for line in section.lines if _ASKED.match(line)]
            body = cleaning.markdown("\n".join(self._judged(asked)))
            text = "\n\n".join(filter(None, (_heading(section), said, body)))
        return text

    def _kept(self, section: _Section, *, umbrella: bool = False) -> str:
        """A section as the repository wrote it, but for its boxes and blanks."""
        lines = []
        for line in section.lines:
            if not _PLACEHOLDER.match(line):
                lines.append(line)
            elif "issue" not in self._placed and any(p.kind == "issue" for p in self._parts):
                lines.append(_ISSUE_HERE)
        before, mark, after = "\n".join(self._judged(lines)).partition(_ISSUE_HERE)
        body = cleaning.markdown(before).strip("\n")
        if mark:
            body = "\n\n".join(
                filter(None, (body, self._said("issue"), cleaning.markdown(after).strip("\n")))
            )
            body = body.replace(_ISSUE_HERE, "").strip("\n")
        if not body.strip() and section.heading and not umbrella:
            body = _NOT_FILLED
        return "\n\n".join(filter(None, (_heading(section), body.strip("\n"))))

    def _judged(self, lines: list[str]) -> list[str]:
        return [_BOX.sub(self._ticked, line) for line in lines]

    def _ticked(self, box: re.Match[str]) -> str:
        mark = "x" if _proved(box["words"], self._claims) else " "
        return f"{box['head']}[{mark}]{box['words']}"


#: Stands for our own word on the issue while the text around it is cleaned.
_ISSUE_HERE = "\N{OBJECT REPLACEMENT CHARACTER}"


def _heading(section: _Section) -> str:
    return cleaning.markdown("\n".join(section.heading)).strip()


def _headed(part: Part) -> str:
    return f"## {part.heading}\n\n{part.text}" if part.heading and part.text else part.text


def _sections(template: str) -> Iterator[_Section]:
    """Take the template apart at its headings; the first section may have none."""
    text = template.replace("\r\n", "\n").replace("\r", "\n").replace(_ISSUE_HERE, "")
    text = _COMMENT.sub("", _FRONT_MATTER.sub("", text))
    section, fenced = _Section(), False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        fresh = None if fenced else _opened(line, section)
        if fresh is None:
            section.lines.append(line)
            continue
        if section.heading or any(line.strip() for line in section.lines):
            yield section
        section = fresh
    if section.heading or any(line.strip() for line in section.lines):
        yield section


def _opened(line: str, section: _Section) -> _Section | None:
    """The section that a line begins, if it does."""
    if found := _ATX.match(line):
        title = found["title"].rstrip().rstrip("#").rstrip()
        return _Section((line.strip(),), title, len(found["signs"]))
    if _UNDERLINE.match(line) and section.lines and section.lines[-1].strip():
        title = section.lines[-1]
        alone = len(section.lines) < 2 or not section.lines[-2].strip()
        if alone and not re.match(r"\s*(?:[-*+>|]|\d+[.)])", title):
            section.lines.pop()
            return _Section((title, line), title, 1 if "=" in line else 2)
    if found := _BOLD.match(line):
        return _Section((line.strip(),), found["title"], 7)
    if found := _LABEL.match(line):
        labelled = _Section((line.strip(),), found["title"], 7)
        return labelled if labelled.kind else None
    return None


# --- boxes ----------------------------------------------------------------------------------------

#: Where one of these words stands, the box says more than the checks can prove, or the opposite.
_MORE = re.compile(
    r"\b(?:not?|n/a|never|unless|doc\w*|readme|manual\w*|review\w*|screenshots?|browser|coverage"
    r"|bench\w*|performance|staging|production|e2e|end.to.end|integration|i18n|accessib\w*|mobile)\b"
    r"|n['\u2019]t\b",
    re.IGNORECASE,
)
_TESTS_ADDED = re.compile(
    r"\b(?:add(?:ed|s)?|wrote|written|includ(?:e[sd]?|ing)|new|creat\w+|cover(?:ed|s)?)\b.*\btests?\b"
    r"|\btests?\b.*\b(?:added|written|included|prove|cover)\b",
    re.IGNORECASE,
)
_TESTS_PASS = re.compile(
    r"\btests?(?: suite)?\b.*\b(?:pass(?:es|ed|ing)?|green|succeed\w*|run)\b"
    r"|\b(?:pass\w*|ran|run)\b.*\btests?\b",
    re.IGNORECASE,
)
_LINT = re.compile(r"\b(?:lint\w*|ruff|flake8|black|isort|formatt(?:ed|er|ing))\b", re.IGNORECASE)
_TYPES = re.compile(r"\b(?:mypy|(?:based)?pyright|type.?checks?|type.?checker)\b", re.IGNORECASE)
_CHANGELOG = re.compile(r"\b(?:change ?log|news ?fragment|news|release notes?)\b", re.IGNORECASE)


def _proved(words: str, claims: Claims) -> bool:
    """Whether the checks prove all that a box says."""
    text = re.sub(r"\]\([^)]{0,1000}\)", "]", words)
    if _MORE.search(text):
        return False
    said = []
    if _TESTS_PASS.search(text):
        said.append(claims.tests_pass)
    if _TESTS_ADDED.search(text) and not re.search(r"\bnew and existing\b", text, re.IGNORECASE):
        said.append(claims.tests_added)
    for pattern, holds in (
        (_LINT, claims.lint),
        (_TYPES, claims.types),
        (_CHANGELOG, claims.changelog),
    ):
        if pattern.search(text):
            said.append(holds)
    return bool(said) and all(said)
