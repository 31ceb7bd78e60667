"""Try every limit of a room by an attempt to break it, and say what happened.

Nothing is concluded from a version, a flag or a setting: each line comes from a room in which
code did its worst (`inside/probe.py`, `inside/worst.py`). A wall that is silently missing shows.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent.adapters.rooms import layout, lending, slots
from agent.errors import SandboxLost
from agent.ports import ROOM_OUT, Measure, RoomLimits, RoomOrder, RoomResult, Sandbox
from agent.settings import Settings

_AT_ONCE = 4
_PYTHON = "python3"
_MIB = 1024**2
_CANARY = "ROOM_CANARY"
_OWN_VARIABLES = {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "LC_CTYPE"}
_LATEST_END_SECONDS = 5.0
"""A room must be gone this long after its time."""
_LIMITS = RoomLimits(seconds=20, memory_bytes=256 * _MIB, processes=32, disk_bytes=16 * _MIB)

Said = tuple[bool, str]
"""Whether the limit held, and what happened."""


@dataclass(frozen=True)
class _Bench:
    """What all attempts work with."""

    sandbox: Sandbox
    tree: Path

    def argv(self, script: str, *args: str) -> tuple[str, ...]:
        """Say how to run one of the scripts in `inside/`."""
        code = resources.files("agent.adapters").joinpath(f"inside/{script}.py").read_text()
        return (_PYTHON, "-I", "-S", "-c", code, *args)

    def worst(self, *args: str, collect: tuple[str, ...] = (), **limits: Any) -> RoomResult:
        """Run one of the functions of `worst.py` in a room of its own."""
        bounds = _LIMITS.model_copy(update=limits)
        argv = self.argv("worst", *args)
        return self.sandbox.run(RoomOrder(argv=argv, collect=collect, limits=bounds))


Attempt = Callable[[_Bench], list[Said]]


def measure(sandbox: Sandbox, settings: Settings) -> tuple[Measure, ...]:
    """Try every limit, several rooms at once; the order of the answer is always the same.

    Raises:
        SandboxMissing: Not even a first room can be opened here.
    """
    with TemporaryDirectory(prefix="measure-", dir=slots.open_home(settings.home)) as name:
        tree = Path(name) / "tree"
        for folder in (tree.parent, tree):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # rooms run as another user
        tree.chmod(0o777)  # so that only the read-only mount keeps the room from writing to it
        bench = _Bench(sandbox, tree)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda attempt: _lines(bench, *attempt), _ATTEMPTS))
    return (*(line for lines in found for line in lines), _root(settings))


def _lines(bench: _Bench, limits: tuple[str, ...], attempt: Attempt) -> list[Measure]:
    try:
        said = attempt(bench)
    except SandboxLost as problem:
        said = [(False, problem.message)] * len(limits)
    return [
        Measure(
            limit=limit.removesuffix("*"),
            enforced=enforced,
            detail=detail,
            required=not limit.endswith("*"),
        )
        for limit, (enforced, detail) in zip(limits, said, strict=True)
    ]


def _root(settings: Settings) -> Measure:
    own = settings.room_root is not None
    return Measure(
        limit="own root file system",
        enforced=own,
        detail=f"rooms show {settings.room_root}"
        if own
        else "rooms show this host's /usr, read-only: the weaker level; "
        "sandbox_images/make_root.sh builds an own tree for MERGEWRIGHT_ROOM_ROOT",
        required=False,
    )


# --- one room that looks around ----------------------------------------------------------------


def _look_around(bench: _Bench) -> list[Said]:
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
            result = bench.sandbox.run(RoomOrder(argv=argv, tree=str(bench.tree), limits=_LIMITS))
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
        _namespaces(seen),
        _runner(seen),
        _environment(seen, abstract in result.output),
        _processes_seen(seen),
        (seen["filter"] == "2", f"seccomp mode {seen['filter']}; ptrace: {seen['trace']}"),
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
        place for place, size in seen["mounts"].items() if not 0 < size <= _LIMITS.disk_bytes
    ]
    if written or extra or unbounded:
        return False, (
            f"could write to {sorted({*written, *extra})}; without a size: {sorted(unbounded)}"
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
    shared_with_host = [
        name
        for name, identity in seen["namespaces"].items()
        if identity == str(Path(f"/proc/self/ns/{name}").readlink())
    ]
    tried = ", ".join(seen["namespaces"])
    return not shared_with_host, f"compared {tried} with the host; shared: {shared_with_host}"


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


# --- one room for each limit -------------------------------------------------------------------


def _user(bench: _Bench) -> list[Said]:
    marker = secrets.token_hex(8)
    argv = bench.argv("worst", "wait", "1", marker)
    order = RoomOrder(argv=argv, limits=_LIMITS)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.sandbox.run, order)
        found: list[tuple[int, ...]] = []
        while not found and not running.done():
            found = _users_of(marker)
            time.sleep(0.02)
        running.result()
    return [(bool(found) and 0 not in found[0], f"user ids seen from outside: {found or 'none'}")]


def _users_of(marker: str) -> list[tuple[int, ...]]:
    """Look among the host's processes for those with a word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marker.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                told = (folder / "status").read_text()
                line = next(line for line in told.splitlines() if line.startswith("Uid:"))
                found.append(tuple(int(word) for word in line.split()[1:]))
    return found


