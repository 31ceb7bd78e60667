"""The page and the log of one run, for people who were given its address.

Owns which files of a run's folder leave the machine and how. The worker writes them, redacted;
here everything in them is still treated as foreign text. There is no list of runs.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import jinja2
from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from agent.text import sanitise
from webhooks import run_text, run_words

_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6,32}")
_FACTS_BYTES = 256 * 1024
_TEXT_BYTES = 512 * 1024
_CHUNK_BYTES = 64 * 1024
_LONGEST_RUN = 30 * 86_400.0
#: Logs that are being read at one time; how long each may take is bounded by `protocol`.
_READERS = 24

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
th { text-align: left; padding-right: 1rem; vertical-align: top; font-weight: 600 }
td { overflow-wrap: anywhere }
.state { font-weight: 600; margin-bottom: 0 } .sentence { margin-top: 0; white-space: pre-line }
.text { border: 1px solid #d0d7de; border-radius: 6px; padding: 0 1rem; overflow-wrap: anywhere }
.text table { border-collapse: collapse }
.text th, .text td { border: 1px solid #d0d7de; padding: .3rem .8rem }
code, pre { background: #f6f8fa; border-radius: 4px; font-size: 85% } code { padding: .1rem .3rem }
pre { padding: 1rem; overflow-x: auto; white-space: pre-wrap }
pre code { padding: 0; font-size: 100% }
details { margin: 1rem 0 } summary { cursor: pointer }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: Nothing on our pages is fetched, run, framed or kept; a link tells nobody where it stood.
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'; sandbox allow-popups"
        " allow-top-navigation-by-user-activation"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


def _web_or_nothing(value: str | None) -> str | None:
    return value if value is not None and re.match(r"https?://", value) else None


_Word = Annotated[str, AfterValidator(sanitise.strip_terminal_codes)]
_Link = Annotated[_Word | None, AfterValidator(_web_or_nothing)]


class RunFacts(BaseModel):
    """What `run.json` says; every fact may be missing."""

    model_config = ConfigDict(extra="ignore")

    repository: _Word | None = None
    issue_url: _Link = None
    title: _Word | None = None
    state: _Word | None = None
    reason: _Word | None = None
    sentence: _Word | None = None
    pull_request_url: _Link = None
    branch: _Word | None = None
    started: float | None = None
    ended: float | None = None
    seconds: dict[_Word, float] = {}


def router(runs: Path) -> APIRouter:
    """Serve the runs below one folder, and words for whoever comes without an address."""
    pages = APIRouter()
    readers = asyncio.BoundedSemaphore(_READERS)

    async def front() -> Response:
        page = _TEMPLATES.get_template("front.html.j2").render(style=_STYLE)
        return HTMLResponse(page, headers=_HEADERS)

    for path in ("/", "/runs", "/runs/"):
        pages.add_api_route(path, front, methods=["GET", "HEAD"])

    @pages.get("/runs/{run_id}")
    async def run(run_id: str) -> Response:
        return await run_in_threadpool(_page, runs, run_id)

    @pages.get("/runs/{run_id}/log")
    async def log(run_id: str) -> Response:
        return await run_in_threadpool(_log, runs, run_id, readers)

    return pages


def _page(runs: Path, run_id: str) -> Response:
    folder = _folder(runs, run_id)
    if folder is None:
        return _make_absent_response()
    try:
        facts = _facts(_content(folder, "run.json", _FACTS_BYTES))
        words = _content(folder, "pull_request.md", _TEXT_BYTES)
        has_log = (log := _open_file(folder, "run.log")) is not None
        if log is not None:
            os.close(log)
    finally:
        os.close(folder)
    text = (
        None if words is None else sanitise.strip_terminal_codes(words.decode("utf-8", "replace"))
    )
    page = _TEMPLATES.get_template("run.html.j2").render(
        run_id=run_id,
        facts=facts,
        state=run_words.label(facts.state),
        steps=run_words.list_steps(facts.seconds),
        took=_span(facts.started, facts.ended),
        text=run_text.render(text) if text else None,
        has_log=has_log,
        style=_STYLE,
        moment=_moment,
    )
    return HTMLResponse(page, headers=_HEADERS)


def _log(runs: Path, run_id: str, readers: asyncio.BoundedSemaphore) -> Response:
    folder = _folder(runs, run_id)
    if folder is None:
        return _make_absent_response()
    try:
        log = _open_file(folder, "run.log")
    finally:
        os.close(folder)
    return _make_absent_response() if log is None else _LogResponse(os.fdopen(log, "rb"), readers)


class _LogResponse(StreamingResponse):
    """A log, read piece by piece; one of a bounded number."""

    def __init__(self, log: BinaryIO, readers: asyncio.BoundedSemaphore) -> None:
        super().__init__(
            _inert_parts(log), media_type="text/plain; charset=utf-8", headers=_HEADERS
        )
        self._log = log
        self._readers = readers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._log:
            if self._readers.locked():
                await _make_busy_response()(scope, receive, send)
                return
            async with self._readers:
                await super().__call__(scope, receive, send)


def _make_busy_response() -> Response:
    return PlainTextResponse(
        "Too many logs are being read at this moment. Come again in a while.\n",
        status_code=503,
        headers={**_HEADERS, "Retry-After": "10"},
    )


def _make_absent_response() -> Response:
    # The same words whether the run never was, or has no such file.
    return PlainTextResponse("There is no such run.\n", status_code=404, headers=_HEADERS)


def _folder(runs: Path, run_id: str) -> int | None:
    """Open a run's folder; the descriptor is the caller's to close."""
    if not _RUN_ID.fullmatch(run_id):
        return None
    try:
        return os.open(runs / run_id, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None


def _open_file(folder: int, name: str) -> int | None:
    """Open a regular file of a folder; no link is followed, no pipe waited for."""
    try:
        file = os.open(
            name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
        )
    except OSError:
        return None
    if not os.path.isfile(file):  # noqa: PTH113  of the open file, not of a path
        os.close(file)
        return None
    return file


def _content(folder: int, name: str, limit: int) -> bytes | None:
    file = _open_file(folder, name)
    if file is None:
        return None
    with os.fdopen(file, "rb") as opened:
        return opened.read(limit)


def _facts(raw: bytes | None) -> RunFacts:
    try:
        return RunFacts.model_validate_json(raw or b"{}")
    except ValidationError:
        # Being written, or not ours: the log is still there to be read.
        return RunFacts()


def _inert_parts(log: BinaryIO) -> Iterator[bytes]:
    """Yield the log in pieces that end with a line where lines are not endless."""
    rest = b""
    while part := log.read(_CHUNK_BYTES):
        lines, newline, rest = (rest + part).rpartition(b"\n")
        if not newline and len(rest) > _CHUNK_BYTES:
            lines, rest = rest, b""
        if lines or newline:
            yield _inert_bytes(lines + newline)
    if rest:
        yield _inert_bytes(rest)


def _inert_bytes(raw: bytes) -> bytes:
    # Line by line: an escape that never ends must not swallow what other steps have written.
    lines = raw.decode("utf-8", "replace").split("\n")
    return "\n".join(sanitise.strip_terminal_codes(line) for line in lines).encode()


def _moment(seconds: float | None) -> str:
    try:
        return datetime.fromtimestamp(seconds or 0, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "unknown"


def _span(started: float | None, ended: float | None) -> str:
    if not started or not ended or not 0 <= ended - started < _LONGEST_RUN:
        return ""
    minutes, seconds = divmod(round(ended - started), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("webhooks"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
