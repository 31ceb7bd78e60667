"""A server that answers every described operation with the answer that GitHub itself shows.

It decides nothing; it remembers what was asked. Addresses in the answers are those of this server,
as they would be GitHub's own at GitHub.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.contract import schemas
from tests.contract.schemas import Example, Operation

API = "/api/v3"
# Redirects of renamed repositories lead here; the description does not list it.
_BY_NUMBER = re.compile(r"^/repositories/\d+")
_NOT_FOUND = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}


class ExampleServer(ThreadingHTTPServer):
    """Shows the first good example of each operation, or the one that it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base_url = f"http://127.0.0.1:{self.server_port}"
        self.shown: dict[str, Example] = {}
        self.asked: set[str] = set()

    def answer(self, method: str, path: str) -> tuple[int, object]:
        """Choose status and body."""
        path = _BY_NUMBER.sub("/repos/octocat/Hello-World", path)
        operation = schemas.operation_of(method, path)
        if operation is None:
            return 404, _NOT_FOUND
        self.asked.add(str(operation))
        example = self.shown.get(str(operation)) or first_good(operation)
        if example is None:
            statuses = operation.described["responses"]
            return (204, None) if "204" in statuses else (404, _NOT_FOUND)
        here = json.dumps(example.value)
        for theirs, ours in (
            ("https://api.github.com", self.base_url + API),
            ("https://github.com", self.base_url),
        ):
            here = here.replace(theirs, ours)
        return example.status, json.loads(here)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ExampleServer

    def _do(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0].removeprefix(API)
        status, value = self.server.answer(self.command, path)
        answer = b"" if status in (204, 304) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def first_good(operation: Operation) -> Example | None:
    """Give the first example of a success."""
    return next((each for each in schemas.examples_of(operation) if each.status < 300), None)


@contextmanager
def running() -> Iterator[ExampleServer]:
    """Serve in a thread while the block runs."""
    server = ExampleServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
