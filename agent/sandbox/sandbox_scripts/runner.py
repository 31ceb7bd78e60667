"""Run as the first program of a sandbox: write the ordered files, then answer requests.

It is process 1 of the sandbox's own pid namespace, with only the standard library of Python 3.9 or
later (`-I -S`). Foreign code runs as the same user, so it relies on what the kernel grants process
1: no signal from inside reaches it, and once it is not dumpable no process inside can trace it or
open its descriptors. When a command has ended it kills all other processes, so no file changes
while it reads or writes.

It reads from standard input: 16 bytes that sign every frame, sent once the host has set this
process's limits; the order; then requests, each a length, a JSON object and as many bytes as the
object's `size` says. It answers on the descriptor that its argument names: `started`, with the
reason if the files could not be written; then for each request pieces of output, `ended` with a
JSON object and sizes, and the contents of these sizes. The host trusts nothing else, not even the
exit status of this process, which ends when the host does.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import stat
import struct
import sys
from contextlib import suppress

import by_descriptor
import commands
import differing
from commands import SetupError

TYPE_CHECKING = False  # see commands.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from commands import Order

STARTED, ENDED, CONTENT, OUTPUT = 1, 2, 3, 5
FRAME = struct.Struct("!16sBQ")
PIECE_BYTES = 1 << 20
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, FILTER_STEP_BYTES = 22, 2, 8


class Channel:
    """Sends signed messages, each with its length, to the host."""

    def __init__(self, descriptor: int, nonce: bytes) -> None:
        self.descriptor = descriptor
        self.nonce = nonce

    def send(self, kind: int, message: object) -> None:
        self.send_bytes(kind, json.dumps(message).encode("ascii"))

    def send_bytes(self, kind: int, content: bytes) -> None:
        self.write(FRAME.pack(self.nonce, kind, len(content)))
        self.write(content)

    def write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def answer(self, facts: dict[str, Any], contents: list[bytes]) -> None:
        self.send(ENDED, {"facts": facts, "sizes": [len(content) for content in contents]})
        for content in contents:
            self.send_bytes(CONTENT, content)

    def send_file(self, path: str, size: int) -> None:
        """Send a file; no process that could change it runs any more."""
        self.write(FRAME.pack(self.nonce, CONTENT, size))
        with open(os.open(path, by_descriptor.READ), "rb") as file:
            while size:
                part = file.read(min(size, PIECE_BYTES))
                if not part:
                    raise SetupError("%s shrank while it was read" % path)
                self.write(part)
                size -= len(part)


# --- start -----------------------------------------------------------------------------------


def protect_process() -> None:
    """Protect this process from the code that will run in the sandbox."""
    if os.getpid() != 1:
        # At its end, this process kills all that it can see: these would be the host's.
        raise SystemExit("mergewright: the sandbox has no process ids of its own")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # With the default action, the kernel drops signals to process 1 from inside.
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    commands.set_dumpable(allowed=False)


def install_filter(program: bytes) -> None:
    """Refuse kernel calls for this process and all that it starts; this cannot be undone.

    A filter of the engine also stays in force.
    """
    steps = ctypes.create_string_buffer(program)
    program_record = struct.pack("HP", len(program) // FILTER_STEP_BYTES, ctypes.addressof(steps))
    library = ctypes.CDLL(None, use_errno=True)
    mode = ctypes.c_ulong(SECCOMP_MODE_FILTER)
    if library.prctl(PR_SET_SECCOMP, mode, ctypes.c_char_p(program_record)) != 0:
        raise SetupError("the kernel call filter failed: %s" % os.strerror(ctypes.get_errno()))


def read_exactly(descriptor: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(descriptor, min(length, PIECE_BYTES))
        if not part:
            raise SetupError("the request ended early")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def read_message(descriptor: int) -> dict[str, Any]:
    length = struct.unpack("!Q", read_exactly(descriptor, 8))[0]
    message: dict[str, Any] = json.loads(read_exactly(descriptor, length))
    return message


def begin() -> tuple[Channel, Order, int]:
    """Protect this process and read the order; return also the descriptor of requests."""
    if sys.version_info < (3, 9):
        raise SystemExit("mergewright: the sandbox's python3 is older than 3.9")
    protect_process()
    # Programs that are started do not inherit these copies, unlike the originals.
    descriptor, requests = os.dup(int(sys.argv[1])), os.dup(0)
    commands.keep_only({descriptor, requests})
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(2, 1)
    channel = Channel(descriptor, read_exactly(requests, 16))
    order = read_message(requests)
    for file in order["files"]:
        file["content"] = read_exactly(requests, file["size"])
    commands.reset_counters(order)
    return channel, order, requests


def copy_tree(source: str, target: str) -> None:
    pid = os.fork()
    if pid == 0:
        argv = ["cp", "-a", source + "/.", target]
        commands.exec_program("cp", argv, {"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    if os.waitpid(pid, 0)[1] != 0:
        raise SetupError("the tree could not be copied")
    os.chmod(target, 0o755)  # noqa: S103 - whatever the mode of the folder it was copied from


def write_file(path: str, content: bytes) -> None:
    """Write one ordered file, executable if it begins with `#!`; replace what has its name."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(path)
    mode = 0o755 if content.startswith(b"#!") else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def prepare(order: Order) -> None:
    if order["filter"] is not None:
        install_filter(bytes.fromhex(order["filter"]))
    for place in order["places"]:
        if not os.access(place, os.W_OK):
            raise SetupError("%s is not writable" % place)
    os.makedirs(order["home"], exist_ok=True)
    for layer in order["layers"]:
        copy_tree(layer + "/tree", order["tree"])
        copy_tree(layer + "/home", order["home"])
    for folder in [] if order["bulk_is_mounted"] else order["bulk"]:
        os.makedirs(folder["to"], exist_ok=True)
        copy_tree(folder["from"], folder["to"])
    if order["source"] is not None:
        copy_tree(order["source"], order["tree"])
    for file in order["files"]:
        try:
            write_file(file["path"], file["content"])
        except OSError as problem:
            if problem.errno == errno.ENOSPC:
                raise
            text = "%s could not be written: %s" % (file["path"], problem.strerror)
            raise SetupError(text) from problem


