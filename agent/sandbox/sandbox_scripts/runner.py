"""The first program inside a sandbox: lays the files out, runs one command, hands results back.

Runs as process 1 of the sandbox's own pid namespace, with only the standard library of Python 3.9
or later (`-I -S`). Foreign code runs as the same user beside it, so it relies on what the kernel
grants process 1: no signal from inside the sandbox reaches it, and once it is not dumpable nobody
inside can trace it or open its descriptors. When the command is over it kills everything else,
so that files are collected from a sandbox in which nothing moves.

It reads its order (descriptor 2nd argument, a file or standard input) once the host has put it
under its limits and sent the 16 bytes that sign every frame (standard input). It answers on a pipe
(descriptor 1st argument, which may be that of the errors): `started`, `ended` with the exit code
and the list of files, then the bytes of each file. The host believes nothing else, and no exit
status of this process.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from contextlib import suppress

import collection
import watching

TYPE_CHECKING = False  # to load typing would take a tenth of the time in which a sandbox opens
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Order = dict[str, Any]
    """What `agent/sandbox/runtime/request_format.py` writes down."""

STARTED, ENDED, CONTENT, FAILED = 1, 2, 3, 4
FRAME = struct.Struct("!16sBQ")
TICK_SECONDS = 0.1
MOST_TOUCHED = 10
PR_SET_DUMPABLE, PR_SET_SECCOMP = 4, 22
SECCOMP_MODE_FILTER = 2
FILTER_STEP_BYTES = 8


class Channel:
    """The way out: signed, length-framed messages to the host."""

    def __init__(self, descriptor: int, nonce: bytes) -> None:
        self.descriptor = descriptor
        self.nonce = nonce

    def send(self, kind: int, message: dict[str, Any]) -> None:
        """Send one JSON message."""
        content = json.dumps(message).encode("ascii")
        self.open_frame(kind, len(content))
        self.write(content)

    def open_frame(self, kind: int, length: int) -> None:
        """Announce `length` bytes, which the caller then writes."""
        self.write(FRAME.pack(self.nonce, kind, length))

    def write(self, content: bytes) -> None:
        """Write all of it."""
        view = memoryview(content)
        while view:
            view = view[os.write(self.descriptor, view) :]


class SetupError(Exception):
    """The sandbox could not be laid out as ordered."""


def close_the_doors() -> None:
    """Make this process out of reach for the code that will run beside it."""
    if os.getpid() != 1:
        # Ending the sandbox means killing everything this process can see.
        raise SystemExit("mergewright: the sandbox has no process ids of its own")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # For process 1 the default action means: signals from inside the sandbox are dropped.
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    set_dumpable(allowed=False)


def set_dumpable(*, allowed: bool) -> None:
    """Say whether others of the same user may trace this process and open its descriptors."""
    if ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, int(allowed), 0, 0, 0) != 0:
        raise SetupError("prctl(PR_SET_DUMPABLE) was refused")


def refuse_calls(program: bytes) -> None:
    """Give up kernel calls for good, for this process and all that it starts.

    Where whoever made the sandbox has laid a filter of its own, each refuses what it refuses.
    """
    steps = ctypes.create_string_buffer(program)
    told = struct.pack("HP", len(program) // FILTER_STEP_BYTES, ctypes.addressof(steps))
    library = ctypes.CDLL(None, use_errno=True)
    mode = ctypes.c_ulong(SECCOMP_MODE_FILTER)
    if library.prctl(PR_SET_SECCOMP, mode, ctypes.c_char_p(told)) != 0:
        raise SetupError("the filter of kernel calls: %s" % os.strerror(ctypes.get_errno()))


def read_exactly(descriptor: int, length: int) -> bytes:
    """Read `length` bytes or fail."""
    parts = []
    while length:
        part = os.read(descriptor, min(length, 1 << 20))
        if not part:
            raise SetupError("the order ended early")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


# --- before the command ----------------------------------------------------------------------


def copy_tree(source: str, target: str) -> None:
    """Copy the work tree with modes, times and links."""
    pid = os.fork()
    if pid == 0:
        become("cp", ["cp", "-a", source + "/.", target], {"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    if os.waitpid(pid, 0)[1] != 0:
        raise SetupError("the tree could not be copied")
    os.chmod(target, 0o755)  # noqa: S103 - whatever the mode of the folder it was copied from


def lay_file(path: str, content: bytes) -> None:
    """Write one ordered file; whatever had its name before is replaced, not followed.

    Scripts may be started.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(path)
    mode = 0o755 if content.startswith(b"#!") else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def keep_only(wanted: set[int]) -> None:
    """Close every descriptor but the standard ones and these."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in wanted:
            with suppress(OSError):  # the listing's own descriptor is closed already
                os.close(number)


# --- the command -----------------------------------------------------------------------------


def become(path: str, argv: list[str], environ: dict[str, str]) -> NoReturn:
    """Turn this forked process into a program; never returns."""
    try:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        if os.path.sep in path:
            os.execve(path, argv, environ)  # noqa: S606 - this is what a sandbox is for
        os.execvpe(path, argv, environ)  # noqa: S606
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        text = "mergewright: cannot start %s: %s\n" % (path, why)
        os.write(2, text.encode("utf-8", "surrogateescape"))
        refused = getattr(problem, "errno", None) in (errno.EACCES, errno.ENOEXEC)
        os._exit(126 if refused else 127)
    finally:
        os._exit(127)


def set_limits(order: Order) -> None:
    """Bound this process and all that it starts; nobody in the sandbox may raise these again."""
    for name, value in order["rlimits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (bound, bound))
        except ValueError:
            if name not in order["wishes"]:
                raise
    # The file belongs to us only while we are dumpable; nothing foreign has been started yet.
    set_dumpable(allowed=True)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")  # should memory run out, foreign code goes before process 1


def start_command(order: Order, environ: dict[str, str], output: int = 1) -> int:
    """Start the ordered command with nothing open but null, output and output."""
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        if output != 1:
            os.setsid()  # process 1 outlives it, and is to be in no group with it
        os.dup2(output, 1)
        os.dup2(1, 2)
        keep_only(set())
        os.umask(0o022)
        missing = "no limits, so no start"
        try:
            set_limits(order)
            missing = "no working directory"
            os.chdir(order["directory"])
        except (OSError, ValueError) as problem:
            os.write(2, ("mergewright: %s: %s\n" % (missing, problem)).encode())
            os._exit(127)
        become(order["argv"][0], order["argv"], environ)
    finally:
        os._exit(127)


def supervise(
    pid: int, order: Order, host: select.poll, watch: watching.Watch
) -> tuple[int | None, str | None]:
    """Wait for the command, the first limit, or the host's end; return (exit code, limit)."""
    deadline = time.monotonic() + order["seconds"]
    while True:
        watch.look()
        code = reap(pid)
        if code is not None:
            return code, counted_limit(order) or full_place(order)
        limit = counted_limit(order) or full_place(order) or sampled_limit(order)
        if limit is not None:
            return None, limit
        # Last: who was not let run for long may find several reached, and time is then the least.
        if time.monotonic() >= deadline:
            return None, "time"
        if host.poll(0):
            os._exit(1)  # and with process 1 all others end
        wait = min(TICK_SECONDS, max(0.0, deadline - time.monotonic()))
        signal.sigtimedwait({signal.SIGCHLD}, wait)


