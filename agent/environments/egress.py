"""The only way out of a fetch room: a proxy on a unix socket that knows a short list of hosts.

Runs on the host, in threads of the process that builds an environment, for as long as that takes.
It tunnels TLS (CONNECT) and, for an index that is configured with plain HTTP, forwards single
requests to read; those for an index with credentials go through `index_gateway`. What it refuses
is answered with 403 or 405 and noted. It reads nothing of what it tunnels and writes no request
anywhere, so no password of an index can end up in a log. Where this host itself reaches the web by
a proxy (`host_proxy`), so does this one, and adds that proxy's credentials.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from agent.environments.host_proxy import HostProxies, HostProxy
from agent.environments.index_gateway import Gateway, Reached

_HEAD_BYTES = 16 * 1024
_CONNECT_SECONDS = 20.0
_IDLE_SECONDS = 120.0
_CLOSING_SECONDS = 5.0
_MOST_NOTES = 50
_LONGEST_FAULT = 400
_CHUNK = 64 * 1024
_READING = ("GET", "HEAD")


class Target(NamedTuple):
    """A host and port that may be reached."""

    host: str
    port: int = 443


def target(written: str) -> Target:
    """Read `host`, `host:port` or an address with a scheme."""
    parts = urlsplit(written if "://" in written else f"https://{written}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return Target((parts.hostname or "").lower(), port)


class EgressProxy:
    """Tunnels to allow-listed hosts only.

    An allowed host that resolves to this machine or to a private network is refused too, unless
    `inside` names it: the index itself may be configured there.
    """

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
        self._allowed = frozenset(allowed)
        self._inside = frozenset(inside)
        self._gateways = {gateway.host: gateway for gateway in gateways}
        self._proxies = proxies or HostProxies({})
        self._places = threading.BoundedSemaphore(most_connections)
        self._refused: dict[str, None] = {}
        self._faults: dict[str, None] = {}
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._attending: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(socket_path))
        # The room's own user has to reach it; the folder's name is what keeps others out.
        socket_path.chmod(0o666)
        self._listener.listen(most_connections)
        self._listener.settimeout(0.2)
        self._thread = threading.Thread(target=self._serve, name="egress", daemon=True)
        self._thread.start()

    @property
    def refused(self) -> tuple[str, ...]:
        """Attempts that were turned away, as `host:port (reason)`, each once, at most 50."""
        with self._lock:
            return tuple(self._refused)

    @property
    def faults(self) -> tuple[str, ...]:
        """What this host's own proxy did not do, each once, at most 50."""
        with self._lock:
            return tuple(self._faults)

    def close(self) -> None:
        """End every tunnel and remove the socket."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_CLOSING_SECONDS)
        with self._lock:
            tunnels, attending = tuple(self._open), tuple(self._attending)
        for tunnel in tunnels:
            with contextlib.suppress(OSError):
                tunnel.shutdown(socket.SHUT_RDWR)
        # One that is looking up a name cannot be broken off; it opens nothing any more.
        until = time.monotonic() + _CLOSING_SECONDS
        for thread in attending:
            thread.join(max(0.0, until - time.monotonic()))
        self._listener.close()
        self.socket_path.unlink(missing_ok=True)

    # --- one connection ----------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                self._note("more connections than the proxy has places")
                _answer(client, "503 Service Unavailable")
                client.close()
                continue
            attending = threading.Thread(target=self._attend, args=(client,), daemon=True)
            with self._lock:
                attending.start()
                self._attending.add(attending)

    def _attend(self, client: socket.socket) -> None:
        try:
            with client, self._watched(client):
                client.settimeout(_CONNECT_SECONDS)
                # Whoever closes the proxy may not have seen this one.
                with contextlib.suppress(OSError):
                    if not self._closing.is_set():
                        self._tunnel(client)
        finally:
            self._places.release()
            with self._lock:
                self._attending.discard(threading.current_thread())

    def _tunnel(self, client: socket.socket) -> None:
        head, rest = _read_head(client)
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3:
            _answer(client, "400 Bad Request")
            return
        method, address, _ = words
        if method == "CONNECT":
            wanted = _authority(address)
        elif gateway := self._gateway(address):
            self._through(gateway, client, head, address)
            return
        else:
            wanted = _forwardable(address)
        if wanted is None:
            _answer(client, "400 Bad Request")
            return
        if method != "CONNECT" and method not in _READING:
            # An index is there to be read: whatever is pushed to one leaves this machine.
            self._note(f"{_shown(wanted)} (a {method[:20]!a} request)")
            _answer(client, "405 Method Not Allowed")
            return
        reached = self._dial(client, wanted, tls=method == "CONNECT")
        if reached is None:
            return
        upstream = reached.connection
        first = rest if method == "CONNECT" else _forwarded(head, address, reached.proxy)
        with upstream, self._watched(upstream):
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if first:
                upstream.sendall(first)
            # Of a request to read nothing is to come after its head.
            self._relay(client, upstream, both=method == "CONNECT")

    def _gateway(self, address: str) -> Gateway | None:
        try:
            return self._gateways.get(urlsplit(address).hostname or "")
        except ValueError:
            return None

    def _through(self, gateway: Gateway, client: socket.socket, head: bytes, address: str) -> None:
        parts = urlsplit(address)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

        def dial(host: str, port: int, *, tls: bool) -> Reached | None:
            return self._dial(client, Target(host, port), tls=tls)

        gateway.answer(client, head, path, dial, self._watched)

    def _dial(self, client: socket.socket, wanted: Target, *, tls: bool) -> Reached | None:
        """Connect to an allowed host; answer the client and return None otherwise."""
        if wanted not in self._allowed:
            self._note(f"{_shown(wanted)} (not on the list)")
            _answer(client, "403 Forbidden")
            return None
        proxy = self._proxies.to(wanted.host, wanted.port, tls=tls)
        addresses = _addresses(wanted)
        if addresses and wanted not in self._inside:
            # Every address counts: connecting to the resolved one leaves no second look-up.
            public = [address for address in addresses if not is_internal(address)]
            if not public:
                self._note(f"{_shown(wanted)} (resolves to an internal address)")
                _answer(client, "403 Forbidden")
                return None
            addresses = public
        # A name that only the proxy can look up is its affair.
        reached = self._by(proxy, wanted, tls=tls) if proxy else self._to(addresses, wanted.port)
        if reached is None and not self._closing.is_set():
            _answer(client, "502 Bad Gateway")
        return reached

    def _to(self, addresses: Iterable[str], port: int) -> Reached | None:
        for address in dict.fromkeys(addresses):
            if self._closing.is_set():
                return None
            with contextlib.suppress(OSError):
                return Reached(socket.create_connection((address, port), _CONNECT_SECONDS), None)
        return None

    def _by(self, proxy: HostProxy, wanted: Target, *, tls: bool) -> Reached | None:
        if self._closing.is_set():
            return None
        try:
            if tls:
                return Reached(proxy.tunnel(*wanted), None)
            return Reached(proxy.connect(), proxy)
        except OSError as problem:
            said = f"{proxy.address} ({proxy.variable}) on the way to {_shown(wanted)}: {problem}"
            with self._lock:
                if len(self._faults) < _MOST_NOTES:
                    self._faults[said[:_LONGEST_FAULT]] = None
            return None

    def _relay(self, client: socket.socket, upstream: socket.socket, *, both: bool) -> None:
        """Copy both ways, or back only, until all sides are done, or nothing moves for long."""
        other = {upstream: client} | ({client: upstream} if both else {})
        with selectors.DefaultSelector() as waiting:
            for side in other:
                waiting.register(side, selectors.EVENT_READ)
            while waiting.get_map() and not self._closing.is_set():
                ready = waiting.select(_IDLE_SECONDS)
                if not ready:
                    return
                for key, _ in ready:
                    source = client if key.fileobj is client else upstream
                    data = source.recv(_CHUNK)
                    if data:
                        other[source].sendall(data)
                        continue
                    waiting.unregister(source)
                    with contextlib.suppress(OSError):
                        other[source].shutdown(socket.SHUT_WR)

    @contextmanager
    def _watched(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def _note(self, attempt: str) -> None:
        with self._lock:
            if len(self._refused) < _MOST_NOTES:
                self._refused[attempt] = None


def _addresses(wanted: Target) -> list[str]:
    """Those of a host; none where its name cannot be looked up here."""
    try:
        found = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter: no name that could be looked up
        return []
    return [str(entry[4][0]) for entry in found]


def is_internal(address: str) -> bool:
    """Whether an address belongs to this machine or a private network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return not ip.is_global or ip.is_multicast


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """The request up to the empty line, and what came after it."""
    data = b""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while b"\r\n\r\n" not in data:
        chunk = client.recv(4096)
        if not chunk or len(data) > _HEAD_BYTES or time.monotonic() > deadline:
            raise OSError("no request")
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _authority(address: str) -> Target | None:
    """The host and port of a CONNECT request."""
    match = re.fullmatch(r"\[?([0-9A-Za-z.:_-]+?)\]?:(\d{1,5})", address)
    return Target(match[1].lower(), int(match[2])) if match else None


