"""Run a command under process 1: start it, enforce its limits, and end all its processes.

Part of `runner.py`. It trusts no report of foreign code: limits are read from the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import select
import signal
import time
from contextlib import suppress

TYPE_CHECKING = False  # to load typing would take a tenth of the time in which a sandbox opens
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

    Order = dict[str, Any]
    """The order that `agent/sandbox/layout.py` encodes."""

TICK_SECONDS = 0.1
PIECE_BYTES = 1 << 18
PR_SET_DUMPABLE = 4
F_SETPIPE_SZ = 1031
IPC_RMID = 0


class SetupError(Exception):
    """The sandbox could not be prepared as ordered."""


# --- starting --------------------------------------------------------------------------------


def set_dumpable(*, allowed: bool) -> None:
    """Allow or forbid processes of the same user to trace this one and open its descriptors."""
    if ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, int(allowed), 0, 0, 0) != 0:
        raise SetupError("prctl(PR_SET_DUMPABLE) was refused")


def keep_only(wanted: set[int]) -> None:
    """Close all descriptors above 2 but the wanted ones."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in wanted:
            with suppress(OSError):  # the descriptor of the listing is closed already
                os.close(number)


def exec_program(path: str, argv: list[str], environ: dict[str, str]) -> NoReturn:
    """Replace this forked process by a program; never returns."""
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
    """Limit this process and all that it starts; no process in the sandbox may raise a limit."""
    for name, value in order["rlimits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (bound, bound))
        except ValueError:
            # A kernel without message queues refuses a limit for them.
            if name != "RLIMIT_MSGQUEUE":
                raise
    # A process may write to this file of its own only if dumpable; no foreign code runs yet.
    set_dumpable(allowed=True)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")  # without memory, the kernel ends foreign code before process 1


def start_command(
    order: Order, argv: list[str], environ: dict[str, str], kept: Iterable[int] = ()
) -> tuple[int, int]:
    """Start a command with only /dev/null and its output open; return its pid and output pipe.

    Args:
        kept: Further descriptors that stay open.
    """
    reading, writing = os.pipe()
    with suppress(OSError):  # the size of a user's pipes is bounded; small ones only cost speed
        fcntl.fcntl(reading, F_SETPIPE_SZ, 4 * PIECE_BYTES)
    pid = os.fork()
    if pid != 0:
        os.close(writing)
        return pid, reading
    try:
        os.setsid()  # process 1 outlives the command, so they must not share a group
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        keep_only({*kept})
        os.umask(0o022)
        missing = "the limits could not be set, so nothing was started"
        try:
            set_limits(order)
            missing = "no working directory"
            os.chdir(order["directory"])
        except (OSError, ValueError) as problem:
            os.write(2, ("mergewright: %s: %s\n" % (missing, problem)).encode())
            os._exit(127)
        exec_program(argv[0], argv, environ)
    finally:
        os._exit(127)


# --- while it runs ---------------------------------------------------------------------------


class RunningCommand:
    """A running command: passes its output on, and checks its limits.

    A full disk ends the command, except in a session, where the command itself fails.
    """

    def __init__(self, order: Order, seconds: float, print_piece: Callable[[bytes], None]) -> None:
        """Begin to count seconds and file names; the command starts afterwards."""
        self.order = order
        self.until = time.monotonic() + seconds
        self.print_piece = print_piece
        self.names = count_names(order)

    def wait(self, pid: int, reading: int, requests: int) -> tuple[int | None, str | None]:
        """Wait for the command's end or the first limit; return exit code and limit.

        If the host has ended, this process exits.
        """
        ended = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(requests, 0)
        for descriptor in (ended, reading):
            poll.register(descriptor, select.POLLIN)
        look = 0.0
        try:
            while True:
                code = reap(pid)
                if code is not None:
                    full = None if self.order["lasting"] else find_full_disk(self.order)
                    return code, find_counted_limit(self.order) or full
                now = time.monotonic()
                if now >= look:
                    look = now + TICK_SECONDS
                    limit = self.find_limit()
                    if limit is not None:
                        return None, limit
                # Time comes last: after a long pause, another limit may have been reached, too.
                if now >= self.until:
                    return None, "time"
                for descriptor, _ in poll.poll(min(TICK_SECONDS, self.until - now) * 1000):
                    if descriptor == requests:
                        os._exit(1)  # the host has ended; with process 1 all others end
                    if descriptor == reading and not self.pass_on(reading):
                        poll.unregister(reading)
        finally:
            os.close(ended)

    def pass_on(self, reading: int) -> bool:
        content = os.read(reading, PIECE_BYTES)
        if content:
            self.print_piece(content)
        return bool(content)

    def find_limit(self) -> str | None:
        if not self.order["lasting"]:
            limit = find_counted_limit(self.order) or find_full_disk(self.order)
        else:
            # Names use kernel memory, which the command's end does not free.
            is_full = count_names(self.order) > max(self.names, self.order["inodes"])
            limit = "disk" if is_full else None
        return limit or find_sampled_limit(self.order)


def reap(wanted: int) -> int | None:
    """Wait for all ended processes; return the exit code of the wanted one once it has ended."""
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


def reset_counters(order: Order) -> None:
    for counter in order["counters"]:
        counter["before"] = read_counter(counter)


def find_counted_limit(order: Order) -> str | None:
    """Return the limit that the kernel has enforced since the last reset."""
    for counter in order["counters"]:
        if read_counter(counter) > counter.get("before", 0):
            limit: str = counter["limit"]
            return limit
    return None


def read_counter(counter: dict[str, Any]) -> int:
    with suppress(OSError), open(counter["path"]) as file:
        for line in file:
            word, _, number = line.partition(" ")
            if word == counter["word"]:
                return int(number)
    return 0


def find_full_disk(order: Order) -> str | None:
    """Return `disk` if a writable place has no space left for bytes or names."""
    for place in order["places"]:
        state = os.statvfs(place)
        if state.f_blocks and state.f_bavail == 0:
            return "disk"
        used = state.f_files - state.f_ffree
        if state.f_files and (used > order["inodes"] or state.f_ffree == 0):
            return "disk"
    return None


def count_names(order: Order) -> int:
    states = [os.statvfs(place) for place in order["places"]]
    return max(state.f_files - state.f_ffree for state in states)


def find_sampled_limit(order: Order) -> str | None:
    """Return the limit that all processes together exceed, where no control group counts."""
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
            continue  # the process has just ended
        memory += (int(resident) - int(shared)) * page
    for place in order["places"]:
        state = os.statvfs(place)
        memory += (state.f_blocks - state.f_bfree) * state.f_frsize
    if memory > order["sampled_memory"]:
        return "memory"
    if tasks >= order["sampled_tasks"]:
        return "processes"
    return None


# --- at its end ------------------------------------------------------------------------------


def end_everything() -> None:
    """Kill all other processes and wait for their end."""
    while True:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)


def remove_shared() -> None:
    """Remove shared memory, semaphores and queues of the kernel, which outlive processes."""
    library = ctypes.CDLL(None)
    for kind, arguments in (("shm", ()), ("msg", ()), ("sem", (0,))):
        with suppress(OSError), open("/proc/sysvipc/" + kind) as file:
            for line in file.readlines()[1:]:
                number = int(line.split()[1])
                getattr(library, kind + "ctl")(number, *arguments, IPC_RMID, None)
