"""Turn templates into pages: filters, the style sheet, and headers that keep a page inert."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TEMPLATES = Path(__file__).parent / "templates"
STYLE = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_ADDRESS = f"/_pages/style.css?{hashlib.sha256(STYLE.encode()).hexdigest()[:12]}"


class Problem(Exception):
    """What a reader asked for cannot be shown; carries status and words."""

    def __init__(self, status: int, heading: str, words: str) -> None:
        super().__init__(heading)
        self.status = status
        self.heading = heading
        self.words = words


class Renderer:
    """Renders the templates; `now` is the clock that "3 minutes ago" is told by."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._templates = _environment(now)

    def page(self, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """Render a page."""
        text = self._templates.get_template(template).render(stylesheet=_STYLE_ADDRESS, **shown)
        # Titles may hold half of a surrogate pair, as JSON can.
        return HTMLResponse(text.encode("utf-8", "replace"), status, headers=SECURITY_HEADERS)

    def problem(self, problem: Problem) -> HTMLResponse:
        """Render what cannot be shown."""
        words = {"heading": problem.heading, "words": problem.words}
        return self.page("problem.html", problem.status, **words)


def _environment(now: Callable[[], float]) -> Environment:
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        ago=lambda at: _ago(now() - at),
        iso=lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        hex6=lambda colour: colour if re.fullmatch(r"[0-9a-fA-F]{6}", colour) else "888888",
        span=_span,
        tint=_tint,
        title_words=_title_words,
    )
    return templates


def _ago(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now" if seconds < 10 else f"{int(seconds)} seconds ago"


def _span(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _tint(login: str) -> str:
    hue = int(hashlib.sha256(login.lower().encode()).hexdigest()[:4], 16) % 360
    return f"hsl({hue} 45% 45%)"


def _title_words(title: str) -> Markup:
    """Escape a title and set what stands between backticks as code."""
    parts = re.split(r"`([^`]+)`", title)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
