"""Show the Markdown of a run's text as HTML that can do nothing.

HTML in it is shown as text, an image as a link, and links lead to the web or nowhere.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

#: Our own texts are shorter; whatever is longer is shown as it is.
_LONGEST = 70_000
_SUMMARY = re.compile(r"<details><summary>([A-Za-z ]{1,60})</summary>")
_OURS = re.compile(r"<!-- mergewright:[^<>]* -->|</?details>")


@cache
def _make_renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    renderer.validateLink = _is_web_link  # type: ignore[assignment,method-assign]
    return renderer


def _is_web_link(address: str) -> bool:
    return address.lower().startswith(("https://", "http://"))


def render(text: str) -> Markup:
    """Render a text; one that is longer than ours are stays plain."""
    if len(text) > _LONGEST:
        return Markup("<pre>{}</pre>").format(text)
    plain = _OURS.sub("", _SUMMARY.sub(r"### \1", text))
    return Markup(_make_renderer().render(plain))  # noqa: S704 - HTML in it is escaped
