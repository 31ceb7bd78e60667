"""RX6: a sandbox that takes all it can get is ended at its limit, and no other sandbox notices.

Each attack has a neighbour, whose work must come out right. Where one of them only shows in other
places (`/tmp` alone, ten million lines that end by themselves), that is in `test_sandbox.py`.
"""

import hashlib
import secrets
import textwrap
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.checks import running
from agent.models.record import replace
from agent.models.sandbox import Hear, Sandbox, SandboxLimits, SandboxRequest, SandboxResult
from tests.attacks.memory import measured_memory
from tests.deep import deep
from tests.sandboxes import MIB, PYTHON, alive, has_group, left_of

SECONDS = 3.0
#: A sandbox has to be over so long after its time.
LATEST_END = 5.0
LIMITS = SandboxLimits(
    seconds=SECONDS,
    memory_bytes=192 * MIB,
    processes=48,
    disk_bytes=24 * MIB,
    output_bytes=64 * 1024,
)

#: By name: which limits may be named for it, and the code.
ATTACKS: dict[str, tuple[set[str], str]] = {
    "a fork bomb": (
        {"processes"},
        """
        while True:
            try:
                if os.fork() == 0: os.setsid()
            except OSError:
                pass
        """,
    ),
    "a memory hog": (
        {"memory"},
        """
        held = []
        while True:
            held.append(bytearray(b"x") * (8 << 20))
        """,
    ),
    "a full disk": (
        {"disk", "memory"},
        """
        for place in ("/tmp", "/work", "/out", "/dev/shm"):
            for number in range(64):
                try:
                    with open("%s/%d" % (place, number), "wb") as file:
                        file.write(b"x" * (1 << 20))
                except OSError:
                    break
        time.sleep(600)
        """,
    ),
    "names without end": (
        {"disk", "memory"},
        """
        number = 0
        while True:
            number += 1
            for place in ("/tmp", "/work", "/out", "/dev/shm"):
                try:
                    os.mkdir("%s/%d" % (place, number))
                    os.symlink("x" * 200, "%s/l%d" % (place, number))
                except OSError:
                    pass
        """,
    ),
    "a thousand million lines": (
        {"time"},
        """
        print("the first line")
        sys.stdout.flush()
        piece = b"\\x1b[31mline of the attack\\xff\\n" * 4000
        while True:
            os.write(1, piece)
            os.write(2, piece)
        """,
    ),
    "a deaf one": (
        {"time"},
        """
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True: time.sleep(1)
        """,
    ),
}
NEIGHBOUR = """
import hashlib, os, sys, time
total, until = hashlib.sha256(), time.monotonic() + float(sys.argv[1])
for number in range(20):
    if os.fork() == 0:
        os._exit(number)
    total.update(b"%d" % (os.wait()[1] >> 8))
held = bytearray(b"x") * (48 << 20)
while time.monotonic() < until:
    for place in ("/tmp", "/work", "/out"):
        with open(place + "/own", "wb") as file:
            file.write(held[: 4 << 20])
    time.sleep(0.1)
total.update(held)
print(total.hexdigest())
"""


def code(marker: str, text: str) -> SandboxRequest:
    body = textwrap.dedent(text)
    return SandboxRequest(
        argv=(*PYTHON, f"import os, signal, sys, time\n{body}", marker), limits=LIMITS
    )


def neighbours_answer() -> str:
    total = hashlib.sha256()
    for number in range(20):
        total.update(b"%d" % number)
    total.update(b"x" * (48 << 20))
    return total.hexdigest()


#: Those that only their time ends are let loose together.
ENDLESS = tuple(name for name, (limits, _) in ATTACKS.items() if limits == {"time"})
#: Those that print without end.
FLOODS = tuple(name for name in ENDLESS if "line" in name)


@pytest.mark.parametrize(
    "name", ["a fork bomb", "a memory hog", "a full disk", deep("names without end")]
)
def test_RX6_the_limit_is_named_and_the_neighbour_unaffected(sandbox, backend, base, name):
    let_loose(sandbox, backend, base, (name,), {})


def test_RX6_what_only_its_time_ends_is_shown_live_in_part_and_holds_nobody_up(
    sandbox, backend, base, monkeypatch
):
    """The limits hold also for a sandbox whose output is listened to."""
    monkeypatch.setattr(running, "QUIET_SECONDS", 0.0)
    shown: dict[str, list[str]] = {name: [] for name in FLOODS}
    heard = {name: running.LiveOutput(name, shown[name].append) for name in FLOODS}
    let_loose(sandbox, backend, base, ENDLESS, heard)
    for name, lines in shown.items():
        assert 0 < len(lines) <= 1 + (SECONDS + LATEST_END) / running.EVERY_SECONDS
        for line in lines:
            assert line.startswith(f"{name} | ")
            assert len(line) <= running.LONGEST + len(f"{name} | …")
            assert line.isprintable(), line


def let_loose(
    sandbox: Sandbox, backend: str, base: Path, names: tuple[str, ...], heard: Mapping[str, Hear]
) -> None:
    """Run attacks beside a neighbour; some are listened to."""
    marker = secrets.token_hex(8)
    neighbours = SandboxRequest(
        argv=(*PYTHON, NEIGHBOUR, str(SECONDS + 1 if set(names) <= {*ENDLESS} else 2)),
        limits=replace(LIMITS, seconds=120.0),
    )
    with ThreadPoolExecutor(len(names) + 1) as pool, measured_memory() as grown:
        beside = pool.submit(sandbox.run, neighbours)
        time.sleep(0.3)  # the neighbour is at work already
        sandboxes = {
            name: pool.submit(sandbox.run, code(marker, ATTACKS[name][1]), None, heard.get(name))
            for name in names
        }
        results = {name: sandbox.result() for name, sandbox in sandboxes.items()}
        neighbour = beside.result()
    for name, result in results.items():
        if name == "a memory hog" and not has_group(backend):
            # The bound of its own process comes first.
            assert (result.limit, result.exit_code) == (None, 1), result
        else:
            ended_at_its_limit(name, result)
    assert (neighbour.exit_code, neighbour.limit) == (0, None), neighbour.output
    assert neighbour.output.strip() == neighbours_answer()
    assert alive(marker) == []
    assert left_of(backend, base) == set()
    assert grown[0] < 64 * MIB


def ended_at_its_limit(name: str, result: SandboxResult) -> None:
    assert result.limit in ATTACKS[name][0], (name, result)
    assert result.exit_code is None
    assert result.seconds < SECONDS + LATEST_END
    assert len(result.output) < 3 * LIMITS.output_bytes
    if "line" in name:
        assert result.output_bytes > 20 * LIMITS.output_bytes
        assert "bytes omitted" in result.output
    if name == "a thousand million lines":
        assert result.output.startswith("the first line\n")


def test_RX6_whoever_has_left_the_session_does_not_outlive_the_sandbox(sandbox, backend, base):
    """It holds the output open, is deaf, and its parent is long over."""
    marker = secrets.token_hex(8)
    text = """
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True: time.sleep(1)
                os._exit(0)
        print("the command is over", flush=True)
    """
    result = sandbox.run(code(marker, text))
    assert (result.exit_code, result.limit) == (0, None)
    assert result.output == "the command is over\n"
    assert result.seconds < SECONDS
    assert alive(marker) == []
    assert left_of(backend, base) == set()
