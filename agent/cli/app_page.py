"""The page on loopback that sends an App's manifest to GitHub, and takes the code that comes back.

Whoever knows the page's address can read its `state`, so the address is one that nobody can guess;
without that, another user of this machine could have us take an App of theirs. Only the first
answer with the right `state` counts.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Template

from agent.errors import PermanentError, SettingsInvalid
from agent.github.app_registration import is_code

_TEMPLATE = Template(
    Path(__file__).with_name("app_page.html").read_text(encoding="utf-8"), autoescape=True
)
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # No form-action: where an organization signs in elsewhere, GitHub leads the form there first.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    # The address of the page is a secret of this machine; GitHub is told of its origin alone.
    "Referrer-Policy": "origin",
    "Cache-Control": "no-store",
}
#: Gives address and manifest of the form for the address that GitHub is to lead to.
Form = Callable[[str], tuple[str, Mapping[str, Any]]]


class Page(ThreadingHTTPServer):
    """The page, while it is served."""

    # Browsers open connections on which they then say nothing; nobody waits for these.
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, form: Form) -> None:
        """Use `serving`."""
        super().__init__(("127.0.0.1", port), _Handler)
        self._origin = f"http://127.0.0.1:{self.server_port}"
        self._path, self._state = f"/{secrets.token_urlsafe(16)}", secrets.token_urlsafe(32)
        self._form = form(f"{self._origin}/registered")
        self._code: Future[str] = Future()
        self.address = self._origin + self._path

    def wait(self, seconds: float) -> str:
        """Wait for the code of the App that GitHub has registered; PermanentError if none came."""
        try:
            return self._code.result(seconds)
        except TimeoutError as problem:
            words = f"Nobody registered the App within {seconds / 60:.0f} minutes."
            raise PermanentError(f"{words} Run the command again.") from problem

    def answer(self, host: str, target: str) -> tuple[int, str]:
        """Answer a GET request: status and page."""
        parts = urlsplit(target)
        # A foreign host is a name of somebody else's that leads to this machine.
        if host not in (urlsplit(self._origin).netloc, f"localhost:{self.server_port}"):
            return 404, _TEMPLATE.render(words="Not found.")
        if parts.path == self._path:
            address, manifest = self._form
            action = f"{address}?state={self._state}"
            return 200, _TEMPLATE.render(action=action, manifest=manifest)
        if parts.path != "/registered":
            return 404, _TEMPLATE.render(words="Not found. Open the address in the terminal.")
        given = parse_qs(parts.query)
        state, code = (given.get(name, [""])[0] for name in ("state", "code"))
        if not hmac.compare_digest(state.encode(), self._state.encode()) or not is_code(code):
            return 403, _TEMPLATE.render(words="This answer is of another registration.")
        if not self._code.done():
            self._code.set_result(code)
        return 200, _TEMPLATE.render(words="GitHub has registered the App. See the terminal.")


class _Handler(BaseHTTPRequestHandler):
    timeout = 30
    server: Page
    server_version, sys_version = "mergewright", ""

    def do_GET(self) -> None:
        """Answer with a page."""
        status, text = self.server.answer(self.headers.get("Host", ""), self.path)
        body = text.encode()
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing: addresses hold the code."""


@contextmanager
def serving(port: int, form: Form) -> Iterator[Page]:
    """Serve the page on loopback while the block runs; port 0 takes any free one.

    Raises:
        SettingsInvalid: The port cannot be had.
    """
    try:
        made = Page(port, form)
    except OSError as problem:
        words = f"--port: cannot listen on 127.0.0.1:{port} ({problem.strerror})"
        raise SettingsInvalid(f"{words}. Choose another, or 0.") from problem
    with made as page:
        thread = threading.Thread(target=page.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield page
        finally:
            page.shutdown()
            thread.join()
