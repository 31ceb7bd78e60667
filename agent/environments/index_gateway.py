"""Let a fetch room ask an index that wants credentials, without the room ever seeing them.

To the room such an index is a plain host of ours with a name that exists nowhere. The egress
proxy hands requests for it to this module, which sends them to the real host over TLS, with the
credentials, and gives back what comes. Links to the real host on the index's pages are turned into
links to ours; other links stay, and lead through the proxy's own list.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit, urlunsplit

from agent.environments.host_proxy import HostProxy
from agent.ports import IndexAccess

_MOST_PAGE_BYTES = 64 * 1024**2
_CHUNK = 64 * 1024
_SECONDS = 60.0
#: Headers that concern one connection only, or that we set ourselves.
_DROPPED = frozenset(
    {"host", "connection", "keep-alive", "proxy-connection", "proxy-authorization", "te"}
    | {"authorization", "cookie", "accept-encoding", "transfer-encoding", "upgrade", "trailer"}
)
_NOT_HANDED_BACK = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "set-cookie", "trailer"}
    | {"www-authenticate", "proxy-authenticate", "strict-transport-security"}
)


class Reached(NamedTuple):
    """A connection on which a host can be asked."""

    connection: socket.socket
    proxy: HostProxy | None
    """Where a proxy of this host answers on it and wants to hear whole addresses."""


class Dial(Protocol):
    """Opens a connection to the real host, or answers the client itself and returns None."""

    def __call__(self, host: str, port: int, *, tls: bool) -> Reached | None:
        """Connect, for TLS or for single requests."""
        ...


#: Keeps a connection where whoever closes the proxy finds it.
Watched = Callable[[socket.socket], AbstractContextManager[None]]


class Gateway:
    """One index with credentials."""

    def __init__(self, access: IndexAccess) -> None:
        parts = urlsplit(access.url)
        self._access = access
        self._parts = parts
        self.host = f"{hashlib.sha256(access.url.encode()).hexdigest()[:16]}.index.invalid"
        """The name that the room knows it by."""
        self.url = urlunsplit(parts._replace(scheme="http", netloc=self.host))
        """The address of the index for the room."""
        self.origin = urlunsplit(parts._replace(path="", query="", fragment=""))
        port = f":{parts.port}" if parts.port else "(?::443|:80)?"
        host = re.escape(parts.hostname or "") + port
        self._real = re.compile(
            rf"https?://(?:[^/@\s\"'<>]*@)?{host}(?=[/\"'?#\s]|$)", re.IGNORECASE
        )

    def shown(self, text: str) -> str:
        """A text of the room, with the real address in place of ours."""
        return text.replace(f"http://{self.host}", self.origin)

    def answer(
        self, client: socket.socket, head: bytes, path: str, dial: Dial, watched: Watched
    ) -> None:
        """Carry one request of the room to the index, and its answer back."""
        method = head.split(b" ", 1)[0].decode("latin-1")
        if method not in ("GET", "HEAD"):
            _refuse(client, "405 Method Not Allowed")
            return
        host = self._parts.hostname or ""
        port = self._parts.port or (80 if self._parts.scheme == "http" else 443)
        is_tls = self._parts.scheme == "https"
        reached = dial(host, port, tls=is_tls)
        if reached is None:
            return
        upstream, proxy = reached
        with contextlib.ExitStack() as stack:
            stack.enter_context(upstream)
            upstream.settimeout(_SECONDS)
            try:
                secured = upstream
                if is_tls:
                    secured = stack.enter_context(self._wrapped(upstream, host))
                stack.enter_context(watched(secured))
                connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
                connection.sock = secured
                asked = f"{self.origin}{path}" if proxy else path
                connection.putrequest(method, asked, skip_host=True, skip_accept_encoding=True)
                for name, value in (*self._headers(head), *_for_proxy(proxy)):
                    connection.putheader(name, value)
                connection.endheaders()
                self._hand_back(client, method, connection.getresponse())
            except (http.client.HTTPException, ssl.SSLError, ValueError):
                _refuse(client, "502 Bad Gateway")

    def _wrapped(self, upstream: socket.socket, host: str) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self._access.ca_bundle)
        return context.wrap_socket(upstream, server_hostname=host)

    def _headers(self, head: bytes) -> Iterable[tuple[str, str]]:
        yield "Host", self._parts.netloc
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, colon, value = line.partition(":")
            if colon and name.strip().lower() not in _DROPPED:
                yield name.strip(), value.strip()
        login = base64.b64encode((self._access.login or "").encode()).decode()
        yield "Authorization", f"Basic {login}"
        yield "Accept-Encoding", "identity"
        yield "Connection", "close"

    def _hand_back(
        self, client: socket.socket, method: str, response: http.client.HTTPResponse
    ) -> None:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        is_page = kind in ("text/html", "application/json") or "pypi.simple" in kind
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        for name, value in response.getheaders():
            if name.lower() not in _NOT_HANDED_BACK:
                lines.append(f"{name}: {self._ours(value)}")
        body = None
        length = response.headers.get("Content-Length")
        if is_page and method == "GET":
            content = response.read(_MOST_PAGE_BYTES + 1)
            if len(content) > _MOST_PAGE_BYTES:
                raise http.client.HTTPException("a page that is far too large")
            body = self._ours(content.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
            length = str(len(body))
        if length is not None and not (is_page and body is None):
            lines.append(f"Content-Length: {length}")
        lines += ["Connection: close", "", ""]
        client.sendall("\r\n".join(lines).encode("latin-1", "replace"))
        if body is not None:
            client.sendall(body)
            return
        while chunk := response.read(_CHUNK):
            client.sendall(chunk)

    def _ours(self, text: str) -> str:
        return self._real.sub(f"http://{self.host}", text)


def _for_proxy(proxy: HostProxy | None) -> Iterable[tuple[str, str]]:
    return proxy.headers.items() if proxy else ()


def _refuse(client: socket.socket, status: str) -> None:
    with contextlib.suppress(OSError):
        client.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
