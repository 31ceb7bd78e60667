"""Turn what people and programs wrote (Markdown, patches) into HTML that does nothing.

Markdown is GitHub's dialect as far as issues and pull requests use it. Of raw HTML only `details`,
`summary` and `br` come through, without attributes; comments vanish as they do at GitHub; all else
is shown as text. Pictures become their words: a page
fetches nothing. Left to others: pages and their
content security policy (`pages.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup, escape
from mdit_py_plugins.tasklists import tasklists_plugin

# A comment, one of the passing tags, or any character that would begin other HTML.
_PASSING = re.compile(
    r"<!--.*?(?:-->|\Z)|<(/?)(details|summary|br)( open)?\s*/?>|[<>&\"']",
    re.IGNORECASE | re.DOTALL,
)
_REFERENCES = re.compile(r"(?<![\w/&#.-])(?:#(\d{1,9})|@([A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}))\b")
_OpenTag = tuple[str, int]
"""A tag and the level of nesting at which it was opened."""
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True)
class DiffLine:
    """One line of a patch, with its place on either side."""

    kind: str
    """added, removed, same, hunk or note"""
    old: int | None
    new: int | None
    text: str


def markdown(text: str | None, repository: str = "") -> Markup:
    """Render Markdown as GitHub would show it; `repository` is where `#12` points to."""
    if not text or not text.strip():
        return Markup("")
    # What render() gives is made of escaped text and of tags of our own choice.
    return Markup(_MARKDOWN.render(text, {"repository": repository}))  # noqa: S704


def diff_lines(patch: str) -> tuple[DiffLine, ...]:
    """Number and classify the lines of one file's patch, beginning at its first hunk."""
    lines: list[DiffLine] = []
    old = new = 0
    for text in patch.split("\n"):
        if hunk := _HUNK.match(text):
            old, new = int(hunk[1]), int(hunk[2])
            lines.append(DiffLine("hunk", None, None, text))
        elif text.startswith("+"):
            lines.append(DiffLine("added", None, new, text))
            new += 1
        elif text.startswith("-"):
            lines.append(DiffLine("removed", old, None, text))
            old += 1
        elif text.startswith("\\"):
            lines.append(DiffLine("note", None, None, text))
        elif text:
            lines.append(DiffLine("same", old, new, text))
            old, new = old + 1, new + 1
    return tuple(lines)


def _markdown() -> MarkdownIt:
    # With html off the parser would not see where a `details` block ends and Markdown goes on;
    # so it is on, and the renderer below decides what of it is left.
    parser = MarkdownIt("commonmark", {"html": True, "breaks": True, "highlight": _highlighted})
    parser.enable(["table", "strikethrough"])
    parser.use(tasklists_plugin)
    parser.core.ruler.push("references", _link_references)
    parser.core.ruler.push("raw_html", _tame_raw_html)
    parser.add_render_rule("image", _image_as_words)
    parser.add_render_rule("tame_html", _as_it_is)
    return parser


def _highlighted(code: str, language: str, _attributes: str) -> str:
    """Colour a patch; leave other code plain."""
    if language not in {"diff", "patch"}:
        return ""
    return "".join(
        f'<span class="{_kind(line)}">{escape(line)}</span>\n' for line in code.splitlines()
    )


def _kind(line: str) -> str:
    if line.startswith("@@"):
        return "hunk"
    if line.startswith(("+++", "---", "diff ", "index ", "new file", "deleted file")):
        return "note"
    return {"+": "added", "-": "removed"}.get(line[:1], "same")


def _link_references(state: StateCore) -> None:
    """Link `#12` to its page and set `@name` apart, outside of links and code."""
    repository = state.env.get("repository", "")
    for block in state.tokens:
        if block.type != "inline" or not block.children:
            continue
        children: list[Token] = []
        depth = 0
        for child in block.children:
            depth += {"link_open": 1, "link_close": -1}.get(child.type, 0)
            if child.type == "text" and not depth:
                children += _with_references(child.content, repository)
            else:
                children.append(child)
        block.children = children


def _with_references(text: str, repository: str) -> Iterator[Token]:
    done = 0
    for found in _REFERENCES.finditer(text):
        number, login = found.groups()
        if number and not repository:
            continue
        yield Token("text", "", 0, content=text[done : found.start()])
        tag, attributes = "strong", {"class": "mention"}
        if number:
            tag, attributes = "a", {"href": f"/{repository}/issues/{number}"}
        yield Token("mention_open", tag, 1, attrs=dict(attributes))
        yield Token("text", "", 0, content=f"#{number}" if number else f"@{login}")
        yield Token("mention_close", tag, -1)
        done = found.end()
    yield Token("text", "", 0, content=text[done:])


def _tame_raw_html(state: StateCore) -> None:
    """Let the few harmless tags through, in pairs; turn all other raw HTML into text."""
    tamed: list[Token] = []
    open_tags: list[_OpenTag] = []
    for block in state.tokens:
        if block.nesting < 0:
            # What was opened inside a list or quotation ends with it at the latest.
            tamed.append(_end(open_tags, block.level + 1))
        if block.type == "html_block":
            block.type, block.content = "tame_html", _tame_block(block, open_tags)
        for child in block.children or ():
            if child.type == "html_inline" and not _is_task_box(block, child):
                child.type, child.content = "tame_html", _PASSING.sub(_inline_tag, child.content)
        tamed.append(block)
    state.tokens = [*tamed, _end(open_tags, 0)]


def _is_task_box(block: Token, child: Token) -> bool:
    """Know the box of a task list, which its plugin writes as raw HTML."""
    first = (block.children or [child])[0]
    return child is first and child.content in _TASK_BOXES


def _tame_block(block: Token, open_tags: list[_OpenTag]) -> str:
    def tag(found: re.Match[str]) -> str:
        name = (found[2] or "").lower()
        if name in {"details", "summary"}:
            return _pair(found, name, block.level, open_tags)
        return _inline_tag(found)

    return _PASSING.sub(tag, block.content)


def _inline_tag(found: re.Match[str]) -> str:
    """Drop a comment, keep a line break, show everything else as text."""
    if found[0].startswith("<!--"):
        return ""
    return "<br>" if (found[2] or "").lower() == "br" else str(escape(found[0]))


def _pair(found: re.Match[str], name: str, level: int, open_tags: list[_OpenTag]) -> str:
    if not found[1]:
        open_tags.append((name, level))
        return f"<{name}{' open' if found[3] and name == 'details' else ''}>"
    if (name, level) not in open_tags:
        return ""
    closed: list[str] = []
    while not closed or closed[-1] != name:
        closed.append(open_tags.pop()[0])
    return "".join(f"</{each}>" for each in closed)


def _end(open_tags: list[_OpenTag], level: int) -> Token:
    """Close what is open at a level of nesting or deeper."""
    closed: list[str] = []
    while open_tags and open_tags[-1][1] >= level:
        closed.append(open_tags.pop()[0])
    return Token("tame_html", "", 0, content="".join(f"</{each}>" for each in closed))


def _as_it_is(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    return tokens[index].content


def _image_as_words(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    image = tokens[index]
    address = escape(str(image.attrs.get("src", "")))
    return f'<span class="picture" title="{address}">{escape(image.content or "picture")}</span>'


_TASK_BOXES = frozenset(
    f'<input class="task-list-item-checkbox"{checked} disabled="disabled" type="checkbox">'
    for checked in ("", ' checked="checked"')
)
_MARKDOWN = _markdown()