def open_outlet(order: Order) -> dict[str, str]:
    """Return the variables of a command; start a new relay where there is a network.

    The relay ends with all other processes of the command.
    """
    environ = dict(order["environ"])
    if order["proxy"] is not None:
        import relay

        address = "http://127.0.0.1:%d" % relay.start(order["proxy"], commands.keep_only)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            environ[name] = environ[name.lower()] = address
        environ["NO_PROXY"] = environ["no_proxy"] = ",".join(order["hosts"])
    return environ


# --- requests --------------------------------------------------------------------------------


class Server:
    """Answers requests about one tree; each method is one kind of request."""

    def __init__(self, channel: Channel, order: Order, requests: int):
        self.channel = channel
        self.order = order
        self.requests = requests
        self.index: int | None = None
        """See `differing.make_index`."""

    def run(self, request: dict[str, Any], content: bytes) -> None:
        """Run a command to its end or a limit, then end all processes that it has started."""
        order, channel = self.order, self.channel
        commands.reset_counters(order)
        if order["lasting"]:
            self.restore_files()

        def print_piece(piece: bytes) -> None:
            channel.send_bytes(OUTPUT, piece)

        running = commands.RunningCommand(order, request["seconds"], print_piece)
        argv = [*order["argv"], *request["arguments"]]
        pid, reading = commands.start_command(order, argv, open_outlet(order))
        code, limit = running.wait(pid, reading, self.requests)
        commands.end_everything()
        limit = limit or commands.find_counted_limit(order)
        commands.remove_shared()
        while running.pass_on(reading):
            pass
        os.close(reading)
        collection = differing.Collection(order)
        facts = {
            "exit_code": code,
            "limit": limit or ("returned" if collection.over else None),
            "files": list(collection.files),
            "refused": collection.refused,
            "new": collection.new,
        }
        channel.send(ENDED, {"facts": facts, "sizes": list(collection.files.values())})
        for path, size in collection.files.items():
            channel.send_file(path, size)

    def restore_files(self) -> None:
        """Write files again that the start of a command reads, such as those for servers."""
        for file in self.order["files"]:
            if not file["path"].startswith(self.order["tree"] + "/"):
                with suppress(OSError):  # an earlier command may have closed the folder
                    write_file(file["path"], file["content"])

    def list_changes(self, request: dict[str, Any], content: bytes) -> None:
        try:
            difference = differing.Difference(
                self.order, self.index, request["include"], request["links"]
            )
        except differing.GitFailed as problem:
            self.channel.answer({"problem": str(problem)}, [])
            return
        self.index = difference.index
        entries = [(path, *entry) for path, entry in difference.entries.items()]
        content = json.dumps({"entries": entries, "ignored": difference.ignored}).encode("ascii")
        self.channel.answer({"problem": "", "is_cut": difference.is_cut}, [content])

    def read(self, request: dict[str, Any], content: bytes) -> None:
        """Answer with a regular file, or why it cannot be read; None: there is no such file."""
        problem, data = None, b""
        tree, path, most_bytes = self.order["tree"], request["path"], request["most_bytes"]
        with suppress(OSError, ValueError), by_descriptor.open_parent(tree, path) as (parent, name):
            state = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISREG(state.st_mode) and state.st_size > most_bytes:
                problem = "it has %d bytes" % state.st_size
            elif stat.S_ISREG(state.st_mode):
                if not state.st_mode & stat.S_IRUSR:
                    os.chmod(name, 0o600, dir_fd=parent)
                with open(os.open(name, by_descriptor.READ, dir_fd=parent), "rb") as file:
                    problem, data = "", file.read()
        self.channel.answer({"problem": problem}, [data])

    def write(self, request: dict[str, Any], content: bytes) -> None:
        path, executable = request["path"], request["executable"]
        self.edit(by_descriptor.replace_file, path, content, executable=executable)

    def delete(self, request: dict[str, Any], content: bytes) -> None:
        """Delete a file, and the folders that are empty afterwards."""
        self.edit(by_descriptor.delete_file, request["path"])

    def edit(self, work: Callable[..., None], *args: Any, **options: Any) -> None:
        problem = ""
        try:
            work(self.order["tree"], *args, **options)
        except (OSError, ValueError) as refusal:
            problem = str(getattr(refusal, "strerror", None) or refusal)
            if isinstance(refusal, OSError) and by_descriptor.is_link(refusal):
                problem = "it leads through a symbolic link or a file; links are not followed"
        self.channel.answer({"problem": problem}, [])


def main() -> None:
    channel, order, requests = begin()
    try:
        prepare(order)
    except (OSError, SetupError) as problem:
        full = "disk" if getattr(problem, "errno", None) == errno.ENOSPC else None
        full = commands.find_counted_limit(order) or commands.find_full_disk(order) or full
        channel.send(STARTED, {"limit": full, "message": str(problem)})
        return
    server = Server(channel, order, requests)
    channel.send(STARTED, {})
    while True:
        try:
            request = read_message(requests)
            content = read_exactly(requests, request.get("size", 0))
        except SetupError:
            return  # the host has closed its end
        getattr(server, request["op"])(request, content)
        if not order["lasting"]:
            return
