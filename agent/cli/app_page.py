"""The page on loopback that sends an App's manifest to GitHub, and takes the code that comes back.

Whoever knows the page's address can read its `state`, so the address is one that nobody can guess;
without that, another user of this machine could have us take an App of theirs. Only the first
answer with the right `state` counts.
"""

from __future__ import annotations

import hmac
import html
import json
import secrets
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agent.errors import PermanentError, SettingsInvalid
from agent.github.app_registration import is_code

_HOST = "127.0.0.1"
_REDIRECT = "/registered"
_IDLE_SECONDS = 30
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}"
    "button{font:inherit;padding:.6rem 1.2rem;cursor:pointer}"
)
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # No form-action: where an organization signs in elsewhere, GitHub leads the form there first.
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; base-uri 'none'; frame-ancestors 'none'; style-src"
        f" 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
    ),
    # The address of the page is a secret of this machine; GitHub is told of its origin alone.
    "Referrer-Policy": "origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Page:
    """The page, while it is served."""

    def __init__(self, port: int, form: Callable[[str], tuple[str, Mapping[str, Any]]]) -> None:
        """Use `serving`."""
        self._door = f"/{secrets.token_urlsafe(16)}"
        self._state = secrets.token_urlsafe(32)
        self._code: Future[str] = Future()
        self._hosts = {f"{_HOST}:{port}", f"localhost:{port}"}
        self.address = f"http://{_HOST}:{port}{self._door}"
        action, manifest = form(f"http://{_HOST}:{port}{_REDIRECT}")
        self._form = _form(f"{action}?state={self._state}", manifest)

    def code(self, seconds: float) -> str:
        """Wait for the code of the App that GitHub has registered.

        Raises:
            PermanentError: None came in that time.
        """
        try:
            return self._code.result(seconds)
        except TimeoutError as problem:
            raise PermanentError(
                f"Nobody registered the App within {seconds / 60:.0f} minutes, which is as long as"
                " GitHub's code would be good for. Run the command again."
            ) from problem

    def answer(self, host: str, target: str) -> tuple[int, str]:
        """Answer a GET request: status and page."""
        if host not in self._hosts:
            # A name of somebody else's that leads to this machine.
            return 403, _page("Not here", "This page is opened by its address on this machine.")
        parts = urlsplit(target)
        if parts.path == self._door:
            return 200, self._form
        if parts.path != _REDIRECT:
            return 404, _page("Not found", "Open the address that stands in the terminal.")
        given = parse_qs(parts.query)
        state, code = (given.get(name, [""])[0] for name in ("state", "code"))
        if not hmac.compare_digest(state.encode(), self._state.encode()):
            return 403, _page(
                "Another registration",
                "This answer does not belong to the registration that is under way. Open the"
                " address that stands in the terminal, and begin there.",
            )
        if not is_code(code):
            return 400, _page("No code", "GitHub sent no code. Press the button once more.")
        try:
            self._code.set_result(code)
        except InvalidStateError:
            return 410, _page("Taken already", "The code has arrived before. See the terminal.")
        return 200, _page(
            "GitHub has registered the App",
            "Its key is being fetched. What came of it, and what to do next, stands in the"
            " terminal; this page can be closed.",
        )


@contextmanager
def serving(port: int, form: Callable[[str], tuple[str, Mapping[str, Any]]]) -> Iterator[Page]:
    """Serve the page on loopback while the block runs.

    Args:
        port: 0: any free one.
        form: Gives address and manifest of the form for the address that GitHub is to lead to.

    Raises:
        SettingsInvalid: The port cannot be had.
    """
    try:
        made = _Server((_HOST, port), _Handler)
    except OSError as problem:
        raise SettingsInvalid(
            f"--port: cannot listen on {_HOST}:{port} ({problem.strerror}). Choose another, or 0"
            " for any free one."
        ) from problem
    with made as server:
        server.page = Page(int(server.server_address[1]), form)
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield server.page
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    # Browsers open connections on which they then say nothing; nobody waits for these.
    daemon_threads = True
    block_on_close = False
    page: Page


class _Handler(BaseHTTPRequestHandler):
    timeout = _IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        """Answer with a page."""
        status, text = self.server.page.answer(self.headers.get("Host", ""), self.path)
        body = text.encode()
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Tell nobody what serves this."""
        return "mergewright"

    def log_message(self, *_: object) -> None:
        """Write nothing: addresses hold the code."""


def _form(action: str, manifest: Mapping[str, Any]) -> str:
    return _document(
        "Register Mergewright at GitHub",
        f"<p>The button sends what stands below to <b>{html.escape(urlsplit(action).netloc)}</b>,"
        " which asks you for a name and then registers the App. Be signed in there first.</p>"
        f'<form action="{html.escape(action, quote=True)}" method="post">'
        '<input type="hidden" name="manifest"'
        f' value="{html.escape(json.dumps(manifest), quote=True)}">'
        "<button>Register the App at GitHub</button></form>"
        f"<p>Deliveries go to <code>{html.escape(manifest['hook_attributes']['url'])}</code>."
        " What it may do, and why, is listed by <code>mergewright app show</code>.</p>",
    )


def _page(heading: str, words: str) -> str:
    return _document(heading, f"<p>{html.escape(words)}</p>")


def _document(heading: str, body: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<title>{heading}</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f"<body><h1>{heading}</h1>{body}</body></html>\n"
    )
