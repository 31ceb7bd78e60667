"""How soon the service does as it is told: a cancel at work in a room, and a word left in the inbox.

The whole service beside the simulated GitHub, as an operator starts it. A room counts as down when
no process of it is left on the machine; an inbox is noticed when what was put there is settled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from agent.demo import play
from agent.demo.play import LABEL, Stage
from agent.domain import Delivery, IssueRef, Snapshot
from agent.intake import STATE_LABELS, Request
from tests.bench import timing
from tests.bench.bare import BareFailed
from tests.bench.waiting import awaited
from tests.flow import github_stories
from tests.flow.github_stories import Story

#: From the order to the end of the room.
BAR_SECONDS = 2.0
#: Who is idle looks ever more seldom; by then it does not become more seldom any more.
_IDLE_SECONDS = 8.0
_COMMAND_SECONDS = 90
_ROOT = Path(__file__).parents[2]
#: A test that nobody would wait for, in a process that is known by its words.
SLOW = """\
import subprocess
import sys


def test_slow():
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)", "{token}"])
"""

Say = Callable[[str], None]


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Cancel runs at work, and leave words for a worker that has nothing to do."""
    home, place = scratch / "control-home", scratch / "control"
    home.mkdir(mode=0o711)
    place.mkdir()
    with play.staging(home, place) as stage:
        return [_cancelled(stage, place, rounds, say), _noticed(stage, rounds, say)]


# --- a cancel ----------------------------------------------------------------------------------


def _cancelled(stage: Stage, folder: Path, rounds: int, say: Say) -> timing.Section:
    token = f"slow-{uuid.uuid4().hex}"
    files = {**github_stories.FILES, "tests/test_slow.py": SLOW.format(token=token)}
    told = github_stories.tell(stage, folder, files=files)
    took: list[tuple[float, float, float]] = []
    for number in range(-1, rounds):
        say(f"cancel: round {number + 1} of {rounds}" if number >= 0 else "cancel: warming up")
        seconds = _cancel(told, token.encode())
        if number >= 0:  # the first run makes the environment
            took.append(seconds)
        told = github_stories.tell(stage, folder, beside=told)
    from_command, from_order, over = map(list, zip(*took, strict=True))
    slowest = max(from_command)
    met = "met" if slowest <= BAR_SECONDS else "missed"
    note = f"""\
A test that sleeps is under way in its room. The command's own start is part of the first row.
Bar: {BAR_SECONDS:.0f} s on a quiet machine; {met}, the slowest took {slowest:.2f} s."""
    rows = [
        timing.Row("start of `runs cancel` to room down", from_command),
        timing.Row("order on record to room down", from_order),
        timing.Row("order on record to run over", over),
    ]
    return timing.Section("cancel", "A run at work is cancelled", "none", rows, note)


def _cancel(told: Story, token: bytes) -> tuple[float, float, float]:
    """Return the seconds to the end of the room, from command and order, and to the run's."""
    store = told.stage.store
    told.label()
    run_id = awaited(lambda: _run_id(told), "the run", 0.05)
    awaited(lambda: is_there(token) or None, "the slow test in its room", 0.05)
    begun = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "agent", "runs", "cancel", run_id, "--wait", "60"],
        env=os.environ | {"MERGEWRIGHT_HOME": str(told.stage.home)}, cwd=_ROOT,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    awaited(lambda: store.get(run_id).stopped, "the order to stop")
    ordered = time.perf_counter()
    awaited(lambda: None if is_there(token) else True, "the end of the room")
    down = time.perf_counter()
    awaited(lambda: None if store.get(run_id).active else True, "the end of the run")
    over = time.perf_counter()
    problem = command.communicate(timeout=_COMMAND_SECONDS)[1]
    if command.returncode != 0:
        raise BareFailed(f"runs cancel ended with {command.returncode}: {problem[-500:]!r}")
    return down - begun, max(down - ordered, 0.0), over - ordered


def _run_id(told: Story) -> str | None:
    snapshots = ((one.run.snapshot, one) for one in told.stage.store.latest(5))
    for snapshot, one in snapshots:
        if snapshot and snapshot.issue.issue_id == told.issue.id and one.active:
            return one.run.run_id
    return None


def is_there(token: bytes) -> bool:
    """Whether a process on this machine has the word among its own, whatever it is called there."""
    for process in os.scandir("/proc"):
        if process.name.isdigit():
            try:
                if token in Path(process.path, "cmdline").read_bytes():
                    return True
            except OSError:  # it has ended
                continue
    return False


# --- a word in the inbox -----------------------------------------------------------------------


def _noticed(stage: Stage, rounds: int, say: Say) -> timing.Section:
    took = []
    for number in range(rounds):
        say(f"notice: round {number + 1} of {rounds}")
        # Not always at the same time between two looks.
        time.sleep(_IDLE_SECONDS + 0.25 * number / rounds)
        delivery = _needless(number)
        stage.inbox.append([delivery])
        begun = time.perf_counter()
        awaited(lambda one=delivery.delivery_id: _settled(stage, one), "an answer to the word")
        took.append(time.perf_counter() - begun)
    return timing.Section(
        "notice",
        "An idle worker notices what another process has written to its inbox",
        "none",
        [timing.Row("written to settled", took)],
        "It starts nothing, so that GitHub is not asked.",
    )


def _needless(number: int) -> Delivery:
    """Make a delivery that is decided by itself: a label of ours was set."""
    issue = IssueRef(repository="o/r", repository_id=1, number=number + 1, issue_id=number + 1)
    snapshot = Snapshot(
        issue=issue, url="https://github.example/o/r/issues/1", title="Add a field", body="words",
        labels=(LABEL,), author="carl", actor="maria", actor_id=5,
        approved_at="2026-11-20T10:00:00Z",
    )  # fmt: skip
    request = Request(
        snapshot=snapshot, label=f"{STATE_LABELS}working", clone_url="https://github.example/o/r"
    )
    return Delivery(
        delivery_id=str(uuid.uuid4()), event="issues", action="labeled",
        content_key=uuid.uuid4().hex, received_at=time.time(),
        body=request.model_dump_json().encode(),
    )  # fmt: skip


def _settled(stage: Stage, delivery_id: str) -> bool | None:
    found = stage.inbox.find(delivery_id)
    return True if found is not None and found.outcome is not None else None
