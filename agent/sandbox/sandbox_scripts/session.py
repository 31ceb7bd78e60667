"""The first program inside a sandbox that stays open: one tree, request after request.

Beside `runner.py`, whose doors, limits and frames it has. When a command is over, everything but
this process is killed, so nothing moves while files are read or written: a name that was looked at
is still the same when it is opened. It ends when the host does.

A request is a length, a JSON object and the bytes that its `size` announces. The answer is a frame
`ended` that lists one JSON object and what belongs to it.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import stat
import struct
import time
from contextlib import suppress

import by_descriptor
import differing
import runner

TYPE_CHECKING = False  # see runner.py
if TYPE_CHECKING:
    from typing import Any

    Answer = tuple[dict[str, Any], list[bytes]]
    """Facts, and contents that go with them."""

KEPT_BYTES = 16 * 1024
"""Of the head of what a command prints, and of its tail."""
PIECE_BYTES = 1 << 16
IPC_RMID = 0


class Printed:
    """Head and tail of what a command prints, in bounded memory."""

    def __init__(self) -> None:
        self.head = b""
        self.tail = b""
        self.total = 0

    def add(self, content: bytes) -> None:
        """Take in a piece."""
        self.total += len(content)
        free = KEPT_BYTES - len(self.head)
        self.head += content[:free]
        self.tail = (self.tail + content[free:])[-KEPT_BYTES:]

    def drain(self, descriptor: int) -> None:
        """Take in what is left; nobody can write any more."""
        while content := os.read(descriptor, PIECE_BYTES):
            self.add(content)


class Session:
    """What requests work on."""

    def __init__(self, order: runner.Order, environ: dict[str, str], requests: int) -> None:
        self.order = order
        self.environ = environ
        self.requests = requests

    # --- commands ------------------------------------------------------------------------------

    def run(self, request: dict[str, Any], content: bytes) -> Answer:
        """Run a command to its end, or to that of its time; nothing that it started stays."""
        for counter in self.order["counters"]:
            counter["before"] = runner.count(counter)
        inside = self.order["tree"] + "/"
        for file in self.order["files"]:
            # What the start of a command reads, such as which servers it wants.
            if not file["path"].startswith(inside):
                with suppress(OSError):  # an earlier command may have closed the folder
                    runner.lay_file(file["path"], file["content"])
        names = used_names(self.order)
        printed, until = Printed(), time.monotonic() + request["limit"]
        reading, writing = os.pipe()
        argv = [*self.order["argv"], *request["arguments"]]
        pid = runner.start_command({**self.order, "argv": argv}, self.environ, writing)
        os.close(writing)
        try:
            code, limit = self.attend(pid, reading, printed, until, names)
            limit = limit or runner.counted_limit(self.order)
            runner.end_everything()
            remove_shared()
            printed.drain(reading)
        finally:
            os.close(reading)
        facts = {"exit_code": code, "limit": limit, "printed": printed.total}
        return facts, [printed.head, printed.tail]

    def attend(
        self, pid: int, reading: int, printed: Printed, until: float, names: int
    ) -> tuple[int | None, str | None]:
        """Read until the command's own process ends or a limit is reached."""
        ended = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(self.requests, 0)
        for descriptor in (ended, reading):
            poll.register(descriptor, select.POLLIN)
        look = 0.0
        try:
            while True:
                code = runner.reap(pid)
                if code is not None:
                    return code, None
                now = time.monotonic()
                if now >= until:
                    return None, "time"
                if now >= look:
                    look = now + runner.TICK_SECONDS
                    limit = self.reached(names)
                    if limit is not None:
                        return None, limit
                for descriptor, _ in poll.poll(min(runner.TICK_SECONDS, until - now) * 1000):
                    if descriptor == self.requests:
                        os._exit(1)  # the host is gone, and with process 1 all others end
                    if descriptor == reading:
                        content = os.read(reading, PIECE_BYTES)
                        printed.add(content)
                        if not content:
                            poll.unregister(reading)
        finally:
            os.close(ended)

    def reached(self, names: int) -> str | None:
        """Name a limit that no kernel holds for us: file names, and memory without a cgroup."""
        used = used_names(self.order)
        if used > max(names, self.order["inodes"]):
            return "disk"
        return runner.sampled_limit(self.order)

    # --- files ---------------------------------------------------------------------------------

    def look(self, request: dict[str, Any], content: bytes) -> Answer:
        """List what differs between base and tree."""
        found = differing.Difference(self.order["base"], self.order["tree"], self.order["guide"])
        found.layers = [layer + "/tree" for layer in self.order["layers"]]
        found.bulk = {folder["to"] for folder in self.order["bulk"]}
        found.walk()
        return {"is_cut": found.is_cut}, [json.dumps(found.entries).encode("ascii")]

    def read(self, request: dict[str, Any], content: bytes) -> Answer:
        """Return regular files, each with the reason where it is not had; None: there is none."""
        problems: list[str | None] = []
        contents = []
        for path in request["paths"]:
            problem, content = self.read_one(path, request["most_bytes"])
            problems.append(problem)
            contents.append(content)
        return {"problems": problems}, contents

    def read_one(self, path: str, most_bytes: int) -> tuple[str | None, bytes]:
        """Read one of them; "" for one that is there."""
        try:
            with by_descriptor.open_parent(self.order["tree"], path) as (parent, name):
                descriptor = os.open(name, by_descriptor.READ, dir_fd=parent)
        except (OSError, ValueError):
            return None, b""
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                return None, b""
            if state.st_size > most_bytes:
                return "it has %d bytes" % state.st_size, b""
            return "", read_all(descriptor)
        finally:
            os.close(descriptor)

    def write(self, request: dict[str, Any], content: bytes) -> Answer:
        """Put a file in the place of what has its name, and make the folders to it."""
        try:
            executable = request["executable"]
            by_descriptor.replace_file(
                self.order["tree"], request["path"], content, executable=executable
            )
        except (OSError, ValueError) as problem:
            return {"problem": explain(problem)}, []
        return {"problem": ""}, []

    def delete(self, request: dict[str, Any], content: bytes) -> Answer:
        """Delete a file, and the folders that are empty without it."""
        try:
            by_descriptor.delete_file(self.order["tree"], request["path"])
        except OSError as problem:
            return {"problem": explain(problem)}, []
        return {"problem": ""}, []


