"""The page on loopback that sends an App's manifest to GitHub, and takes the code that comes back.

Whoever knows the page's address can read its `state`, so the address is one that nobody can guess;
without that, another user of this machine could have us take an App of theirs. Only the first
answer with the right `state` counts.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Template

from agent.errors import PermanentError, SettingsInvalid
from agent.github.app_registration import is_code

_HOST = "127.0.0.1"
_REDIRECT = "/registered"
_IDLE_SECONDS = 30
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}"
    "button{font:inherit;padding:.6rem 1.2rem;cursor:pointer}"
)
_TEMPLATE = Template(
    Path(__file__).with_name("app_page.html").read_text(encoding="utf-8"), autoescape=True
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
Form = Callable[[str], tuple[str, Mapping[str, Any]]]
"""Gives address and manifest of the form for the address that GitHub is to lead to."""


class Page:
    """The page, while it is served."""

    def __init__(self, port: int, form: Form) -> None:
        """Use `serving`."""
        self._door = f"/{secrets.token_urlsafe(16)}"
        self._state = secrets.token_urlsafe(32)
        self._code: Future[str] = Future()
        self._hosts = {f"{_HOST}:{port}", f"localhost:{port}"}
        self._form = form(f"http://{_HOST}:{port}{_REDIRECT}")
        self.address = f"http://{_HOST}:{port}{self._door}"

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
        parts = urlsplit(target)
        # A foreign host is a name of somebody else's that leads to this machine.
        if host not in self._hosts or parts.path not in (self._door, _REDIRECT):
            return 404, _page("Not found", "Open the address that stands in the terminal.")
        if parts.path == self._door:
            address, manifest = self._form
            host, action = urlsplit(address).netloc, f"{address}?state={self._state}"
            return 200, _page(
                "Register Mergewright at GitHub", host=host, action=action, manifest=manifest
            )
        given = parse_qs(parts.query)
        state, code = (given.get(name, [""])[0] for name in ("state", "code"))
        if not hmac.compare_digest(state.encode(), self._state.encode()) or not is_code(code):
            return 403, _page(
                "Another registration",
                "This answer does not belong to the registration that is under way. Open the"
                " address that stands in the terminal, and begin there.",
            )
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
def serving(port: int, form: Form) -> Iterator[Page]:
    """Serve the page on loopback while the block runs.

    Args:
        port: 0: any free one.
        form: See there.

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
    server_version, sys_version = "mergewright", ""

    def do_GET(self) -> None:
        """Answer with a page."""
        status, text = self.server.page.answer(self.headers.get("Host", ""), self.path)
        body = text.encode()
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing: addresses hold the code."""


def _page(heading: str, words: str = "", **form: object) -> str:
    page: str = _TEMPLATE.render(heading=heading, words=words, style=_STYLE, **form)
    return page
