"""The canary: a server on this machine that listens on every way that could lead out of a sandbox.

A sandbox that is heard here has got out. All of it is on loopback or below a temporary folder.
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
_INET, _INET6 = socket.AF_INET, socket.AF_INET6


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

    def hear(self, way: str, opened: socket.socket) -> None:
        if opened.type == socket.SOCK_STREAM:
            with opened.accept()[0] as connection:
                # A connection counts, with any content.
                connection.settimeout(2)
                words = connection.recv(65536)
                if words.startswith(b"POST") and b"\r\n\r\n" in words and not words[-1:].isalnum():
                    words += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.heard.append((way, words))
            return
        words, sender = opened.recvfrom(65536)
        if way.startswith("icmp"):
            # A raw socket hears everybody's echoes, also those of another test's canary.
            start = words[(words[0] & 15) * 4 :] if way == "icmp" else words
            ours = _ECHO_REQUEST[opened.proto], self.echo.to_bytes(2, "big")
            if (start[0], start[4:6]) != ours:
                return
        elif sender:
            opened.sendto(b"heard", sender)
        self.heard.append((way, words))


@contextmanager
def listening(folder: Path) -> Iterator[Canary]:
    """Listen for the length of the block."""
    folder.mkdir()
    folder.chmod(0o755)
    canary = Canary(folder)
    with ExitStack() as stack, selectors.DefaultSelector() as watch:
        for way, opened in _open_sockets(canary):
            stack.enter_context(opened)
            opened.setblocking(False)
            watch.register(opened, selectors.EVENT_READ, way)
        stop_reading, stop = os.pipe()
        watch.register(stop_reading, selectors.EVENT_READ, "")
        thread = threading.Thread(target=_listen, args=(canary, watch, stop_reading))
        thread.start()
        try:
            yield canary
        finally:
            os.write(stop, b".")
            thread.join(timeout=10)
            os.close(stop)
            os.close(stop_reading)


def _open_sockets(canary: Canary) -> Iterator[tuple[str, socket.socket]]:
    for way in ("tcp", "tcp6", "http", "udp", "udp6", "dns"):
        family = _INET6 if way.endswith("6") else _INET
        kind = socket.SOCK_DGRAM if way in ("udp", "udp6", "dns") else socket.SOCK_STREAM
        opened = _bind(family, kind, ("127.0.0.1" if family == _INET else "::1", 0))
        canary.ports[way] = opened.getsockname()[1]
        yield way, opened
    aim = canary.aim()
    for way, kind in (("unix", socket.SOCK_STREAM), ("unix datagram", socket.SOCK_DGRAM)):
        path = str(aim[way.replace(" ", "_")])
        yield way, _bind(socket.AF_UNIX, kind, path)
        # Only the wall is to keep the sandbox's user away, not the file's mode.
        Path(path).chmod(0o777)
    yield "abstract", _bind(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{canary.abstract}")
    if os.geteuid() == 0:
        yield "icmp", socket.socket(_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        yield "icmp6", socket.socket(_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)


def _bind(family: int, kind: int, address: str | tuple[str, int]) -> socket.socket:
    opened = socket.socket(family, kind)
    opened.bind(address)
    if kind == socket.SOCK_STREAM:
        opened.listen(64)
    return opened


def _listen(canary: Canary, watch: selectors.BaseSelector, stop_reading: int) -> None:
    while True:
        for key, _ in watch.select():
            if key.fd == stop_reading:
                return
            assert isinstance(key.fileobj, socket.socket)
            try:
                canary.hear(key.data, key.fileobj)
            except OSError:
                canary.heard.append((key.data, b""))
