"""Test every limit of a sandbox by an attempt to break it, never by a version or setting."""

import json
import secrets
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent.errors import FREE_SOME_SPACE, SandboxLost, StorageFull
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_OUT, Sandbox, SandboxLimits, SandboxRequest
from agent.sandbox import layout, slots
from agent.sandbox.cgroup import CGROUP_ROOT
from agent.settings import Settings

MIB = 1024**2
LIMITS = SandboxLimits(seconds=20, memory_bytes=256 * MIB, processes=32, disk_bytes=16 * MIB)
_Facts = dict[str, Any]
#: Minimum of free bytes; even the smallest environment needs more.
_LEAST_FREE = 64 * MIB
#: Limits without which sandboxes are used nevertheless.
_OPTIONAL = ("own user ids", "kernel call filter", "own root file system", "enforced by the kernel")
#: Creates files that must not be returned, and one plain file that must be.
LEAVE = (
    f"cd {SANDBOX_OUT} && ln -s /etc/passwd link && ln -s /etc folder && mkfifo pipe"
    " && echo t >twin && ln twin second && printf plain >plain && truncate -s 256M large"
)
_SMALL = replace(LIMITS, memory_bytes=96 * MIB)
_FEW = {"passed": range(1, 32), "limit": ["processes"]}
_ENDED = {"limit": ["time"], "seconds": range(6), "left over": [0]}
_FILLED = {"limit": ["disk", "memory"]}
#: The number of printed dots shows how far an ended attempt came.
FORKS = "(for n in $(seq 200); do sleep 60 & printf .; done); sleep 60 & printf .; exec sleep 60"
HOG = "for size in 1 400; do head -c ${size}M /dev/zero | tail >/dev/null && printf .; done"
HOGS = "for n in 1 2 3 4 5 6; do (head -c 60M /dev/zero; sleep 1) | tail >/dev/null & done; wait"
_FILL, _FULL = "head -c 17M /dev/zero", {"limit": ["disk"]}
_DEAF = """trap '' TERM HUP INT; setsid sh -c 'sleep 120; :' "$0" & sleep 120; :"""
_NAMES = "n=0; while :; do : >/tmp/name-$n; n=$((n + 1)); done"
_LOUD = "yes 0123456789abcdefghi | head -n 1000000"
_CUT = {"output_bytes": [20_000_000], "kept": range(MIB + 100)}
_PLAIN = {"limit": ["returned"], "files": [{f"{SANDBOX_OUT}/plain": b"plain"}]}
#: The limit; the attempt, in a shell or by `break_limits.py`; the sandbox's limits; and the values
#: of the result that prove the limit. Each attempt has a sandbox of its own.
_ATTEMPTS: tuple[tuple[str, str, SandboxLimits, _Facts], ...] = (
    ("processes", FORKS, replace(LIMITS, seconds=4), _FEW),
    ("memory of a process", HOG, _SMALL, {"passed": [1]}),
    ("memory of the sandbox", HOGS, _SMALL, {"limit": ["memory"]}),
    ("time", _DEAF, replace(LIMITS, seconds=1), _ENDED),
    *((f"disk space of {at}", f"{_FILL} >{at}/fill", LIMITS, _FULL) for at in layout.WRITABLE),
    ("number of files", _NAMES, replace(LIMITS, disk_bytes=4 * MIB), _FILLED),
    ("output", _LOUD, replace(LIMITS, output_bytes=MIB), _CUT),
    ("returned files", LEAVE, replace(LIMITS, returned_bytes=MIB, disk_bytes=512 * MIB), _PLAIN),
    ("proof of completion", "break_limits forge", LIMITS, {"exit_code": [7], "limit": [None]}),
)


def require_machine(sandbox: Sandbox, home: Path) -> None:
    """Check quickly what every run needs, before a model is paid.

    Raises:
        StorageFull: The data folder has no space for an environment.
        SandboxMissing: No sandbox can be opened on this machine.
        SandboxLost: None could be opened this time.
    """
    require_space(home)
    sandbox.run(SandboxRequest(argv=("true",)))


def require_space(home: Path) -> None:
    if (free := shutil.disk_usage(home).free) < _LEAST_FREE:
        raise StorageFull(f"Only {free // MIB} MiB are free in {home}. {FREE_SOME_SPACE}")