def remove_shared() -> None:
    """Remove shared memory, semaphores and queues of the kernel, which outlive processes."""
    library = ctypes.CDLL(None)
    for kind, arguments in (("shm", ()), ("msg", ()), ("sem", (0,))):
        with suppress(OSError), open("/proc/sysvipc/" + kind) as file:
            for line in file.readlines()[1:]:
                number = int(line.split()[1])
                getattr(library, kind + "ctl")(number, *arguments, IPC_RMID, None)


def read_all(descriptor: int) -> bytes:
    """Read a file to its end."""
    pieces = []
    while piece := os.read(descriptor, PIECE_BYTES):
        pieces.append(piece)
    return b"".join(pieces)


def explain(problem: OSError | ValueError) -> str:
    """Say why a file could not be written."""
    if isinstance(problem, OSError) and by_descriptor.is_link(problem):
        return "it leads through a symbolic link or a file; links are not followed"
    return str(getattr(problem, "strerror", None) or problem)


def used_names(order: runner.Order) -> int:
    """How many files and folders there are in the writable place that has most."""
    states = [os.statvfs(place) for place in order["places"]]
    return max(state.f_files - state.f_ffree for state in states)


def receive(requests: int) -> tuple[dict[str, Any], bytes]:
    """Wait for the next request."""
    length = struct.unpack("!Q", runner.read_exactly(requests, 8))[0]
    request: dict[str, Any] = json.loads(runner.read_exactly(requests, length))
    return request, runner.read_exactly(requests, request.get("size", 0))


def reply(channel: runner.Channel, answer: Answer) -> None:
    """Send facts and contents."""
    facts, contents = answer
    parts = [json.dumps(facts).encode("ascii"), *contents]
    files = [{"path": str(number), "size": len(part)} for number, part in enumerate(parts)]
    channel.send(runner.ENDED, {"exit_code": None, "limit": None, "files": files, "refused": []})
    for part in parts:
        channel.open_frame(runner.CONTENT, len(part))
        channel.write(part)


def main() -> None:
    """Serve requests until no more come."""
    channel, order, requests = runner.begin()
    environ = runner.prepare(channel, order)
    if environ is None:
        return
    session = Session(order, environ, requests)
    serve = {name: getattr(session, name) for name in ("run", "look", "read", "write", "delete")}
    channel.send(runner.STARTED, {})
    while True:
        try:
            request, content = receive(requests)
        except runner.SetupError:
            return  # the host has closed its end
        reply(channel, serve[request["op"]](request, content))
