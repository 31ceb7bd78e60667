"""Serve the simulated GitHub in threads: for tests, the demo and the command."""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.simulator import (
    apps,
    calls,
    checks,
    git_http,
    graphql,
    issues,
    pages,
    pulls,
    repositories,
    sign_in,
)
from tests.simulator.calls import REST, Caller, Refusal
from tests.simulator.world import World

AREAS = (apps, checks, issues, pulls, repositories, sign_in)
"""Their operations are registered by loading them."""
#: It has no password, so only this machine reaches it.
_HOST = "127.0.0.1"
Answer = tuple[int, dict[str, str], bytes]


class Request:
    """One request, read."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        path, _, self.query = target.partition("?")
        self.path = unquote(path)
        self.method = method
        self.headers = headers
        self.body = body
        self.caller = Caller()

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


def _answer(world: World, request: Request) -> Answer:
    path = request.path
    is_api = path.startswith("/api/")
    try:
        if is_api or path.endswith(("/info/refs", "/git-upload-pack", "/git-receive-pack")):
            authorization = request.headers.get("authorization", "")
            request.caller = calls.identify(world, authorization)
        if is_api:
            return _answer_api(world, request)
        return _answer_others(world, request)
    except Refusal as refusal:
        # Git shows its user the words of an error only if they are plain text.
        text = json.dumps(refusal.body()) if is_api else f"{refusal.message}\n"
        kind = "application/json" if is_api else "text/plain"
        if refusal.status == 401 and not is_api:
            refusal.headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
        headers = {"Content-Type": f"{kind}; charset=utf-8", **refusal.headers}
        return refusal.status, headers, text.encode()


def _answer_api(world: World, request: Request) -> Answer:
    if request.path == "/api/graphql":
        if request.caller.token is None:
            raise Refusal(401, "Requires authentication")
        answered = graphql.answer(world, request.caller, json.loads(request.body))
        reply = calls.Reply(answered, 200)
    else:
        path, query = request.path.removeprefix(REST), dict(parse_qsl(request.query))
        reply = calls.perform(world, request.caller, request.method, path, request.body, query)
    status, body = reply.status or 200, b""
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "4999",
        "X-RateLimit-Reset": str(int(world.now() + 3600)),
        **reply.headers,
    }
    if status not in (204, 302):
        body = json.dumps(reply.body).encode()
    return status, headers, body


def _answer_others(world: World, request: Request) -> Answer:
    path = request.path
    if path.endswith(("/info/refs", "/git-upload-pack", "/git-receive-pack")):
        arguments = (path, request.query, request.headers, request.body)
        return git_http.answer(world, request.caller, *arguments)
    if path.startswith(checks.LOGS):
        log = world.logs.get(path.removeprefix(checks.LOGS))
        if log is None or "authorization" in request.headers:
            raise Refusal(403, "AuthenticationFailed")
        return 200, {"Content-Type": "text/plain; charset=utf-8"}, log.encode()
    if path == sign_in.AUTHORIZE:
        return sign_in.authorize(world, dict(parse_qsl(request.query)), pages.SECURITY_HEADERS)
    if path == sign_in.EXCHANGE:
        return sign_in.exchange(world, request.form())
    if path in pages.FILES:
        kind, content = pages.FILES[path]
        return 200, {"Content-Type": kind}, content
    return pages.show(world, path)


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as the base has it
        """Print nothing."""

    def _handle(self) -> None:
        world = self.server.world
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._read(headers))
        if answered := world.carry_out(request, lambda: _answer(world, request)):
            self._send(*answered)
        else:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def _read(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        whole = {**headers, "Content-Length": str(len(body)), "Date": formatdate(usegmt=True)}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in whole.items()]
        # In one piece, or the client waits for the second one.
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, world: World) -> None:
        super().__init__((_HOST, 0), _Handler)
        self.world = world
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a connection, which would outlive the server."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print our own mistakes; clients may be killed while they ask."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def running(world: World) -> Iterator[str]:
    """Serve in a thread, on a free port, while the block runs; gives the base address."""
    with _Server(world) as server:
        world.base_url = f"http://{_HOST}:{server.server_address[1]}"
        thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), name="simulator", daemon=True
        )
        world.hooks.start()
        thread.start()
        try:
            yield world.base_url
        finally:
            server.shutdown()
            server.close_all()
            thread.join()
            world.hooks.stop()