def probe_limits(sandbox: Sandbox, settings: Settings) -> list[_Facts]:
    """Try to break every limit, several at once; `detail` has the attempt and its result."""
    home = slots.open_home(settings.home)
    with TemporaryDirectory(prefix="measure-", dir=home) as name, ThreadPoolExecutor(4) as pool:
        tree = Path(name)
        tree.chmod(0o777)  # so that only the read-only mount keeps the sandbox from writing to it
        observed = pool.submit(_observe, sandbox, tree)
        tried = [pool.submit(_run_probe, sandbox, *attempt) for attempt in _ATTEMPTS]
        rows = [
            _make_row(
                limit, f"in the sandbox: {', '.join(broken) or 'nothing'}", enforced=not broken
            )
            for limit, broken in observed.result().items()
        ]
        return [*rows, *(attempt.result() for attempt in tried)]


def _make_row(limit: str, detail: str, *, enforced: bool) -> _Facts:
    required = limit not in _OPTIONAL
    return {"limit": limit, "required": required, "enforced": enforced, "detail": detail}


def _make_request(marker: str, what: str, *args: str, **more: Any) -> SandboxRequest:
    """Compose the request for an attempt; the marker is in its processes' command lines."""
    argv: tuple[str, ...] = ("sh", "-c", what, marker)
    if what.startswith("break_limits "):
        code = (
            resources.files("agent.sandbox").joinpath("sandbox_scripts/break_limits.py").read_text()
        )
        argv = ("python3", "-I", "-S", "-c", f"{code}# {marker}", *what.split()[1:], *args)
    return SandboxRequest(argv=argv, collect=(f"{SANDBOX_OUT}/*",), **{"limits": LIMITS, **more})


def _run_probe(
    sandbox: Sandbox, limit: str, what: str, bounds: SandboxLimits, must: _Facts
) -> _Facts:
    marker, began = secrets.token_hex(8), time.monotonic()
    try:
        end = sandbox.run(_make_request(marker, what, limits=bounds))
    except SandboxLost as problem:
        return _make_row(limit, f"{what}: {problem}", enforced=False)
    facts = end.model_dump() | {
        "passed": end.output.count("."),
        "seconds": int(time.monotonic() - began),
        "left over": len(_list_processes(marker)),
        "kept": len(end.output),
    }
    enforced = all(facts[name] in wanted for name, wanted in must.items())
    detail = ", ".join(f"{name} {facts[name]}" for name in must)
    return _make_row(limit, f"{what}: {detail}", enforced=enforced)


def _observe(sandbox: Sandbox, tree: Path) -> dict[str, list[str]]:
    """List what breaks each limit, as seen in a sandbox, and from the host while it is open."""
    marker, usr = secrets.token_hex(8), Path("/usr").stat()
    names = ("ipc", "mnt", "net", "pid", "user", "uts")
    seen: _Facts = {"unprivileged user": ["unseen"], "enforced by the kernel": ["unseen"]}
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as hidden:
        hidden.bind(f"\0{marker}")
        hidden.listen()
        host = {
            "port": port.getsockname()[1],
            "abstract": marker,
            "namespaces": {name: str(Path("/proc/self/ns", name).readlink()) for name in names},
            "usr": [usr.st_dev, usr.st_ino],
            "sizes": dict.fromkeys(layout.WRITABLE, LIMITS.disk_bytes),
        }
        order = _make_request(marker, "break_limits inspect", json.dumps(host), tree=str(tree))
        end = sandbox.run(order, hear=lambda _: seen.update(_inspect_processes(marker)))
    if end.exit_code != 0:
        raise SandboxLost(f"The probe did not finish: {end.output[-300:]}")
    return {**seen, **json.loads(end.output)}


def _inspect_processes(marker: str) -> _Facts:
    """List the processes' user ids that are root's, and the limits that their group lacks."""
    seen: _Facts = {}
    most = {"pids.max": LIMITS.processes + 2, "memory.max": LIMITS.memory_bytes}
    most["memory.limit_in_bytes"] = LIMITS.memory_bytes
    for proc in _list_processes(marker):
        with suppress(OSError):
            ids = (proc / "status").read_text().partition("Uid:")[2].split()[:4]
            seen["unprivileged user"] = [number for number in ids if number == "0"]
            bounded = set()
            for line in (proc / "cgroup").read_text().splitlines():
                _, controller, path = line.split(":", 2)
                for file, bound in most.items():
                    with suppress(OSError, ValueError):  # `max`: no bound
                        limit = (CGROUP_ROOT / controller / path.strip("/") / file).read_text()
                        bounded |= {file.split(".")[0]} if 0 < int(limit) <= bound else set()
            seen["enforced by the kernel"] = sorted({"memory", "pids"} - bounded)
    return seen


def _list_processes(marker: str) -> list[Path]:
    processes = []
    for proc in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marker.encode() in (proc / "cmdline").read_bytes():
                processes.append(proc)
    return processes