def reap(wanted: int) -> int | None:
    """Collect whatever has ended; return the exit code of the wanted process once it has."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == wanted:
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def counted_limit(order: Order) -> str | None:
    """Name the limit that the kernel has counted since the start, where it tells us."""
    for counter in order["counters"]:
        if count(counter) > counter.get("before", 0):
            limit: str = counter["limit"]
            return limit
    return None


def count(counter: dict[str, Any]) -> int:
    """Read one of the kernel's counters; 0 where it is not shown."""
    with suppress(OSError), open(counter["path"]) as file:
        for line in file:
            word, _, number = line.partition(" ")
            if word == counter["word"]:
                return int(number)
    return 0


def full_place(order: Order) -> str | None:
    """Say `disk` when a writable place has no space left, for bytes or for names."""
    for place in order["places"]:
        state = os.statvfs(place)
        if state.f_blocks and state.f_bavail == 0:
            return "disk"
        used = state.f_files - state.f_ffree
        if state.f_files and (used > order["inodes"] or state.f_ffree == 0):
            return "disk"
    return None


def sampled_limit(order: Order) -> str | None:
    """Add up what all processes use, where no cgroup does it for us."""
    if order["sampled_memory"] is None:
        return None
    memory = tasks = 0
    page = resource.getpagesize()
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open("/proc/%s/statm" % name) as file:
                resident, shared = file.read().split()[1:3]
            with open("/proc/%s/stat" % name) as file:
                tasks += int(file.read().rpartition(")")[2].split()[17])
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
        memory += (int(resident) - int(shared)) * page
    for place in order["places"]:
        state = os.statvfs(place)
        memory += (state.f_blocks - state.f_bfree) * state.f_frsize
    if memory > order["sampled_memory"]:
        return "memory"
    if tasks >= order["sampled_tasks"]:
        return "processes"
    return None


def end_everything() -> None:
    """Kill all other processes and see them gone."""
    while True:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)


