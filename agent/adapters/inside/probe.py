"""Look around in a room and try its walls; prints one JSON object.

Runs in the room with only the standard library. Judges nothing: what it found and what it could
do is held against the limits by `agent/adapters/rooms/attempts.py`, outside.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from typing import Any

CLONE_NEWUSER = 0x10000000
PTRACE_SEIZE = 0x4206
KEYCTL_GET_KEYRING_ID = 0


def attempt(work: Any) -> str:
    """Do something forbidden; return `done` or the error's name."""
    try:
        work()
    except OSError as problem:
        return problem.strerror or str(problem)
    return "done"


def status() -> dict[str, str]:
    """Read the kernel's word on this process."""
    with open("/proc/self/status") as file:
        pairs = (line.partition(":") for line in file)
        return {name: value.strip() for name, _, value in pairs}


def write_into(folder: str) -> Any:
    """Make the attempt to leave a file there."""

    def work() -> None:
        path = os.path.join(folder, "mergewright-probe")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(path)

    return work


def writable_mounts() -> dict[str, int]:
    """Map every folder on a file system that takes files to the size of that file system."""
    found = {}
    with open("/proc/self/mounts") as file:
        targets = [line.split()[1] for line in file]
    for target in targets:
        if os.path.isdir(target) and attempt(write_into(target)) == "done":
            state = os.statvfs(target)
            found[target] = state.f_blocks * state.f_frsize
    return found


def identities() -> dict[str, list[int]]:
    """Say which folders those of the root file system are."""
    found = {}
    for folder in ("/usr", "/bin", "/lib", "/opt", "/var", "/home", "/srv", "/etc/ssl/certs"):
        if os.path.isdir(folder):
            state = os.stat(folder)
            found[folder] = [state.st_dev, state.st_ino]
    return found


def connect(family: int, address: Any) -> Any:
    """Make the attempt to reach a listener."""

    def work() -> None:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(2)
            client.connect(address)
            client.sendall(b"out")

    return work


def send_datagram() -> None:
    """Send to an address that is reserved for documentation."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"out", ("192.0.2.1", 53))


def call(name: str, *args: Any) -> Any:
    """Make the attempt to use a function of the C library."""

    def work() -> None:
        library = ctypes.CDLL(None, use_errno=True)
        if getattr(library, name)(*args) == -1:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    return work


def main() -> None:
    """Print what was found."""
    port, abstract = int(sys.argv[1]), sys.argv[2]
    told = status()
    print(
        json.dumps(
            {
                "folders": {
                    folder: attempt(write_into(folder))
                    for folder in ("/", "/usr", "/etc", "/usr/bin", "/dev", "/room")
                },
                "root": identities(),
                "sealed": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
                "tree": attempt(write_into("/src")),
                "mounts": writable_mounts(),
                "interfaces": [name for _, name in socket.if_nameindex()],
                "loopback": attempt(connect(socket.AF_INET, ("127.0.0.1", port))),
                "abstract": attempt(connect(socket.AF_UNIX, "\0" + abstract)),
                "datagram": attempt(send_datagram),
                "raw": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
                "privileges": [told.get("NoNewPrivs", "not told")],
                "filter": told.get("Seccomp", "0"),
                "capabilities": [
                    told.get(name, "ffff") for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")
                ],
                "unshare": attempt(call("unshare", CLONE_NEWUSER)),
                "trace": attempt(call("ptrace", PTRACE_SEIZE, 1, 0, 0)),
                "runner": attempt(lambda: os.close(os.open("/proc/1/mem", os.O_RDONLY))),
                "runner_files": attempt(lambda: os.listdir("/proc/1/fd")),
                "runner_killed": attempt(lambda: os.kill(1, 9)),
                "sysctl": attempt(lambda: open("/proc/sys/kernel/core_pattern", "w").close()),
                "environ": sorted(os.environ),
                "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
                "user": os.getuid(),
                "namespaces": {
                    name: os.readlink("/proc/self/ns/" + name)
                    for name in ("ipc", "mnt", "net", "pid", "user", "uts")
                },
            }
        )
    )


main()
