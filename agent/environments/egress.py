"""The only way out of a fetch sandbox: a proxy on a unix socket that knows a short list of hosts.

Runs on the host, in threads of the process that builds an environment, for as long as that takes.
It tunnels TLS (CONNECT) and forwards single requests to read: for an index that is configured with
plain HTTP, and for one with credentials (`index_gateway`). What it refuses is answered with 403 or
405 and noted. It reads nothing of what it tunnels and writes no request anywhere, so no password of
an index can end up in a log. Where this host itself reaches the web by a proxy (`host_proxy`), so
does this one, and adds that proxy's credentials.
"""

from __future__ import annotations

import ipaddress
import re
import selectors
import socket
import ssl
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from agent.environments import index_gateway
from agent.environments.host_proxy import HostProxies, HostProxy
from agent.environments.index_gateway import Gateway

_CONNECT_SECONDS = 20.0
_IDLE_SECONDS = 120.0
_MOST_NOTES = 50
_LONGEST_FAULT = 400
_CHUNK = 64 * 1024


class Target(NamedTuple):
    """A host and port that may be reached."""

    host: str
    port: int = 443


def parse_target(written: str) -> Target:
    """Read `host`, `host:port` or an address with a scheme."""
    parts = urlsplit(written if "://" in written else f"https://{written}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return Target((parts.hostname or "").lower(), port)


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
        proxies: HostProxies | None = None,
        most_connections: int = 64,
    ) -> None:
        self.socket_path = socket_path
        self.gateways = {gateway.host: gateway for gateway in gateways}
        self._allowed = frozenset(allowed)
        self._inside = frozenset(inside)
        self._proxies = proxies or HostProxies({})
        self._places = threading.BoundedSemaphore(most_connections)
        self._refused: list[str] = []
        self._faults: list[str] = []
        self._closing = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.request_queue_size = most_connections
        super().__init__(str(socket_path), _Request)
        # The sandbox's own user has to reach it; the folder's name is what keeps others out.
        socket_path.chmod(0o666)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.1,), name="egress", daemon=True
        )
        self._thread.start()

    @property
    def refused_attempts(self) -> tuple[str, ...]:
        """Attempts that were turned away, as `host:port (reason)`, each once, at most 50."""
        return tuple(self._refused)

    @property
    def faults(self) -> tuple[str, ...]:
        """What this host's own proxy did not do, each once, at most 50."""
        return tuple(self._faults)

    def close(self) -> None:
        """End every tunnel and remove the socket."""
        self.shutdown()
        with self._lock:
            self._closing = True
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()
        self.socket_path.unlink(missing_ok=True)

    @contextmanager
    def watch_connection(self, connection: socket.socket) -> Iterator[None]:
        """Keep a connection where closing the proxy finds it.

        Raises:
            OSError: The proxy has been closed.
        """
        with self._lock:
            if self._closing:
                raise OSError("the proxy is closed")
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def note(self, attempt: str) -> None:
        _add_note(self._refused, attempt)

    # --- one thread for each connection ---

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
            with suppress(OSError), self.watch_connection(request):
                super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that break; all else is a fault of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    # --- the way out ---

    def connect_to(self, wanted: Target, *, tls: bool) -> tuple[socket.socket, HostProxy | None]:
        """Connect to an allowed host; also return the proxy that wants to hear whole addresses.

        Raises:
            _RefusedError: It is not allowed, or not reached.
        """
        if wanted not in self._allowed:
            self.note(f"{_format_host(wanted)} (not on the list)")
            raise _RefusedError(403)
        proxy = self._proxies.find_proxy(wanted.host, wanted.port, tls=tls)
        try:
            found = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # the latter: no name that could be looked up
            found = []  # a name that only the proxy can look up is its affair
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if addresses and wanted not in self._inside:
            # Every address counts: connecting to the resolved one leaves no second look-up.
            addresses = [address for address in addresses if not is_internal(address)]
            if not addresses:
                self.note(f"{_format_host(wanted)} (resolves to an internal address)")
                raise _RefusedError(403)
        if proxy is not None:
            try:
                return (proxy.open_tunnel(*wanted), None) if tls else (proxy.connect(), proxy)
            except OSError as problem:
                way = f"{proxy.address} ({proxy.variable}) on the way to {_format_host(wanted)}"
                _add_note(self._faults, f"{way}: {problem}"[:_LONGEST_FAULT])
                raise _RefusedError(502) from problem
        for address in addresses:
            if self._closing:
                break
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
        with upstream, self.server.watch_connection(upstream):
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
            with upstream, self.server.watch_connection(upstream):
                index_gateway.forward_request(self, upstream, proxy, gateway)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer without a body."""
        if code == 501:
            # An index is there to be read: whatever is pushed to one leaves this machine.
            with suppress(ValueError):
                self.server.note(
                    f"{_format_host(parse_target(self.path))} (a {self.command[:20]!a} request)"
                )
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


def is_internal(address: str) -> bool:
    """Whether an address belongs to this machine or a private network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return not ip.is_global or ip.is_multicast


def _add_note(notes: list[str], note: str) -> None:
    if note not in notes and len(notes) < _MOST_NOTES:
        notes.append(note)


def _format_host(wanted: Target) -> str:
    """A host for people: nothing a client made up beyond its letters and length."""
    return f"{wanted.host[:120]}:{wanted.port}"
