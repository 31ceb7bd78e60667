"""The only way out of a sandbox: a proxy on a unix socket that knows a short list of hosts.

Runs on the host, in threads of the process that opened it. It tunnels TLS (CONNECT) and forwards
single requests to read: for hosts with plain HTTP, and for indexes with credentials, which a
sandbox knows by a name that exists nowhere (`Gateway`). What it refuses is answered with 403 or 405
and noted. It reads nothing of what it tunnels and writes no request anywhere. Where this host
itself reaches the web by a proxy, so does this one, and adds that proxy's credentials.
"""

from __future__ import annotations

import http.client
import re
import selectors
import socket
import ssl
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from agent.environments.upstreams import (
    Gateway,
    HostProxy,
    Target,
    find_addresses,
    is_internal,
    list_gateways,
    parse_target,
)
from agent.models.package_index import PackageIndex
from agent.settings import Settings

_CONNECT_SECONDS = 20.0
_IDLE_SECONDS = 120.0
_MOST_NOTES = 50
_LONGEST_FAULT = 400
_MOST_PAGE_BYTES = 64 * 1024**2
_CHUNK = 64 * 1024
#: Headers of a request that are forwarded, and of an answer that are not.
_FORWARDED = frozenset(
    {"accept", "user-agent", "range", "if-none-match", "if-modified-since", "if-range"}
    | {"cache-control", "pragma"}
)
_NOT_HANDED_BACK = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "set-cookie", "trailer"}
    | {"www-authenticate", "proxy-authenticate", "strict-transport-security"}
)


class _RefusedError(Exception):
    """A request is answered with this status, and nothing else."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class EgressProxy(ThreadingUnixStreamServer):
    """Tunnels to allow-listed hosts only.

    An allowed host that resolves to this machine or to a private network is refused too, unless
    `inside` names it: the index itself may be configured there.
    """

    # What waits for a silent host holds up neither closing nor the end of the process for long.
    daemon_threads = True

    def __init__(
        self,
        socket_path: Path,
        allowed: Iterable[Target],
        *,
        inside: Iterable[Target] = (),
        gateways: Iterable[Gateway] = (),
        proxies: Mapping[str, str] | None = None,
        most_connections: int = 64,
    ) -> None:
        self.socket_path = socket_path
        self.gateways = {gateway.host: gateway for gateway in gateways}
        self.refused_attempts: tuple[str, ...] = ()
        """Attempts that were turned away, as `host:port (reason)`, each once, at most 50."""
        self.faults: tuple[str, ...] = ()
        """What this host's own proxy did not do, each once, at most 50."""
        self.is_asked_again = threading.Event()
        """Set once a host that was refused is asked for again: whoever does that retries."""
        self._allowed = frozenset(allowed)
        self._inside = frozenset(inside)
        self._named = dict(proxies or {})
        self._proxies = {one: HostProxy.read(one, self._named) for one in ("http", "https")}
        self._places = threading.BoundedSemaphore(most_connections)
        self._lock = threading.Lock()
        self.request_queue_size = most_connections
        super().__init__(str(socket_path), _Request)
        # The sandbox's own user has to reach it; the folder's name is what keeps others out.
        socket_path.chmod(0o666)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.1,), name="egress", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Take no further connection; each ends with the sandbox that opened it."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        self.socket_path.unlink(missing_ok=True)

    def note(self, attempt: str) -> None:
        with self._lock:
            noted = dict.fromkeys((*self.refused_attempts, attempt))
            self.refused_attempts = tuple(noted)[:_MOST_NOTES]

    def _refuse(self, attempt: str) -> _RefusedError:
        if attempt in self.refused_attempts:
            self.is_asked_again.set()
        self.note(attempt)
        return _RefusedError(403)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Attend to a connection where there is a place for it."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        self.note("more connections than the proxy has places")
        with suppress(OSError):
            request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            with suppress(OSError):
                super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that break; all else is a fault of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def connect_to(self, wanted: Target, *, tls: bool) -> tuple[socket.socket, HostProxy | None]:
        """Connect to an allowed host; also return the proxy that wants to hear whole addresses.

        Raises:
            _RefusedError: It is not allowed, or not reached.
        """
        if wanted not in self._allowed:
            raise self._refuse(f"{wanted} (not on the list)")
        # A name that only this host's proxy can look up is its affair.
        addresses = find_addresses(wanted)
        if addresses and wanted not in self._inside:
            # Every address counts: connecting to the resolved one leaves no second look-up.
            addresses = [address for address in addresses if not is_internal(address)]
            if not addresses:
                raise self._refuse(f"{wanted} (resolves to an internal address)")
        proxy = self._proxies["https" if tls else "http"]
        if proxy and not urllib.request.proxy_bypass(str(wanted), self._named):
            try:
                return proxy.connect(wanted, tls=tls), None if tls else proxy
            except OSError as problem:
                fault = f"{proxy.address} on the way to {wanted}: {problem}"[:_LONGEST_FAULT]
                self.faults = tuple(dict.fromkeys((*self.faults, fault)))[:_MOST_NOTES]
                raise _RefusedError(502) from problem
        for address in addresses:
            with suppress(OSError):
                return socket.create_connection((address, wanted.port), _CONNECT_SECONDS), None
        raise _RefusedError(502)


