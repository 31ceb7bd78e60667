"""Listen on the usual ports of servers; when a command connects, note which and kill the command.

Runs in a sandbox, on any Python from 3.9, with `-I -S` and only the standard library. The argument
is JSON: `places` (each a port or the path of a socket, with the server's name) and `knock`, the
file for the note. MERGEWRIGHT_COMMAND is the pid of the command.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import struct
import sys
from contextlib import suppress

#: Codes of PostgreSQL's protocol, in which the client speaks first and names its account.
STARTUP, TLS, GSS = 196608, 80877103, 80877104
SECONDS = 0.5


def listen(place: int | str) -> list[socket.socket]:
    """Listen at a place; return no socket for an address that is in use."""
    kinds: list[tuple[socket.AddressFamily, tuple[str, int] | str]]
    if isinstance(place, str):
        kinds = [(socket.AF_UNIX, place)]
    else:
        kinds = [(socket.AF_INET, ("127.0.0.1", place)), (socket.AF_INET6, ("::1", place))]
    servers = []
    for family, address in kinds:
        with suppress(OSError):
            server = socket.socket(family)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(address)
            server.listen()
            servers.append(server)
    return servers


def read_account(client: socket.socket) -> dict[str, str]:
    """Return the user and the database that a client of PostgreSQL names; else nothing."""
    client.settimeout(SECONDS)
    with suppress(OSError, struct.error, ValueError):
        while True:
            size, kind = struct.unpack("!ii", client.recv(8, socket.MSG_WAITALL))
            if kind not in (TLS, GSS):
                break
            client.sendall(b"N")
        if kind == STARTUP:
            words = client.recv(min(size - 8, 10_000), socket.MSG_WAITALL).decode().split("\0")
            return dict(zip(words[::2], words[1::2]))  # noqa: B905 - Python 3.9
    return {}


def main() -> None:
    order = json.loads(sys.argv[1])
    selector = selectors.DefaultSelector()
    for place, name in order["places"]:
        for server in listen(place):
            selector.register(server, selectors.EVENT_READ, (server, name))
    print("listening", flush=True)
    key, _ = selector.select()[0]
    server, name = key.data
    client, _ = server.accept()
    account = read_account(client)
    note = {"name": name, **{field: account.get(field, "") for field in ("user", "database")}}
    with open(order["knock"], "w", encoding="utf-8") as file:
        json.dump(note, file)
    os.kill(int(os.environ["MERGEWRIGHT_COMMAND"]), signal.SIGKILL)


if __name__ == "__main__":
    main()
