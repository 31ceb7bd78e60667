"""Show the Markdown of a run's text as HTML that can do nothing.

The text is ours and carries foreign words. No HTML in it passes but the few forms that our own
templates write, told by their exact shape; pictures become their words, links lead to the web or
nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

#: Our own texts are shorter; whatever is longer is shown as it is.
_LONGEST = 70_000
_MARKER = re.compile(r"\s*<!-- mergewright:[^<>]* -->\s*")
_SUMMARY = re.compile(r"\s*<details><summary>([A-Za-z ]{1,60})</summary>\s*")
_END = re.compile(r"\s*</details>\s*")
_WEB = re.compile(r"https?://", re.IGNORECASE)


class _Inert(RendererHTML):
    """Renders tokens; what the page must not hold is shown as words."""

    def html_block(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Fold what our templates fold; show any other HTML as text."""
        content = tokens[at].content
        if _MARKER.fullmatch(content):
            return ""
        if summary := _SUMMARY.fullmatch(content):
            env["open"] = env.get("open", 0) + 1
            return f"<details><summary>{summary[1]}</summary>\n"
        if _END.fullmatch(content) and env.get("open", 0):
            env["open"] -= 1
            return "</details>\n"
        return f"<p>{escape(content)}</p>\n"

    def html_inline(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Show HTML as text."""
        return escape(tokens[at].content)

    def image(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """Show a picture's words; nothing is fetched for a page of ours."""
        return escape(tokens[at].content)

    def link_open(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Link to the web, without telling it where the link stood."""
        address = str(tokens[at].attrs.get("href") or "")
        if not _WEB.match(address):
            return "<a>"
        return f'<a href="{escape(address)}" rel="noreferrer">'


@cache
def _markdown() -> MarkdownIt:
    # HTML is parsed so that it is known as such; the renderer decides what becomes of it.
    return MarkdownIt("commonmark", {"html": True}, renderer_cls=_Inert).enable("table")


def shown(text: str) -> Markup:
    """Render a text; one that is longer than ours are stays plain."""
    if len(text) > _LONGEST:
        return Markup("<pre>{}</pre>").format(text)
    env: dict[str, Any] = {}
    html = _markdown().render(text, env)
    return Markup(html + "</details>\n" * env.get("open", 0))  # noqa: S704 - escaped above
