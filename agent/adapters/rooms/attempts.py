"""Try every limit of a room by an attempt to break it, and say what happened.

Nothing is concluded from a version, a flag or a setting: each line comes from a room in which
code did its worst (`inside/worst.py`), or from what the kernel says of that code's processes.
"""

from __future__ import annotations

import json
import secrets
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from agent.adapters.bubblewrap.cgroup import CGROUP_ROOT
from agent.adapters.rooms import layout, slots
from agent.errors import SandboxLost
from agent.ports import ROOM_OUT, RoomLimits, RoomOrder, Sandbox
from agent.settings import Settings

MIB = 1024**2
LIMITS = RoomLimits(seconds=20, memory_bytes=256 * MIB, processes=32, disk_bytes=16 * MIB)
_Facts = dict[str, Any]
_REFUSED = "(refused)"
_VARIABLES = {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "LC_CTYPE"}
_NAMESPACES = ("ipc", "mnt", "net", "pid", "user", "uts")
_MEMORY, _TASKS = range(1, LIMITS.memory_bytes + 1), range(1, LIMITS.processes + 3)
_RETURNED = {"limit": "returned", "files": [f"{ROOM_OUT}/plain"]}

#: Of one look around: the limit (a star: rooms are used without it), and what must be found.
_LOOKS: dict[str, _Facts] = {
    "read-only root": {"written": [], "elsewhere writable": [], "sealed": True},
    "source tree": {"tree": _REFUSED, "changed files": []},
    "no network": {"interfaces": ["lo"], "listeners reached": 0}
    | dict.fromkeys(("loopback", "abstract", "datagram", "raw"), _REFUSED),
    "no privileges": {"no new privileges": "1", "capabilities": []},
    "own namespaces": {"shared namespaces": []},
    "own user ids*": {"shared user ids": False},
    "no further namespaces": {"unshare": _REFUSED, "sysctl": _REFUSED},
    "runner out of reach": dict.fromkeys(("trace", "memory", "descriptors"), _REFUSED),
    "clean environment": {"foreign variables": []},
    "own processes only": {"other processes": []},
    "kernel call filter*": {"filter": "2"},
    "own root file system*": {"/usr of this machine": False},
    "unprivileged user": {"uid outside": range(1, 2**32)},
    "bounded by the kernel*": {"memory bound": _MEMORY, "tasks bound": _TASKS},
}
#: What must not be collected, beside one plain file.
LEAVE = (
    f"cd {ROOM_OUT} && ln -s /etc/passwd link && ln -s /etc folder && mkfifo pipe && echo t >twin"
    " && ln twin second && printf plain >plain && truncate -s 256M large"
)
_DEAF = """trap '' TERM HUP INT; setsid sh -c 'sleep 120; :' "$0" & sleep 120; :"""
_NAMES = "n=0; while :; do : >/tmp/name-$n; n=$((n + 1)); done"
_LOUD = "yes 0123456789abcdefghi | head -n 1000000"
#: Each in a room of its own: the limit, what is tried (in a shell, or by `worst.py`),
#: the room's bounds, and what must come of it.
_WORST: tuple[tuple[str, str, _Facts, _Facts], ...] = (
    (
        "processes",
        "worst forks 200",
        {"seconds": 4},
        {"passed": range(1, 32), "limit": "processes"},
    ),
    ("memory of a process", "worst hog 1 400", {"memory_bytes": 96 * MIB}, {"passed": 0}),
    ("memory of the room", "worst hog 6 60", {"memory_bytes": 96 * MIB}, {"limit": "memory"}),
    ("time", _DEAF, {"seconds": 1}, {"limit": "time", "seconds": range(6), "left over": 0}),
    *(
        (f"disk space of {place}", f"head -c 17M /dev/zero >{place}/fill", {}, {"limit": "disk"})
        for place in layout.WRITABLE
    ),
    ("number of files", _NAMES, {"disk_bytes": 4 * MIB}, {"limit": ("disk", "memory")}),
    ("output", _LOUD, {"output_bytes": MIB}, {"printed": 20_000_000, "kept": range(MIB + 100)}),
    ("returned files", LEAVE, {"returned_bytes": MIB, "disk_bytes": 512 * MIB}, _RETURNED),
    ("proof of the end", "worst forge", {}, {"exit": 7, "limit": None}),
)


class Measure(NamedTuple):
    """One limit of a room; `detail` says what was tried and what came of it."""

    limit: str
    required: bool
    enforced: bool
    detail: str


