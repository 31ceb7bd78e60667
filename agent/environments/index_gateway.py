"""Forward requests of a fetch sandbox to an index, with credentials that it never sees.

To the sandbox an index with credentials is a plain host of ours with a name that exists nowhere.
The egress proxy hands requests for it to this module, which sends them to the real host over TLS,
with the credentials, and gives back what comes. Links to the real host on the index's pages are
turned into links to ours; other links stay, and lead through the proxy's own list.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import socket
import ssl
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit, urlunsplit

from agent.environments.host_proxy import HostProxy
from agent.models.package_index import IndexAccess

_MOST_PAGE_BYTES = 64 * 1024**2
_CHUNK = 64 * 1024
_SECONDS = 60.0
#: Headers that concern one connection only, or that we set ourselves.
_DROPPED = frozenset(
    {"host", "connection", "keep-alive", "proxy-connection", "proxy-authorization", "te"}
    | {"authorization", "cookie", "accept-encoding", "transfer-encoding", "upgrade", "trailer"}
    # What is forwarded has no body.
    | {"content-length", "expect"}
)
_NOT_HANDED_BACK = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "set-cookie", "trailer"}
    | {"www-authenticate", "proxy-authenticate", "strict-transport-security"}
)


class Gateway:
    """One index with credentials."""

    def __init__(self, access: IndexAccess) -> None:
        parts = urlsplit(access.url)
        self._access = access
        login = base64.b64encode((access.login or "").encode()).decode()
        self.headers = {"Authorization": f"Basic {login}"}
        self.host = f"{hashlib.sha256(access.url.encode()).hexdigest()[:16]}.index.invalid"
        """The name that the sandbox knows it by."""
        self.url = urlunsplit(parts._replace(scheme="http", netloc=self.host))
        """The address of the index for the sandbox."""
        self.origin = urlunsplit(parts._replace(path="", query="", fragment=""))
        port = f":{parts.port}" if parts.port else "(?::443|:80)?"
        host = re.escape(parts.hostname or "") + port
        self._real = re.compile(
            rf"https?://(?:[^/@\s\"'<>]*@)?{host}(?=[/\"'?#\s]|$)", re.IGNORECASE
        )

    def secure(self, upstream: socket.socket) -> ssl.SSLSocket:
        """Speak TLS with the index.

        Raises:
            ssl.SSLError: It is not the one that its certificate names.
        """
        context = ssl.create_default_context(cafile=self._access.ca_bundle)
        host = urlsplit(self.origin).hostname
        return context.wrap_socket(upstream, server_hostname=host)

    def restore_addresses(self, text: str) -> str:
        """A text of the sandbox, with the real address in place of ours."""
        return text.replace(f"http://{self.host}", self.origin)

    def hide(self, text: str) -> str:
        """A text of the index, with our address in place of the real one."""
        return self._real.sub(f"http://{self.host}", text)


def forward_request(
    asked: BaseHTTPRequestHandler,
    upstream: socket.socket,
    proxy: HostProxy | None,
    gateway: Gateway | None,
) -> None:
    """Carry a request to a host, or to the index of a gateway, and the answer back."""
    parts = urlsplit(asked.path)
    real = urlsplit(gateway.origin) if gateway else parts
    host = real.netloc.rpartition("@")[2]
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    upstream.settimeout(_SECONDS)
    connection = http.client.HTTPConnection(host, timeout=_SECONDS)
    connection.sock = upstream
    kept = {name: text for name, text in asked.headers.items() if name.lower() not in _DROPPED}
    kept |= {"Host": host, "Accept-Encoding": "identity", "Connection": "close"}
    kept |= (gateway.headers if gateway else {}) | (proxy.headers if proxy else {})
    try:
        whole = f"{real.scheme}://{host}{path}" if proxy else path
        connection.putrequest(asked.command, whole, skip_host=True, skip_accept_encoding=True)
        for name, value in kept.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        is_read = asked.command == "GET" and _is_page(response)
        page = _read_page(response, gateway) if is_read else None
    except (http.client.HTTPException, OSError, ValueError):
        asked.send_error(502)
        return
    asked.close_connection = True
    with suppress(http.client.HTTPException):
        _hand_back(asked, response, gateway, page)


def _is_page(response: http.client.HTTPResponse) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/json") or "pypi.simple" in kind


def _read_page(response: http.client.HTTPResponse, gateway: Gateway | None) -> bytes:
    """Read a page whole: one that breaks off must not look like a shorter list.

    Raises:
        http.client.HTTPException: It breaks off, or is far too large.
    """
    content = response.read(_MOST_PAGE_BYTES + 1)
    if len(content) > _MOST_PAGE_BYTES or response.length:
        raise http.client.HTTPException("a page that is no whole page")
    if gateway is None:
        return content
    page = gateway.hide(content.decode("utf-8", "surrogateescape"))
    return page.encode("utf-8", "surrogateescape")


def _hand_back(
    asked: BaseHTTPRequestHandler,
    response: http.client.HTTPResponse,
    gateway: Gateway | None,
    page: bytes | None,
) -> None:
    asked.send_response_only(response.status, response.reason)
    for name, value in response.getheaders():
        if name.lower() not in _NOT_HANDED_BACK:
            asked.send_header(name, gateway.hide(value) if gateway else value)
    # Of a page the links change, and with them its length. Of a file that breaks off without one
    # the hash tells.
    length = response.headers.get("Content-Length") if page is None else str(len(page))
    if length is not None and not (page is None and _is_page(response)):
        asked.send_header("Content-Length", length)
    asked.send_header("Connection", "close")
    asked.end_headers()
    if page is not None:
        asked.wfile.write(page)
        return
    while chunk := response.read(_CHUNK):
        asked.wfile.write(chunk)
