"""Look around in a room, and at it from outside: which walls it has, and how strong they are.

Each line comes from what code in a room could do (`inside/probe.py`) or from what the kernel says
of that code's processes. What a room may use is tried in `attempts`.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.adapters.rooms import kernel_bounds, layout
from agent.adapters.rooms.bench import LIMITS, Bench, Said
from agent.errors import SandboxLost

_CANARY = "ROOM_CANARY"
_OWN_VARIABLES = {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "LC_CTYPE"}
_OURS = 2
"""Tasks in a room that are the runner's."""


def around(bench: Bench) -> list[Said]:
    """Try the walls from inside."""
    abstract = f"mergewright-{secrets.token_hex(8)}"
    os.environ[_CANARY] = abstract
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as open_port,
            socket.socket(socket.AF_UNIX) as hidden,
        ):
            hidden.bind(f"\0{abstract}")
            hidden.listen()
            argv = bench.argv("probe", str(open_port.getsockname()[1]), abstract)
            result = bench.sandbox.run(bench.order(argv, tree=str(bench.tree)))
            reached = [_was_reached(listener) for listener in (open_port, hidden)]
    finally:
        del os.environ[_CANARY]
    try:
        seen = json.loads(result.output)
    except ValueError as problem:
        raise SandboxLost(f"The probe did not finish: {result.output[-300:]}") from problem
    return [
        _read_only(seen),
        _tree(seen, bench.tree),
        _network(seen, any(reached)),
        _privileges(seen),
        _own_namespaces(seen),
        _own_users(seen),
        _namespaces(seen),
        _runner(seen),
        _environment(seen, abstract in result.output),
        _processes_seen(seen),
        (seen["filter"] == "2", f"seccomp mode {seen['filter']}; ptrace: {seen['trace']}"),
        _own_root(seen),
    ]


def _was_reached(listener: socket.socket) -> bool:
    listener.settimeout(0)
    with suppress(BlockingIOError):
        listener.accept()[0].close()
        return True
    return False


def _read_only(seen: dict[str, Any]) -> Said:
    written = [folder for folder, end in seen["folders"].items() if end == "done"]
    extra = sorted(set(seen["mounts"]) - set(layout.WRITABLE))
    unbounded = [
        place for place, size in seen["mounts"].items() if not 0 < size <= LIMITS.disk_bytes
    ]
    if written or extra or unbounded or not seen["sealed"]:
        return False, (
            f"could write to {sorted({*written, *extra})}; without a size: {sorted(unbounded)};"
            f" / is mounted read-only: {seen['sealed']}"
        )
    tried = ", ".join(seen["folders"])
    return True, f"writing to {tried} failed; only {', '.join(seen['mounts'])} take files"


def _tree(seen: dict[str, Any], tree: Path) -> Said:
    changed = sorted(path.name for path in tree.iterdir())
    held = seen["tree"] != "done" and not changed
    return held, f"writing next to the handed-in files: {seen['tree']}; changed: {changed}"


def _network(seen: dict[str, Any], reached: bool) -> Said:  # noqa: FBT001
    tried = {name: seen[name] for name in ("loopback", "abstract", "datagram", "raw")}
    held = not reached and "done" not in tried.values() and seen["interfaces"] == ["lo"]
    words = ", ".join(f"{name}: {end}" for name, end in tried.items())
    return held, f"interfaces {seen['interfaces']}; {words}; listeners reached: {reached}"


def _privileges(seen: dict[str, Any]) -> Said:
    held = seen["privileges"] == ["1"] and all(int(word, 16) == 0 for word in seen["capabilities"])
    shown = sorted(set(seen["capabilities"]))
    return held, f"NoNewPrivs {seen['privileges'][0]}, capabilities {shown}, uid {seen['user']}"


def _own_namespaces(seen: dict[str, Any]) -> Said:
    shared = _shared_namespaces(seen)
    tried = ", ".join(name for name in seen["namespaces"] if name != "user")
    return not shared - {"user"}, f"compared {tried} with the host; shared: {sorted(shared)}"


def _own_users(seen: dict[str, Any]) -> Said:
    # Without one there is still no root: no privileges, and a host user of the room's own.
    shared = "user" in _shared_namespaces(seen)
    return not shared, f"user ids of the room's own making; shared with the host: {shared}"


def _shared_namespaces(seen: dict[str, Any]) -> set[str]:
    return {
        name
        for name, identity in seen["namespaces"].items()
        if identity == str(Path(f"/proc/self/ns/{name}").readlink())
    }


def _own_root(seen: dict[str, Any]) -> Said:
    here = {name: Path(name).stat() for name in seen["root"] if Path(name).is_dir()}
    shown = [
        name for name, found in here.items() if seen["root"][name] == [found.st_dev, found.st_ino]
    ]
    if shown:
        return False, f"rooms show this machine's {', '.join(shown)}, read-only"
    return True, f"{', '.join(seen['root'])} are not this machine's"


def _namespaces(seen: dict[str, Any]) -> Said:
    held = seen["unshare"] != "done" and seen["sysctl"] != "done"
    return held, f"a further user namespace: {seen['unshare']}; kernel settings: {seen['sysctl']}"


def _runner(seen: dict[str, Any]) -> Said:
    tried = {name: seen[name] for name in ("trace", "runner", "runner_files")}
    words = ", ".join(f"{name}: {end}" for name, end in tried.items())
    return "done" not in tried.values(), f"tracing and opening process 1: {words}"


def _environment(seen: dict[str, Any], canary: bool) -> Said:  # noqa: FBT001
    extra = sorted(set(seen["environ"]) - _OWN_VARIABLES)
    return not extra and not canary, f"variables {seen['environ']}; canary seen: {canary}"


def _processes_seen(seen: dict[str, Any]) -> Said:
    # The runner and the probe; a /proc of the host would list many more.
    return seen["processes"][:1] == [1] and len(seen["processes"]) == 2, (
        f"/proc lists {len(seen['processes'])} processes: {seen['processes'][:5]}"
    )


def from_outside(bench: Bench) -> list[Said]:
    """Look at a room from outside, while something runs in it."""
    marker = secrets.token_hex(8)
    order = bench.order(bench.argv("worst", "wait", "1", marker))
    users: list[tuple[int, ...]] = []
    bounds: dict[str, int] = {}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.sandbox.run, order)
        while not users and not running.done():
            for pid in processes_of(marker):
                with suppress(OSError):
                    users.append(_users(pid))
                    bounds = kernel_bounds.of(pid)
            time.sleep(0.02)
        boot = running.result().output.partition(" ")[2].strip()
    here = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    own = not users and boot != here
    within = 0 < bounds.get("memory", 0) <= LIMITS.memory_bytes
    within = within and 0 < bounds.get("processes", 0) <= LIMITS.processes + _OURS
    said = "not to be seen from outside" if own else f"{bounds or 'none'}"
    return [
        (
            own or (bool(users) and 0 not in users[0]),
            f"user ids seen from outside: {users or 'none'}",
        ),
        (within, f"bounds on the room's control group, seen from outside: {said}"),
        (own, f"the kernel's boot is {boot or 'not told'}, here {here}; seen outside: {not own}"),
    ]


def processes_of(marker: str) -> list[int]:
    """Look among the host's processes for those with a word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marker.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _users(pid: int) -> tuple[int, ...]:
    """The user ids of a process: real, effective, saved, of the file system."""
    told = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in told.splitlines() if line.startswith("Uid:"))
    return tuple(int(word) for word in line.split()[1:])
