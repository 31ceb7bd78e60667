"""Ways out of a sandbox that go by the kernel; run inside, and bare as the control.

Standard library only. Each attempt is harmless where it works: it opens what it could write to,
mounts in its own mount namespace, traces its own child. What worked is printed. Calls
that the filter refuses by number are in `test_sandbox.py`.
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

CLONE_NEWUSER, PTRACE_SEIZE = 0x10000000, 0x4206
KEYCTL, CLONE = {"x86_64": (250, 56), "aarch64": (219, 220)}[platform.machine()]
LIBC = ctypes.CDLL(None, use_errno=True)
ORDINARY_DEVICES = {
    "console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
    "stdout", "tty", "urandom", "zero", "mqueue",
}  # fmt: skip
GROUPS = ["/sys/fs/cgroup/", "/sys/fs/cgroup/memory/", "/sys/fs/cgroup/pids/"]


def call(name, *arguments):
    number = getattr(LIBC, name)(*arguments)
    if number == -1:
        raise OSError(ctypes.get_errno(), name)
    return number


def must(condition):
    if not condition:
        raise OSError("no")


def opens(*paths):
    """Open any one of them to write."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return
    raise OSError("none")


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
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        call("ptrace", PTRACE_SEIZE, pid, 0, 0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def cloned_namespace():
    pid = call("syscall", CLONE, CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def set_user_id():
    """Become root by a file that says so."""
    with open("/usr/bin/id", "rb") as file, open("/tmp/own-id", "wb") as copy:
        copy.write(file.read())
    os.chmod("/tmp/own-id", 0o6755)
    try:
        output = subprocess.run(["/tmp/own-id", "-u"], stdout=subprocess.PIPE, check=True).stdout
    finally:
        os.unlink("/tmp/own-id")
    must(output.strip() == b"0")


def has_status(wanted):
    with open("/proc/self/status") as file:
        must(any(map(wanted, file)))


def made_device():
    """Make the machine's memory a file of ours."""
    os.mknod("/tmp/own-memory", 0o20666, os.makedev(1, 1))
    os.unlink("/tmp/own-memory")


def mounted_group():
    os.makedirs("/tmp/own-cgroup", exist_ok=True)
    call("mount", b"none", b"/tmp/own-cgroup", b"cgroup2", 0, None)


def left_open():
    """Find something open that is no pipe, or a folder to walk out by."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            goal = os.readlink("/proc/self/fd/" + name)
            is_ours = goal.startswith(("/proc/", "anon_inode:"))
            if not is_ours and (int(name) > 2 or os.path.isdir("/proc/self/fd/" + name)):
                return
    raise OSError("none")


def write_to_the_root():
    """Write a file to what every sandbox is made of."""
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
    "cgroup": lambda: opens(*(folder + "cgroup.procs" for folder in GROUPS)),
    "release_agent": lambda: opens(*(folder + "release_agent" for folder in GROUPS)),
    "a mounted cgroup": mounted_group,
    "a file in the root": write_to_the_root,
    "ptrace": traced_child,
    "a user namespace": lambda: in_child(lambda: call("unshare", CLONE_NEWUSER)),
    "a cloned user namespace": cloned_namespace,
    "setuid": lambda: in_child(lambda: os.setuid(0)),
    "a set-user-id file": set_user_id,
    "capabilities": lambda: has_status(
        lambda line: line.startswith("Cap") and int(line.split()[1], 16)
    ),
    "privileges to gain": lambda: has_status(lambda line: line == "NoNewPrivs:\t0\n"),
    "keyctl": lambda: call("syscall", KEYCTL, 0, -3, 1),
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "a device": made_device,
    "devices of the machine": lambda: must(set(os.listdir("/dev")) - ORDINARY_DEVICES),
    "what was left open": left_open,
    "other processes": lambda: must(sum(map(str.isdigit, os.listdir("/proc"))) > 4),
}


def main():
    """Print what worked, and who we are."""
    done = []
    for name, work in ATTEMPTS.items():
        try:
            work()
        except Exception as problem:  # any refusal is a wall
            print(f"{name}: {problem}", file=sys.stderr)
        else:
            done.append(name)
    print(json.dumps({"done": done, "user": os.getuid(), "tried": list(ATTEMPTS)}))


if __name__ == "__main__":
    main()
