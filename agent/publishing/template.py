"""Take over what the repository's pull-request template has people tick. Pure.

Our own text answers what a template asks in prose. Its checklists stay, under their headings, with
every box open: they are for people.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from agent.text import sanitise
from repo_config.detect import Tree

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FOLDERS = (".github/", "", "docs/")
_NAMES = re.compile(r"pull_request_template(?:\.(?:md|txt|markdown))?", re.IGNORECASE)
_SEVERAL = re.compile(r"pull_request_template/[^/]+\.(?:md|txt|markdown)", re.IGNORECASE)
_MOST_CHARACTERS = 20_000
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BOX = re.compile(r"^[ \t>]*(?:[-*+]|\d{1,3}[.)])[ \t]+\[[ xX]?\][ \t]+(?P<words>.*)$")
_LINK = re.compile(r"!?\[([^\]\n]{0,300})\]\([^)\n]{0,2000}\)")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,2000}>")


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
    return text if text.strip() and len(text) <= _MOST_CHARACTERS else None


def list_checklists(template: str) -> str:
    """Give the template's boxes, open and inert, under their headings; empty: it has none."""
    text = template.replace("\r\n", "\n").replace("\r", "\n")
    lines = _COMMENT.sub("", _FRONT_MATTER.sub("", text)).split("\n")
    groups: list[tuple[str, list[str]]] = [("", [])]
    for before, token in pairwise(_parser().parse("\n".join(lines))):
        if token.type == "inline" and before.type == "heading_open":
            groups.append((f"{'#' * int(before.tag[1])} {_format_words(token.content)}", []))
        elif token.type == "inline" and token.map:
            boxes = filter(None, map(_BOX.match, lines[slice(*token.map)]))
            groups[-1][1].extend(f"- [ ] {_format_words(box['words'])}" for box in boxes)
    found = ((heading, "\n".join(boxes)) for heading, boxes in groups if boxes)
    return "\n\n".join(part for group in found for part in group if part)


def _format_words(text: str) -> str:
    """Make the words of a template inert: what a link leads to and tags go."""
    return sanitise.format_words(_TAG.sub("", _LINK.sub(r"\1", text)))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")
