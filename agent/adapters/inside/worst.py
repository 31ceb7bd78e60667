"""The worst that code in a room may try, one function each; chosen by the first argument.

Runs in the room with only the standard library, for `mergewright doctor` and for tests: what takes
more than a line of shell (`rooms/attempts.py`). Dots tell how far it came in a room that was ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time

MIB = 1024 * 1024
CLONE_NEWUSER = 0x10000000
PTRACE_SEIZE = 0x4206


def say(letter: bytes) -> None:
    """Print at once."""
    os.write(1, letter)


def attempt(work, *args) -> str:
    """Do something forbidden; return `done` or the error's name."""
    try:
        work(*args)
    except OSError as problem:
        return problem.strerror or str(problem)
    return "done"


def write_into(folder: str) -> None:
    """Leave a file there, and take it away."""
    path = os.path.join(folder, "mergewright-probe")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)


def reach(family: int, address: object, kind: int = socket.SOCK_STREAM) -> None:
    """Send something there."""
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.connect(address)
        client.sendall(b"out")


def call(name: str, *args: int) -> None:
    """Use a function of the C library."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*args) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def look(port: str, abstract: str, *namespaces: str) -> None:
    """Try the walls, print one JSON object of what happened, and stay to be seen from outside."""
    with open("/proc/self/status") as file:
        status = {name: value.strip() for name, value in (line.split(":", 1) for line in file)}
    with open("/proc/self/mounts") as file:
        mounts = sorted({line.split()[1] for line in file})
    places = [one for one in mounts if os.path.isdir(one) and attempt(write_into, one) == "done"]
    folders = ("/", "/usr", "/etc", "/usr/bin", "/dev", "/room")
    sets = (status.get(name, "ffff") for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"))
    seen = {
        "written": [folder for folder in folders if attempt(write_into, folder) == "done"],
        "writable": {one: os.statvfs(one).f_blocks * os.statvfs(one).f_frsize for one in places},
        "sealed": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
        "tree": attempt(write_into, "/src"),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "loopback": attempt(reach, socket.AF_INET, ("127.0.0.1", int(port))),
        "abstract": attempt(reach, socket.AF_UNIX, "\0" + abstract),
        # An address that is reserved for documentation.
        "datagram": attempt(reach, socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM),
        "raw": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
        "no new privileges": status.get("NoNewPrivs"),
        "capabilities": [word for word in sets if int(word, 16)],
        "filter": status.get("Seccomp"),
        "unshare": attempt(call, "unshare", CLONE_NEWUSER),
        "trace": attempt(call, "ptrace", PTRACE_SEIZE, 1, 0, 0),
        "memory": attempt(lambda: os.close(os.open("/proc/1/mem", os.O_RDONLY))),
        "descriptors": attempt(os.listdir, "/proc/1/fd"),
        "kill": attempt(os.kill, 1, 9),
        "sysctl": attempt(lambda: open("/proc/sys/kernel/core_pattern", "w").close()),
        "variables": sorted(os.environ),
        "other processes": sorted(
            {name for name in os.listdir("/proc") if name.isdigit()} - {"1", str(os.getpid())}
        ),
        "namespaces": [os.readlink("/proc/self/ns/" + name) for name in namespaces],
        "usr": [os.stat("/usr").st_dev, os.stat("/usr").st_ino],
    }
    say(json.dumps(seen).encode())
    time.sleep(1)


def forks(wanted: str) -> None:
    """Start as many processes as it can, a dot for each."""
    for _ in range(int(wanted)):
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError:
            break
        say(b".")
    time.sleep(60)


def hog(children: str, mib: str) -> None:
    """Let children fill memory, a dot for each that got it, and end well itself."""
    for _ in range(int(children)):
        if os.fork() == 0:
            try:
                held = bytearray(b"x") * (int(mib) * MIB)
            except MemoryError:
                os._exit(1)
            say(b".")
            time.sleep(1)
            os._exit(0 if held else 1)
    for _ in range(int(children)):
        os.wait()


def write(path: str, content: bytes) -> None:
    """Write into whatever that is."""
    with open(path, "wb", buffering=0) as file:
        file.write(content)


def forge() -> None:
    """Claim success by every way out, attack process 1, and end with 7."""
    claim = b'{"exit_code": 0, "limit": null, "files": [], "refused": []}'
    frames = b"".join(
        struct.pack("!16sBQ", bytes(16), kind, len(body)) + body
        for kind, body in ((1, b"{}"), (2, claim))
    )
    for number in range(256):
        attempt(write, "/proc/1/fd/%d" % number, frames)
        attempt(write, "/proc/self/fd/%d" % number, frames)
        attempt(os.write, number, frames)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        attempt(os.kill, 1, number)
    os._exit(7)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
