"""Try to break the limits of a sandbox, where a line of shell is not enough.

Runs in the sandbox with only the standard library; the first argument is the function's name.
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
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

CLONE_NEWUSER, PTRACE_SEIZE = 0x10000000, 0x4206
VARIABLES = {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "LC_CTYPE"}


def list_successful_attempts(**attempts) -> list[str]:
    done = []
    for name, attempt in attempts.items():
        with suppress(OSError):
            if attempt() != -1:
                done.append(name)
    return done


def inspect(host_facts: str) -> None:
    """Print, by limit, what breaks it; then wait, so that the host can inspect the process."""
    host = json.loads(host_facts)
    library, usr = ctypes.CDLL(None), os.stat("/usr")
    mounts = {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
    places = list_successful_attempts(
        **{place: partial(TemporaryFile, dir=place) for place in mounts}
    )
    sizes = {place: os.statvfs(place).f_blocks * os.statvfs(place).f_frsize for place in places}
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    wanted = {"NoNewPrivs": 1, "CapEff": 0, "CapPrm": 0, "CapBnd": 0, "CapAmb": 0}
    links = {name: os.readlink("/proc/self/ns/" + name) for name in host["namespaces"]}
    shared = {name for name, link in host["namespaces"].items() if link == links[name]}
    others = set(os.listdir("/proc")) - {"1", str(os.getpid())}
    seen = {
        "read-only root": [at for at in places if not 0 < sizes[at] <= host["sizes"].get(at, 0)]
        + ([] if os.statvfs("/").f_flag & os.ST_RDONLY else ["not sealed"]),
        "source tree": list_successful_attempts(written=partial(TemporaryFile, dir="/src")),
        "no network": [name for _, name in socket.if_nameindex() if name != "lo"]
        + list_successful_attempts(
            loopback=lambda: socket.create_connection(("127.0.0.1", host["port"]), 2),
            abstract=lambda: socket.socket(socket.AF_UNIX).connect("\0" + host["abstract"]),
            # The address is reserved for documentation.
            datagram=lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
            raw=lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        ),
        "no privileges": [
            name for name in wanted if int(status.get(name, "-1"), 16) != wanted[name]
        ],
        "kernel call filter": [] if status.get("Seccomp", "").strip() == "2" else ["none"],
        "own namespaces": sorted(shared - {"user"}),
        "own user ids": sorted(shared & {"user"}),
        "no new namespaces": list_successful_attempts(
            unshare=lambda: library.unshare(CLONE_NEWUSER),
            sysctl=partial(open, "/proc/sys/kernel/core_pattern", "w"),
        ),
        "runner not reachable": list_successful_attempts(
            trace=lambda: library.ptrace(PTRACE_SEIZE, 1, 0, 0),
            memory=partial(open, "/proc/1/mem"),
            descriptors=lambda: os.listdir("/proc/1/fd"),
        ),
        "clean environment": sorted(set(os.environ) - VARIABLES),
        "own processes only": sorted(filter(str.isdigit, others)),
        "own root file system": ["/usr"] if [usr.st_dev, usr.st_ino] == host["usr"] else [],
    }
    print(json.dumps(seen), flush=True)
    time.sleep(3)


def forge() -> None:
    """Write a false success to every descriptor, attack process 1, and exit with 7."""
    claim = b'{"exit_code": 0, "limit": null, "files": [], "refused": []}'
    content = struct.pack("!16sBQ", bytes(16), 2, len(claim)) + claim
    for number in range(256):
        paths = Path(f"/proc/1/fd/{number}"), Path(f"/proc/self/fd/{number}")
        list_successful_attempts(
            **{str(path): partial(path.write_bytes, content) for path in paths}
        )
        list_successful_attempts(inherited=partial(os.write, number, content))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        list_successful_attempts(killed=partial(os.kill, 1, number))
    os._exit(7)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