# --- what is handed back ---------------------------------------------------------------------


def hand_back(channel: Channel, message: dict[str, Any], order: Order) -> None:
    """Send how the command ended and everything that may leave the sandbox."""
    found = collection.Collection(order)
    found.gather()
    if message["limit"] is None and found.over:
        message["limit"] = "returned"
    files = [{"path": path, "size": size} for path, size in found.files.items()]
    channel.send(ENDED, {**message, "files": files, "refused": found.refused})
    for path, size in found.files.items():
        channel.open_frame(CONTENT, size)
        with collection.open_plain(path) as file:
            left = size
            while left:
                part = file.read(min(left, 1 << 20))
                if not part:
                    raise SetupError("%s shrank while it was read" % path)
                channel.write(part)
                left -= len(part)


# --- all of it -------------------------------------------------------------------------------


def lay_out(order: Order) -> dict[str, str]:
    """Bring the sandbox into the ordered state; return the command's environment."""
    for place in order["places"]:
        if not os.access(place, os.W_OK):
            raise SetupError("%s is not writable" % place)
    os.makedirs(order["home"], exist_ok=True)
    for layer in order["layers"]:
        copy_tree(layer + "/tree", order["tree"])
        copy_tree(layer + "/home", order["home"])
    for folder in [] if order["bulk_is_laid"] else order["bulk"]:
        os.makedirs(folder["to"], exist_ok=True)
        copy_tree(folder["from"], folder["to"])
    if order["source"] is not None:
        copy_tree(order["source"], order["tree"])
    for file in order["files"]:
        try:
            lay_file(file["path"], file["content"])
        except OSError as problem:
            if problem.errno == errno.ENOSPC:
                raise
            text = "%s could not be written: %s" % (file["path"], problem.strerror)
            raise SetupError(text) from problem
    environ = dict(order["environ"])
    if order["proxy"] is not None:
        import relay

        address = "http://127.0.0.1:%d" % relay.start(order["proxy"], keep_only)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            environ[name] = environ[name.lower()] = address
    return environ


def read_order(descriptor: int) -> Order:
    """Read what is to be done, and the files that are to be laid out."""
    length = struct.unpack("!Q", read_exactly(descriptor, 8))[0]
    order: Order = json.loads(read_exactly(descriptor, length))
    for file in order["files"]:
        file["content"] = read_exactly(descriptor, file["size"])
    for counter in order["counters"]:
        counter["before"] = count(counter)
    return order


def begin() -> tuple[Channel, Order, int]:
    """Close the doors and read what is to be done; return also where that was read from."""
    if sys.version_info < (3, 9):
        raise SystemExit("mergewright: the sandbox's python3 is older than 3.9")
    close_the_doors()
    # Numbers of our own, which no program that is started takes over.
    descriptor, order_descriptor = (os.dup(int(number)) for number in sys.argv[1:3])
    keep_only({descriptor, order_descriptor})
    if sys.argv[1] == "2":
        os.dup2(1, 2)
    channel = Channel(descriptor, read_exactly(0, 16))
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    return channel, read_order(order_descriptor), order_descriptor


def prepare(channel: Channel, order: Order) -> dict[str, str] | None:
    """Give up calls and lay out; return the command's environment, or None once it is refused."""
    try:
        if order["filter"] is not None:
            refuse_calls(bytes.fromhex(order["filter"]))
        return lay_out(order)
    except (OSError, SetupError) as problem:
        full = "disk" if getattr(problem, "errno", None) == errno.ENOSPC else None
        full = counted_limit(order) or full_place(order) or full
        channel.send(FAILED, {"limit": full, "message": str(problem)})
        return None


def main() -> None:
    """Serve one order."""
    channel, order, order_descriptor = begin()
    host = select.poll()
    if order["lifeline"]:
        # Nothing more comes this way, but it ends when the host does.
        host.register(order_descriptor, 0)
    else:
        os.close(order_descriptor)
    environ = prepare(channel, order)
    if environ is None:
        return
    try:
        watch = watching.Watch(order["watched"], order["tree"])
    except OSError as problem:
        channel.send(FAILED, {"limit": None, "message": str(problem)})
        return
    channel.send(STARTED, {})
    code, limit = supervise(start_command(order, environ), order, host, watch)
    gone = collection.gone(order)
    end_everything()
    watch.look()
    # Nothing can write to the output any more; closing ours lets the host read to its end.
    os.dup2(0, 1)
    message = {
        "exit_code": code,
        "limit": limit or counted_limit(order),
        "gone": gone,
        "touched": list(watch.touched)[:MOST_TOUCHED],
    }
    hand_back(channel, message, order)
