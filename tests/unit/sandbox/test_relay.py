"""What carries a sandbox's connections to its gateway outlives those that break."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from contextlib import ExitStack

from agent.sandbox.sandbox_scripts import relay

_RESET = struct.pack("ii", 1, 0)


def test_a_number_that_a_broken_connection_had_may_be_a_new_ones(tmp_path, monkeypatch):
    """One breaks on both sides and another comes, all before anybody looks."""
    is_open = threading.Event()
    is_open.set()

    class Gated(selectors.DefaultSelector):
        def select(self, timeout=None):
            while True:
                is_open.wait(10)
                if found := super().select(0.01):
                    # One side of the broken one, then the new one, then the other side.
                    rank = {key: n for n, key in enumerate(self.get_map().values())}
                    order = {0: 1, 1: 2, 2: 0} if len(found) == 3 else {}
                    return sorted(found, key=lambda one: order.get(rank[one[0]], 0))

    monkeypatch.setattr(relay.selectors, "DefaultSelector", Gated)
    with ExitStack() as stack:
        proxy = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        proxy.bind(str(tmp_path / "proxy"))
        proxy.listen()
        proxy.settimeout(10)
        serving = relay.serve, (listener, str(tmp_path / "proxy"))
        threading.Thread(target=serving[0], args=serving[1], daemon=True).start()

        def connect() -> socket.socket:
            return stack.enter_context(socket.create_connection(listener.getsockname(), 10))

        def hear(words: bytes) -> socket.socket:
            behind = stack.enter_context(proxy.accept()[0])
            behind.settimeout(10)
            assert behind.recv(len(words)) == words
            return behind

        first = connect()
        first.sendall(b"one")
        behind = hear(b"one")
        is_open.clear()
        time.sleep(0.1)  # who looks just now looks no more
        for end in (first, behind):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()
        second = connect()
        is_open.set()
        second.sendall(b"two")
        hear(b"two")
        connect().sendall(b"three")
        hear(b"three")