def _processes(bench: _Bench) -> list[Said]:
    result = bench.worst("forks", "200", seconds=4)
    started = result.output.count("f")
    return [
        (
            0 < started < _LIMITS.processes and result.limit == "processes",
            (
                f"{started} of 200 forks went through with a limit of {_LIMITS.processes}; "
                f"ended by: {result.limit}"
            ),
        )
    ]


def _memory_of_one(bench: _Bench) -> list[Said]:
    result = bench.worst("hog", "1", "400", memory_bytes=96 * _MIB)
    got = "g" in result.output
    return [
        (not got, f"one child asked for 400 of 96 MiB, got it: {got}; ended by: {result.limit}")
    ]


def _memory_of_all(bench: _Bench) -> list[Said]:
    result = bench.worst("hog", "6", "60", memory_bytes=96 * _MIB)
    got = result.output.count("g")
    return [
        (
            result.limit == "memory" and result.exit_code is None,
            (
                f"6 children asked for 60 MiB each of 96 in all, {got} got it; "
                f"ended by: {result.limit}"
            ),
        )
    ]


def _seconds(bench: _Bench) -> list[Said]:
    marker = secrets.token_hex(8)
    began = time.monotonic()
    result = bench.worst("deaf", marker, seconds=1)
    took = time.monotonic() - began
    left = _users_of(marker)
    return [
        (
            result.limit == "time" and took < 1 + _LATEST_END_SECONDS and not left,
            (
                f"SIGTERM ignored and a session of its own, limit 1 s: gone after {took:.1f} s; "
                f"left over: {len(left)}"
            ),
        )
    ]


def _disk(bench: _Bench) -> list[Said]:
    said = []
    for place in layout.WRITABLE:
        result = bench.worst("fill", place)
        wrote = result.output.count("m")
        said.append((result.limit == "disk" and wrote <= 16, f"{place} {wrote} MiB"))
    return [
        (
            all(held for held, _ in said),
            "of 64 MiB with a limit of 16 fitted: " + ", ".join(words for _, words in said),
        )
    ]


def _names(bench: _Bench) -> list[Said]:
    result = bench.worst("names", "/tmp", disk_bytes=4 * _MIB)  # noqa: S108 - the room's own
    made = result.output.count("n")
    return [
        (
            result.limit in ("disk", "memory"),
            (
                f"about {made} thousand empty files, then ended by: {result.limit} "
                f"(limit {lending.entries_for(4 * _MIB)}, looked at ten times a second)"
            ),
        )
    ]


def _output(bench: _Bench) -> list[Said]:
    result = bench.worst("loud", "1000000", output_bytes=64 * 1024)
    kept = len(result.output)
    return [
        (
            result.exit_code == 0 and result.output_bytes == 20_000_000 and kept < 65 * 1024,
            f"1,000,000 lines printed: {result.output_bytes} bytes counted, {kept} kept",
        )
    ]


def _returned(bench: _Bench) -> list[Said]:
    result = bench.worst(
        "returns",
        ROOM_OUT,
        collect=(f"{ROOM_OUT}/**",),
        returned_bytes=_MIB,
        disk_bytes=1024 * _MIB,
    )
    return [
        (
            list(result.files) == [f"{ROOM_OUT}/plain"] and result.limit == "returned",
            f"handed back {sorted(result.files)}; refused {len(result.refused)}: "
            + "; ".join(result.refused),
        )
    ]


def _proof(bench: _Bench) -> list[Said]:
    result = bench.worst("forge")
    return [
        (
            result.exit_code == 7 and result.limit is None,
            (
                "forged success on every descriptor and killed process 1, then ended with 7: "
                f"taken as {result.exit_code}"
            ),
        )
    ]


# A star marks what rooms are not refused without.
_ATTEMPTS: tuple[tuple[tuple[str, ...], Attempt], ...] = (
    (
        (
            "read-only root",
            "source tree",
            "no network",
            "no privileges",
            "own namespaces",
            "no further namespaces",
            "runner out of reach",
            "clean environment",
            "own processes only",
            "kernel call filter*",
        ),
        _look_around,
    ),
    (("unprivileged user",), _user),
    (("processes",), _processes),
    (("memory of a process",), _memory_of_one),
    (("memory of the room",), _memory_of_all),
    (("time",), _seconds),
    (("disk space",), _disk),
    (("number of files",), _names),
    (("output",), _output),
    (("returned files",), _returned),
    (("proof of the end",), _proof),
)
