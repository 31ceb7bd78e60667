"""Forward connections to the sandbox's proxy on loopback to the proxy's socket on the host.

It is a second process of ours, and runs only in sandboxes with a network. It holds no secret:
foreign code can open the socket itself.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable


def start(proxy: str, keep_only: Callable[[set[int]], None]) -> int:
    """Listen on loopback and forward every connection to the proxy's socket; return the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port: int = listener.getsockname()[1]
    if os.fork() != 0:
        listener.close()
        return port
    try:
        keep_only({listener.fileno()})
        asyncio.run(serve(listener, proxy))
    finally:
        os._exit(1)


async def serve(listener: socket.socket, proxy: str) -> None:
    """Serve connections until the sandbox ends."""

    async def carry(near_in: StreamReader, near_out: StreamWriter) -> None:
        with closing(near_out), suppress(OSError):
            far_in, far_out = await asyncio.open_unix_connection(proxy)
            with closing(far_out):
                await asyncio.gather(pass_data(near_in, far_out), pass_data(far_in, near_out))

    server = await asyncio.start_server(carry, sock=listener)
    await server.serve_forever()


async def pass_data(reader: StreamReader, writer: StreamWriter) -> None:
    """Forward the bytes of one side, and its end."""
    while content := await reader.read(1 << 16):
        writer.write(content)
        await writer.drain()
    writer.write_eof()
