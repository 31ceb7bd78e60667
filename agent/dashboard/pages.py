"""Rendering of pages: templates that escape foreign text and make it inert, and headers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from agent.models.clock import read_clock
from agent.models.run import RunState
from agent.text import sanitise

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

#: Scripts and styles are our own files; nothing is fetched from elsewhere, framed or stored.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
_TONES = {
    RunState.RECEIVED: "quiet",
    RunState.AWAITING_APPROVAL: "attention",
    RunState.OPEN: "success",
    RunState.MERGED: "done",
    RunState.CLOSED: "danger",
    RunState.DECLINED: "quiet",
    RunState.NEEDS_HUMAN: "attention",
    RunState.FAILED: "danger",
    RunState.CANCELLED: "quiet",
}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
#: Our own texts are shorter; longer ones are shown as plain text.
_LONGEST = 70_000
_SUMMARY = re.compile(r"<details><summary>([^<>\n]{1,60})</summary>")
_CODE = re.compile(r"`([^`\n]+)`")
_OURS = re.compile(r"<!-- mergewright:[^<>]* -->|</?details>")


def read_static(name: str) -> bytes:
    return resources.files("agent.dashboard").joinpath("static", name).read_bytes()


def render(template: str, status: int = 200, **values: object) -> Response:
    return HTMLResponse(render_text(template, **values), status)


def render_text(template: str, **values: object) -> str:
    return TEMPLATES.get_template(template).render(now=read_clock(), **values)


# --- how things are written ----------------------------------------------------------------------


def write_moment(seconds: float | None) -> str:
    try:
        return datetime.fromtimestamp(seconds or 0, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "unknown"


def write_money(usd: float) -> str:
    """Format dollars; less than a cent is not zero."""
    return "under $0.01" if 0 < usd < 0.005 else f"${usd:,.2f}"


def write_share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def write_code(text: str) -> Markup:
    """Format a sentence, with text in backticks as code."""
    plain = str(escape(sanitise.strip_terminal_codes(text)))
    return Markup(_CODE.sub(r"<code>\1</code>", plain))  # noqa: S704 - HTML in it is escaped


def write_iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def write_span(seconds: float | None) -> str:
    """Write a length of time in its two largest units."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"  # clocks differ a little
    whole = round(seconds)
    for unit, size, smaller, below in (("d", _DAY, "h", _HOUR), ("h", _HOUR, "min", _MINUTE),
                                       ("min", _MINUTE, "s", 1)):  # fmt: skip
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def write_ago(seconds: float | None) -> str:
    """Format how long ago a time was, in its largest unit."""
    if seconds is None:
        return "–"
    past = max(0, round(read_clock() - seconds))
    for unit, size in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if past >= size:
            return f"{past // size} {unit}{'s' * (past // size != 1)} ago"
    return "just now"


def write_word(name: object) -> str:
    return "queued" if name == RunState.RECEIVED else str(name or "").replace("_", " ")


def find_tone(state: str) -> str:
    return _TONES.get(RunState(state), "active")


def _finalize(value: object) -> object:
    """Remove deceiving characters from every text that a page shows; it is escaped after that."""
    return sanitise.strip_terminal_codes(value) if type(value) is str else value


def _make_templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("agent.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.filters |= {
        "moment": write_moment, "iso": write_iso, "span": write_span, "ago": write_ago,
        "word": write_word, "tone": find_tone, "money": write_money,
        "share": write_share, "code": write_code, "markdown": render_markdown,
    }  # fmt: skip
    return made


# --- Markdown -------------------------------------------------------------------------------------


@cache
def _make_renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    renderer.validateLink = is_web_link  # type: ignore[assignment,method-assign]
    # A wide table scrolls by itself, also with the keyboard.
    around = '<div class="scroll" tabindex="0" role="group" aria-label="Table">'
    renderer.add_render_rule("table_open", lambda *_: f"{around}<table>\n")
    renderer.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return renderer


def is_web_link(address: str) -> bool:
    return address.lower().startswith(("https://", "http://"))


def render_markdown(text: str) -> Markup:
    """Render a text; HTML in it stays text, images become links, and links lead to the web."""
    if len(text) > _LONGEST:
        return Markup("<pre>{}</pre>").format(text)
    plain = _OURS.sub("", _SUMMARY.sub(r"### \1", text))
    return Markup(_make_renderer().render(plain))  # noqa: S704 - HTML in it is escaped


TEMPLATES = _make_templates()