def _forwardable(address: str) -> Target | None:
    """The host and port of a request for a whole address."""
    if not address.startswith("http://"):
        return None
    try:
        return target(address)
    except ValueError:
        return None


def _forwarded(head: bytes, address: str, proxy: HostProxy | None) -> bytes:
    """The request as the host itself, or a proxy before it, expects it; it is answered once."""
    parts = urlsplit(address)
    method = head.split(b" ", 1)[0]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    dropped = (b"proxy-", b"connection:", b"host:", b"keep-alive:")
    kept = [
        line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(dropped)
    ]  # fmt: skip
    host = parts.netloc.rpartition("@")[2].encode("latin-1", "replace")
    if proxy is not None:
        path = f"http://{parts.netloc.rpartition('@')[2]}{path}"
        kept += [f"{name}: {value}".encode("latin-1") for name, value in proxy.headers.items()]
    first = method + b" " + path.encode("latin-1", "replace") + b" HTTP/1.1"
    return b"\r\n".join([first, b"Host: " + host, b"Connection: close", *kept, b"", b""])


def _answer(client: socket.socket, status: str) -> None:
    with contextlib.suppress(OSError):
        client.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )


def _shown(wanted: Target) -> str:
    """A host for people: nothing a client made up beyond its letters and length."""
    return f"{wanted.host[:120]}:{wanted.port}"
