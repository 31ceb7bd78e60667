"""Ways out of a sandbox that go by the kernel; run inside, and bare as the control.

Standard library only. Each attempt is harmless where it works: it opens what it could write to,
mounts in whatever mount namespace it is in, traces its own child. What worked is printed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import signal
import socket
import subprocess
import sys

CLONE_NEWUSER = 0x10000000
PTRACE_SEIZE = 0x4206
COLUMN = {"x86_64": 0, "aarch64": 1}[platform.machine()]
CALLS = {"keyctl": (250, 219), "clone": (56, 220)}
LIBC = ctypes.CDLL(None, use_errno=True)
ORDINARY_DEVICES = {
    "console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
    "stdout", "tty", "urandom", "zero", "mqueue",
}  # fmt: skip


def call(name, *arguments):
    """Use a function of the C library."""
    if getattr(LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def kernel(name, *arguments):
    """Make a kernel call by its number."""
    number = LIBC.syscall(CALLS[name][COLUMN], *arguments)
    if number == -1:
        raise OSError(ctypes.get_errno(), name)
    return number


def must(condition):
    """Fail unless it is so."""
    if not condition:
        raise OSError("no")


def opens(*paths, flags=os.O_WRONLY):
    """Open any one of them."""
    problem = OSError("none")
    for path in paths:
        try:
            os.close(os.open(path, flags | os.O_NONBLOCK))
        except OSError as found:
            problem = found
        else:
            return
    raise problem


def in_child(work):
    """Do it in a process of its own, which is over afterwards."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            work()
            os._exit(0)
        os._exit(1)
    must(os.waitpid(pid, 0)[1] == 0)


def traced_child():
    """Trace a child of our own."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        call("ptrace", PTRACE_SEIZE, pid, 0, 0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def cloned_namespace():
    """Start a child in a user namespace of its own."""
    pid = kernel("clone", CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def set_user_id():
    """Become root by a file that says so."""
    with open("/usr/bin/id", "rb") as file, open("/tmp/own-id", "wb") as own:
        own.write(file.read())
    os.chmod("/tmp/own-id", 0o6755)
    try:
        said = subprocess.run(["/tmp/own-id", "-u"], stdout=subprocess.PIPE, check=True).stdout
    finally:
        os.unlink("/tmp/own-id")
    must(said.strip() == b"0")


def capabilities():
    """Hold any."""
    with open("/proc/self/status") as file:
        masks = [line.split()[1] for line in file if line.startswith("Cap")]
    must(any(int(mask, 16) for mask in masks if mask))


def may_gain_privileges():
    """Be allowed to gain some by a program."""
    with open("/proc/self/status") as file:
        must("NoNewPrivs:\t0\n" in file.readlines())


def made_device():
    """Make the machine's memory a file of ours."""
    os.mknod("/tmp/own-memory", 0o20666, os.makedev(1, 1))
    os.unlink("/tmp/own-memory")


def mounted(kind, place):
    """Mount a file system."""

    def work():
        os.makedirs(place, exist_ok=True)
        call("mount", b"none", place.encode(), kind, 0, None)

    return work


def left_open():
    """Find something open that is no pipe, or a folder to walk out by."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            goal = os.readlink("/proc/self/fd/" + name)
            if int(name) > 2 and not goal.startswith(("/proc/", "anon_inode:")):
                return
            if os.path.isdir("/proc/self/fd/" + name) and not goal.startswith("/proc/"):
                return
    raise OSError("none")


def other_processes():
    """See more processes than a sandbox has."""
    must(sum(name.isdigit() for name in os.listdir("/proc")) > 4)


def write_to_the_root():
    """Leave a file in what every sandbox is made of."""
    for folder in ("/", "/usr", "/usr/bin", "/etc", "/lib"):
        with contextlib.suppress(OSError):
            path = os.path.join(folder, f".mergewright-attack-{os.getpid()}")
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            os.unlink(path)
            return
    raise OSError("none")


ATTEMPTS = {
    "the root of process 1": lambda: os.listdir("/proc/1/root/"),
    "the memory of process 1": lambda: opens("/proc/1/mem"),
    "core_pattern": lambda: opens("/proc/sys/kernel/core_pattern"),
    "cgroup": lambda: opens(
        "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs",
        "/sys/fs/cgroup/pids/cgroup.procs",
    ),
    "release_agent": lambda: opens(
        "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent",
        "/sys/fs/cgroup/pids/release_agent",
    ),
    "a mounted cgroup": mounted(b"cgroup2", "/tmp/own-cgroup"),
    "a file in the root": write_to_the_root,
    "ptrace": traced_child,
    "a user namespace": lambda: in_child(lambda: call("unshare", CLONE_NEWUSER)),
    "a cloned user namespace": cloned_namespace,
    "setuid": lambda: in_child(lambda: os.setuid(0)),
    "a set-user-id file": set_user_id,
    "capabilities": capabilities,
    "privileges to gain": may_gain_privileges,
    "keyctl": lambda: kernel("keyctl", 0, -3, 1),
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "a device": made_device,
    "devices of the machine": lambda: must(set(os.listdir("/dev")) - ORDINARY_DEVICES),
    "what was left open": left_open,
    "other processes": other_processes,
}  # fmt: skip


def main():
    """Print what worked, and who we are."""
    done = []
    for name, work in ATTEMPTS.items():
        try:
            work()
        except Exception as problem:  # whatever refuses it is a wall
            print(f"{name}: {problem}", file=sys.stderr)
        else:
            done.append(name)
    print(json.dumps({"done": done, "user": os.getuid(), "tried": list(ATTEMPTS)}))


if __name__ == "__main__":
    main()