class _Request(BaseHTTPRequestHandler):
    """The one request of a connection."""

    server: EgressProxy
    protocol_version = "HTTP/1.1"
    timeout = _CONNECT_SECONDS
    rbufsize = 0  # what follows a CONNECT stays in the socket

    def do_CONNECT(self) -> None:
        match = re.fullmatch(r"\[?([0-9A-Za-z.:_-]+?)\]?:(\d{1,5})", self.path)
        if match is None:
            self.send_error(400)
            return
        try:
            upstream, _ = self.server.connect_to(Target(match[1].lower(), int(match[2])), tls=True)
        except _RefusedError as refused:
            self.send_error(refused.status)
            return
        with upstream:
            self.close_connection = True
            self.send_response_only(200, "Connection established")
            self.end_headers()
            self._relay_both_ways(upstream)

    def do_GET(self) -> None:
        try:
            asked = parse_target(self.path)
        except ValueError:
            asked = None
        if asked is None or not self.path.startswith("http://"):
            self.send_error(400)
            return
        gateway = self.server.gateways.get(asked.host)
        wanted = parse_target(gateway.origin) if gateway else asked
        tls = gateway is not None and gateway.origin.startswith("https:")
        try:
            upstream, proxy = self.server.connect_to(wanted, tls=tls)
            if gateway and tls:
                upstream = gateway.secure(upstream)
        except _RefusedError as refused:
            self.send_error(refused.status)
        except ssl.SSLError:
            self.send_error(502)
        else:
            with upstream:
                self._forward(upstream, proxy, gateway)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer without a body."""
        if code == 501:
            # An index is there to be read: whatever is pushed to one leaves this machine.
            with suppress(ValueError):
                self.server.note(f"{parse_target(self.path)} (a {self.command[:20]!a} request)")
            code = 405
        self.close_connection = True
        with suppress(OSError):
            self.send_response_only(code)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no request anywhere."""

    def _relay_both_ways(self, upstream: socket.socket) -> None:
        """Copy both ways until both sides are done, or nothing moves for long."""
        other = {upstream: self.connection, self.connection: upstream}
        with selectors.DefaultSelector() as waiting:
            for side in other:
                waiting.register(side, selectors.EVENT_READ, side)
            while waiting.get_map() and (ready := waiting.select(_IDLE_SECONDS)):
                for key, _ in ready:
                    data = key.data.recv(_CHUNK)
                    if data:
                        other[key.data].sendall(data)
                        continue
                    waiting.unregister(key.data)
                    with suppress(OSError):
                        other[key.data].shutdown(socket.SHUT_WR)

    def _forward(
        self, upstream: socket.socket, proxy: HostProxy | None, gateway: Gateway | None
    ) -> None:
        """Carry a request to a host, or to the index of a gateway, and the answer back."""
        parts = urlsplit(self.path)
        real = urlsplit(gateway.origin) if gateway else parts
        host = real.netloc.rpartition("@")[2]
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        upstream.settimeout(_IDLE_SECONDS)
        connection = http.client.HTTPConnection(host)
        connection.sock = upstream
        headers = {key: one for key, one in self.headers.items() if key.lower() in _FORWARDED}
        headers |= {"Host": host, "Accept-Encoding": "identity", "Connection": "close"}
        headers |= {**(gateway.headers if gateway else {}), **(proxy.headers if proxy else {})}
        try:
            whole = f"{real.scheme}://{host}{path}" if proxy else path
            connection.request(self.command, whole, headers=headers)
            response = connection.getresponse()
            page = _read_page(response, gateway) if self.command == "GET" else None
        except (http.client.HTTPException, OSError, ValueError):
            self.send_error(502)
            return
        self.close_connection = True
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _NOT_HANDED_BACK:
                self.send_header(name, gateway.hide(value) if gateway else value)
        # Of a page the links change, and with them its length. Of a file that breaks off without
        # one the hash tells.
        length = response.headers.get("Content-Length") if page is None else str(len(page))
        if length is not None and not (page is None and _is_page(response)):
            self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(http.client.HTTPException):
            while chunk := page or response.read(_CHUNK):
                self.wfile.write(chunk)
                page = None


