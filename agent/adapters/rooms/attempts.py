"""Try every limit of a room by an attempt to break it, and say what happened.

Nothing is concluded from a version, a flag or a setting: each line comes from a room in which
code did its worst (`inside/probe.py`, `inside/worst.py`). A wall that is silently missing shows.
"""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.adapters.rooms import layout, lending, levels, looks, slots
from agent.adapters.rooms.bench import LIMITS, MIB, Attempt, Bench, Said
from agent.errors import SandboxLost
from agent.ports import ROOM_OUT, Measure, Sandbox
from agent.settings import Settings

_AT_ONCE = 4
_LATEST_END_SECONDS = 5.0
"""A room must be gone this long after its time."""


def measure(sandbox: Sandbox, settings: Settings) -> tuple[Measure, ...]:
    """Try every limit, several rooms at once; the order of the answer is always the same.

    Raises:
        SandboxMissing: Not even a first room can be opened here.
    """
    return _measured(sandbox, settings, _ATTEMPTS)


def look(sandbox: Sandbox, settings: Settings, root: str = "") -> tuple[Measure, ...]:
    """Try what tells the level of rooms, and no limit of size; takes two rooms.

    Args:
        sandbox: What opens them.
        settings: The operator's.
        root: Which root file system they are to have.

    Raises:
        SandboxMissing: Not even a first room can be opened here.
    """
    return _measured(sandbox, settings, _LOOKS, root)


def _measured(
    sandbox: Sandbox,
    settings: Settings,
    attempts: tuple[tuple[tuple[str, ...], Attempt], ...],
    root: str = "",
) -> tuple[Measure, ...]:
    with TemporaryDirectory(prefix="measure-", dir=slots.open_home(settings.home)) as name:
        tree = Path(name) / "tree"
        for folder in (tree.parent, tree):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # rooms run as another user
        tree.chmod(0o777)  # so that only the read-only mount keeps the room from writing to it
        bench = Bench(sandbox, tree, root)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda attempt: _lines(bench, *attempt), attempts))
    return tuple(line for lines in found for line in lines)


def _lines(bench: Bench, limits: tuple[str, ...], attempt: Attempt) -> list[Measure]:
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


# --- one room for each limit -------------------------------------------------------------------


def _processes(bench: Bench) -> list[Said]:
    result = bench.worst("forks", "200", seconds=4)
    started = result.output.count("f")
    return [
        (
            0 < started < LIMITS.processes and result.limit == "processes",
            (
                f"{started} of 200 forks went through with a limit of {LIMITS.processes}; "
                f"ended by: {result.limit}"
            ),
        )
    ]


def _memory_of_one(bench: Bench) -> list[Said]:
    result = bench.worst("hog", "1", "400", memory_bytes=96 * MIB)
    got = "g" in result.output
    return [
        (not got, f"one child asked for 400 of 96 MiB, got it: {got}; ended by: {result.limit}")
    ]


def _memory_of_all(bench: Bench) -> list[Said]:
    result = bench.worst("hog", "6", "60", memory_bytes=96 * MIB)
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


def _seconds(bench: Bench) -> list[Said]:
    marker = secrets.token_hex(8)
    began = time.monotonic()
    result = bench.worst("deaf", marker, seconds=1)
    took = time.monotonic() - began
    left = looks.processes_of(marker)
    return [
        (
            result.limit == "time" and took < 1 + _LATEST_END_SECONDS and not left,
            (
                f"SIGTERM ignored and a session of its own, limit 1 s: gone after {took:.1f} s; "
                f"left over: {len(left)}"
            ),
        )
    ]


def _disk(bench: Bench) -> list[Said]:
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


def _names(bench: Bench) -> list[Said]:
    result = bench.worst("names", "/tmp", disk_bytes=4 * MIB)  # noqa: S108 - the room's own
    made = result.output.count("n")
    return [
        (
            result.limit in ("disk", "memory"),
            (
                f"about {made} thousand empty files, then ended by: {result.limit} "
                f"(limit {lending.entries_for(4 * MIB)}, looked at ten times a second)"
            ),
        )
    ]


def _output(bench: Bench) -> list[Said]:
    result = bench.worst("loud", "1000000", output_bytes=64 * 1024)
    kept = len(result.output)
    return [
        (
            result.exit_code == 0 and result.output_bytes == 20_000_000 and kept < 65 * 1024,
            f"1,000,000 lines printed: {result.output_bytes} bytes counted, {kept} kept",
        )
    ]


def _returned(bench: Bench) -> list[Said]:
    result = bench.worst(
        "returns",
        ROOM_OUT,
        collect=(f"{ROOM_OUT}/**",),
        returned_bytes=MIB,
        disk_bytes=1024 * MIB,
    )
    return [
        (
            list(result.files) == [f"{ROOM_OUT}/plain"] and result.limit == "returned",
            f"handed back {sorted(result.files)}; refused {len(result.refused)}: "
            + "; ".join(result.refused),
        )
    ]


def _proof(bench: Bench) -> list[Said]:
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


# A star marks what rooms are not refused without, unless the operator asks for it (`levels`).
_LOOKS: tuple[tuple[tuple[str, ...], Attempt], ...] = (
    (
        (
            "read-only root",
            "source tree",
            "no network",
            "no privileges",
            "own namespaces",
            f"{levels.OWN_USERS}*",
            "no further namespaces",
            "runner out of reach",
            "clean environment",
            "own processes only",
            f"{levels.FILTER}*",
            f"{levels.OWN_ROOT}*",
        ),
        looks.around,
    ),
    (
        ("unprivileged user", f"{levels.KERNEL_BOUNDS}*", f"{levels.OWN_KERNEL}*"),
        looks.from_outside,
    ),
)
_ATTEMPTS = (
    *_LOOKS,
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
