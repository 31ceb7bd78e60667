"""Carry what programs in a sandbox say to their proxy over to the proxy's socket on the host.

A process beside `runner.py`, in fetch sandboxes only. It holds nothing that foreign code could
want: the socket is shown in the sandbox anyway.
"""

from __future__ import annotations

import os
import selectors
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def start(proxy: str, keep_only: Callable[[set[int]], None]) -> int:
    """Listen on loopback and carry every connection to the proxy's socket; return the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port: int = listener.getsockname()[1]
    if os.fork() != 0:
        listener.close()
        return port
    try:
        keep_only({listener.fileno()})
        serve(listener, proxy)
    finally:
        os._exit(1)


def serve(listener: socket.socket, proxy: str) -> NoReturn:
    """Serve connections until the sandbox ends.

    One thread and blocking sends: a side that stops reading holds up its own sandbox only.
    """
    watch = selectors.DefaultSelector()
    watch.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in watch.select():
            if key.fileobj is listener:
                near, far = listener.accept()[0], socket.socket(socket.AF_UNIX)
                try:
                    far.connect(proxy)
                except OSError:
                    near.close()
                    far.close()
                    continue
                watch.register(near, selectors.EVENT_READ, far)
                watch.register(far, selectors.EVENT_READ, near)
            # Else its other side was given up in this round, and a new one may have its number.
            elif watch.get_map().get(key.fd) is key:
                pass_data(key.fileobj, key.data, watch)


def pass_data(one: Any, other: socket.socket, watch: Any) -> None:
    """Hand on what one side has said, or that it has ended."""
    try:
        content = one.recv(1 << 16)
        if content:
            other.sendall(content)
            return
        other.shutdown(1)
        watch.unregister(one)
        if other.fileno() in watch.get_map():
            return
    except OSError:
        for end in (one, other):
            if end.fileno() in watch.get_map():
                watch.unregister(end)
    one.close()
    other.close()
