"""The canary: somebody on this machine who listens on every way that could lead out of a sandbox.

Whoever is heard here has got out. All of it is on loopback or below a temporary folder.
"""

from __future__ import annotations

import os
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SETTLE_SECONDS = 0.5
_ECHO_REQUEST = {socket.IPPROTO_ICMP: 8, socket.IPPROTO_ICMPV6: 128}
Address = str | tuple[str, int]


@dataclass
class Canary:
    """What was heard, by the way it came."""

    folder: Path
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    abstract: str = field(default_factory=lambda: f"mergewright-canary-{secrets.token_hex(8)}")
    echo: int = field(default_factory=lambda: secrets.randbelow(2**16))
    """Identifier of the echo requests that are meant for it."""

    def aim(self) -> dict[str, object]:
        return {
            **self.ports,
            "unix": str(self.folder / "stream.sock"),
            "unix_datagram": str(self.folder / "datagram.sock"),
            "abstract": self.abstract,
            "echo": self.echo,
        }

    def ways(self) -> set[str]:
        time.sleep(SETTLE_SECONDS)
        return {way for way, _ in self.heard}

    def words(self) -> bytes:
        return b"\n".join(words for _, words in self.heard)

    def silent(self) -> bool:
        return not self.ways()


@contextmanager
def listening(folder: Path) -> Iterator[Canary]:
    """Listen for the length of the block.

    Args:
        folder: New one for the sockets that have a path; everybody may enter it.
    """
    folder.mkdir()
    folder.chmod(0o755)
    canary = Canary(folder)
    with ExitStack() as stack, selectors.DefaultSelector() as watch:
        for way, opened in _opened(canary):
            stack.enter_context(opened)
            opened.setblocking(False)
            watch.register(opened, selectors.EVENT_READ, way)
        stop_reading, stop = os.pipe()
        watch.register(stop_reading, selectors.EVENT_READ, "")
        thread = threading.Thread(target=_listen, args=(canary, watch, stack, stop_reading))
        thread.start()
        try:
            yield canary
        finally:
            os.write(stop, b".")
            thread.join(timeout=10)
            os.close(stop)
            os.close(stop_reading)


def _opened(canary: Canary) -> Iterator[tuple[str, socket.socket]]:
    inet, inet6 = socket.AF_INET, socket.AF_INET6
    for way, family, kind in (
        ("tcp", inet, socket.SOCK_STREAM),
        ("tcp6", inet6, socket.SOCK_STREAM),
        ("http", inet, socket.SOCK_STREAM),
        ("udp", inet, socket.SOCK_DGRAM),
        ("udp6", inet6, socket.SOCK_DGRAM),
        ("dns", inet, socket.SOCK_DGRAM),
    ):
        opened = _bound(family, kind, ("127.0.0.1" if family == inet else "::1", 0))
        canary.ports[way] = opened.getsockname()[1]
        yield way, opened
    told = canary.aim()
    for way, kind, address in (
        ("unix", socket.SOCK_STREAM, str(told["unix"])),
        ("unix datagram", socket.SOCK_DGRAM, str(told["unix_datagram"])),
        ("abstract", socket.SOCK_STREAM, f"\0{canary.abstract}"),
    ):
        yield way, _bound(socket.AF_UNIX, kind, address)
        if not address.startswith("\0"):
            # Only the wall is to keep the sandbox's user away, not the file's mode.
            Path(address).chmod(0o777)
    if os.geteuid() == 0:
        yield "icmp", socket.socket(inet, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        yield "icmp6", socket.socket(inet6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)


def _bound(family: int, kind: int, address: Address) -> socket.socket:
    opened = socket.socket(family, kind)
    opened.bind(address)
    if kind == socket.SOCK_STREAM:
        opened.listen(64)
    return opened


def _listen(
    canary: Canary, watch: selectors.BaseSelector, stack: ExitStack, stop_reading: int
) -> None:
    while True:
        for key, _ in watch.select():
            if key.fd == stop_reading:
                return
            way, opened = key.data, key.fileobj
            assert isinstance(opened, socket.socket)
            try:
                _hear(canary, way, opened)
            except OSError:
                canary.heard.append((way, b""))


def _hear(canary: Canary, way: str, opened: socket.socket) -> None:
    if opened.type == socket.SOCK_STREAM:
        connection = opened.accept()[0]
        with connection:
            # That somebody got here counts, whatever is said.
            connection.settimeout(2)
            words = connection.recv(65536)
            if words.startswith(b"POST") and b"\r\n\r\n" in words and not words[-1:].isalnum():
                words += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        canary.heard.append((way, words))
        return
    words, sender = opened.recvfrom(65536)
    if way.startswith("icmp"):
        # A raw socket hears everybody's echoes, also those of another test's canary.
        start = words[(words[0] & 15) * 4 :] if way == "icmp" else words
        if start[0] != _ECHO_REQUEST[opened.proto] or start[4:6] != canary.echo.to_bytes(2, "big"):
            return
    elif sender:
        opened.sendto(b"heard", sender)
    canary.heard.append((way, words))
