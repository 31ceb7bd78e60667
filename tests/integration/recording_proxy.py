"""A proxy on the loopback interface, as companies have one, that records what it is asked."""

import base64
import http.client
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.processes import Silent, answering


class RecordingProxy:
    """What was asked of it."""

    def __init__(self, login: str | None) -> None:
        self.login = login
        """`user:password` that every request has to bring."""
        self.asked: list[tuple[str, str]] = []
        """(method, address)"""
        self.heads: list[dict[str, str]] = []
        self.port = 0

    def url(self) -> str:
        """As it is written into HTTPS_PROXY."""
        return f"http://{f'{self.login}@' if self.login else ''}127.0.0.1:{self.port}"


class _Handler(Silent):
    timeout = 30
    proxy: RecordingProxy

    def _is_known(self) -> bool:
        self.proxy.asked.append((self.command, self.path))
        self.proxy.heads.append(dict(self.headers.items()))
        wanted = base64.b64encode((self.proxy.login or "").encode()).decode()
        if not self.proxy.login or self.headers.get("Proxy-Authorization") == f"Basic {wanted}":
            return True
        self.send_response(407, "Who are\x1b[31m you?")
        self.send_header("Proxy-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _connected(self, host: str, port: int) -> socket.socket:
        return socket.create_connection((host, port), 10)

    def do_CONNECT(self) -> None:
        if not self._is_known():
            return
        host, _, port = self.path.rpartition(":")
        with self._connected(host, int(port)) as upstream:
            self.send_response(200, "Connection established")
            self.end_headers()
            both = {upstream: self.connection, self.connection: upstream}
            while ready := select.select(list(both), [], [], 30)[0]:
                for side in ready:
                    data = side.recv(65536)
                    if not data:
                        return
                    both[side].sendall(data)

    def do_GET(self) -> None:
        if not self._is_known():
            return
        parts = urlsplit(self.path)
        inner = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection("index")
        connection.sock = self._connected(parts.hostname or "", parts.port or 80)
        connection.putrequest(self.command, inner, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("proxy-authorization", "connection"):
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_HEAD = do_GET


@contextmanager
def recording(login: str | None = None) -> Iterator[RecordingProxy]:
    """Run it for the length of the block."""
    made = RecordingProxy(login)
    handler = type("Handler", (_Handler,), {"proxy": made})
    with answering(handler) as made.port:
        yield made