def _is_page(response: http.client.HTTPResponse) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/json") or "pypi.simple" in kind


def _read_page(response: http.client.HTTPResponse, gateway: Gateway | None) -> bytes | None:
    """Read a whole page; None if it is a file.

    Raises:
        http.client.HTTPException: The page is cut off, or far too large.
    """
    if not _is_page(response):
        return None
    content = response.read(_MOST_PAGE_BYTES + 1)
    if len(content) > _MOST_PAGE_BYTES or response.length:
        raise http.client.HTTPException("a page that is no whole page")
    if gateway is None:
        return content
    page = gateway.hide(content.decode("utf-8", "surrogateescape"))
    return page.encode("utf-8", "surrogateescape")


# --- opened for a while ----------------------------------------------------------------------


@contextmanager
def open_proxy(
    index: PackageIndex, settings: Settings, more: Iterable[str] = ()
) -> Iterator[EgressProxy]:
    """Open the way to the indexes, `more` hosts and nothing else, for the length of the block."""
    hosts = list(map(parse_target, index.list_addresses()))
    indexes = [parse_target(access.url) for access in index.list_accesses()]
    named = [parse_target(host) for host in settings.allow_hosts]
    internal = [host for host in indexes if _is_inside(host)]
    # The default index, last in its list, has its files within a private network if it is there
    # itself; one outside never has.
    inside = [*named, *internal, *(hosts if indexes[-1] in internal else ())]
    allowed = [*hosts, *named, *map(parse_target, more)]
    with open_proxy_to(allowed, inside, list_gateways(index)) as proxy:
        yield proxy


@contextmanager
def open_proxy_to(
    allowed: Iterable[Target], inside: Iterable[Target], gateways: Iterable[Gateway] = ()
) -> Iterator[EgressProxy]:
    """Open the way to these hosts alone, `inside` also where they are in a private network."""
    with tempfile.TemporaryDirectory(prefix="mergewright-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        proxy = EgressProxy(
            Path(place) / "out.sock",
            allowed,
            inside=inside,
            gateways=gateways,
            proxies=urllib.request.getproxies_environment(),
        )
        try:
            yield proxy
        finally:
            proxy.close()


def _is_inside(host: Target) -> bool:
    addresses = find_addresses(host)
    return bool(addresses) and all(map(is_internal, addresses))