def measure(sandbox: Sandbox, settings: Settings) -> tuple[Measure, ...]:
    """Try every limit, several rooms at once; the order of the answer is always the same."""
    home = slots.open_home(settings.home)
    with TemporaryDirectory(prefix="measure-", dir=home) as name, ThreadPoolExecutor(4) as pool:
        tree = Path(name, "tree")
        tree.mkdir()
        tree.parent.chmod(0o755)  # rooms run as another user
        tree.chmod(0o777)  # so that only the read-only mount keeps the room from writing to it
        looked = pool.submit(_look, sandbox, tree)
        tried = [pool.submit(_try, sandbox, what, bounds) for _, what, bounds, _ in _WORST]
        return (
            *(_judge(limit, "", looked.result(), must) for limit, must in _LOOKS.items()),
            *(
                _judge(limit, f"{what}: ", end.result(), must)
                for (limit, what, _, must), end in zip(_WORST, tried, strict=True)
            ),
        )


def _judge(limit: str, what: str, found: _Facts | SandboxLost, must: _Facts) -> Measure:
    held, detail = False, str(found)
    if not isinstance(found, SandboxLost):
        held = all(_holds(found[name], wanted) for name, wanted in must.items())
        detail = ", ".join(f"{name} {found[name]}" for name in must)
    return Measure(limit.strip("*"), not limit.endswith("*"), held, what + detail)


def _holds(found: object, wanted: object) -> bool:
    if wanted == _REFUSED:
        return found != "done"
    return found in wanted if isinstance(wanted, range | tuple) else found == wanted


def _order(marker: str, what: str, **more: Any) -> RoomOrder:
    """Order what is tried; its processes are known by the marker."""
    code = resources.files("agent.adapters").joinpath("inside/worst.py").read_text()
    argv: tuple[str, ...] = ("sh", "-c", what, marker)
    if what.startswith("worst "):
        argv = ("python3", "-I", "-S", "-c", f"{code}# {marker}", *what.split()[1:])
    return RoomOrder(argv=argv, collect=(f"{ROOM_OUT}/**",), **{"limits": LIMITS, **more})


def _try(sandbox: Sandbox, what: str, bounds: _Facts) -> _Facts | SandboxLost:
    marker, began = secrets.token_hex(8), time.monotonic()
    try:
        end = sandbox.run(_order(marker, what, limits=LIMITS.model_copy(update=bounds)))
    except SandboxLost as problem:
        return problem
    return {
        "passed": end.output.count("."),
        "limit": end.limit,
        "exit": end.exit_code,
        "seconds": int(time.monotonic() - began),
        "left over": len(_processes_of(marker)),
        "printed": end.output_bytes,
        "kept": len(end.output),
        "files": sorted(end.files),
    }


def _look(sandbox: Sandbox, tree: Path) -> _Facts | SandboxLost:
    """Look around in a room, and at it from outside while it is open."""
    marker, output = secrets.token_hex(8), ""
    seen: _Facts = {"uid outside": None, "memory bound": 0, "tasks bound": 0}
    with (
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as hidden,
        ThreadPoolExecutor(1) as pool,
    ):
        hidden.bind(f"\0{marker}")
        hidden.listen()
        words = f"worst look {port.getsockname()[1]} {marker} {' '.join(_NAMESPACES)}"
        running = pool.submit(sandbox.run, _order(marker, words, tree=str(tree)))
        while seen["uid outside"] is None and not running.done():
            for pid in _processes_of(marker):
                with suppress(OSError):
                    seen |= _see(pid)
            time.sleep(0.05)
        wait([running])
        seen["listeners reached"] = len(select.select([port, hidden], [], [], 0)[0])
    try:
        output = running.result().output
        seen |= json.loads(output)
    except SandboxLost as problem:
        return problem
    except ValueError:
        return SandboxLost(f"The probe did not finish: {output[-300:]}")
    ours = [str(Path("/proc/self/ns", name).readlink()) for name in _NAMESPACES]
    shared = [
        name for name, mark in zip(_NAMESPACES, ours, strict=True) if mark in seen["namespaces"]
    ]
    usr = Path("/usr").stat()
    return seen | {
        "elsewhere writable": [
            place
            for place, size in seen["writable"].items()
            if place not in layout.WRITABLE or not 0 < size <= LIMITS.disk_bytes
        ],
        "changed files": [path.name for path in tree.iterdir()],
        "shared namespaces": [name for name in shared if name != "user"],
        "shared user ids": "user" in shared,
        "foreign variables": [name for name in seen["variables"] if name not in _VARIABLES],
        "/usr of this machine": seen["usr"] == [usr.st_dev, usr.st_ino],
    }


def _see(pid: int) -> dict[str, int]:
    """Say as whom a process runs, and to what the kernel holds its control group."""
    proc = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    seen = {"uid outside": min(map(int, status["Uid"].split()))}
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            for file in ("memory.limit_in_bytes", "memory.max", "pids.max"):
                with suppress(OSError, ValueError):  # `max`: no bound
                    bound = int((CGROUP_ROOT / controller / path.strip("/") / file).read_text())
                    seen["tasks bound" if file == "pids.max" else "memory bound"] = bound
    return seen


def _processes_of(marker: str) -> list[int]:
    """List the host's processes with this in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
