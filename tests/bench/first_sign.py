"""How soon people see that they were heard: idle, and with every slot of the service taken.

The whole service beside the simulated GitHub, as an operator starts it. Measured is from the moment
at which somebody sets the label, or comments, to the reaction or comment on the simulator: GitHub's
signed delivery, the inbox, the decision and the request back are all in it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.demo import play
from agent.demo.play import Stage
from tests.bench import timing
from tests.bench.waiting import awaited
from tests.flow import github_stories
from tests.flow.github_stories import Story

BAR_SECONDS = 1.0
_SLOTS = 2
#: A title that no recipe fits: such a run ends at once.
_SHORT = {"title": "The front page is slow", "body": "Make it faster.\n"}

#: A test that nobody would wait for, in a process that is known by its words.
_SLOW = """\
import subprocess
import sys


def test_slow():
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)", "{token}"])
"""

Say = Callable[[str], None]


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Set labels and comment: first with nothing else to do, then with all slots taken."""
    home, place = scratch / "sign-home", scratch / "sign"
    home.mkdir(mode=0o711)
    place.mkdir()
    with play.staging(home, place, MERGEWRIGHT_MAX_RUNS=str(_SLOTS)) as stage:
        _labelled(stage, place)  # what is loaded late is no part of it
        idle = _rounds("first sign, idle", stage, place, rounds, say)
        slow = [_filled(stage, place, say) for _ in range(_SLOTS)]
        busy = _rounds("first sign, busy", stage, place, rounds, say)
        for told in slow:
            told.unlabel()
            awaited(lambda told=told: _over(told), "the end of a slow run", 0.05)
    rows = [
        timing.Row("label to first sign, idle", [label for label, _ in idle]),
        timing.Row("comment to reaction, idle", [comment for _, comment in idle]),
        timing.Row("label to first sign, slots taken", [label for label, _ in busy]),
        timing.Row("comment to reaction, slots taken", [comment for _, comment in busy]),
    ]
    slowest = max(max(row.ours) for row in rows)
    met = "met" if slowest <= BAR_SECONDS else "missed"
    note = f"""\
All {_SLOTS} slots are taken by runs whose tests sleep in their sandboxes.
Bar: {BAR_SECONDS:.0f} s on a quiet machine; {met}, the slowest took {slowest:.2f} s."""
    title = "Somebody sets the label, or comments, and sees that it was heard"
    return [timing.Section("first_sign", title, "none", rows, note)]


def _rounds(
    what: str, stage: Stage, folder: Path, rounds: int, say: Say
) -> list[tuple[float, float]]:
    taken = []
    for number in range(rounds):
        say(f"{what}: round {number + 1} of {rounds}")
        taken.append(_labelled(stage, folder))
    return taken


def _labelled(stage: Stage, folder: Path) -> tuple[float, float]:
    """Label an issue of a repository of its own, then comment; seconds to the sign of each."""
    told = github_stories.tell(stage, folder, **_SHORT)
    begun = time.perf_counter()
    told.label()
    awaited(lambda: told.issue.reactions or told.issue.comments or None, "the first sign")
    sign = time.perf_counter() - begun
    awaited(lambda: told.comments() or None, "the status comment")
    begun = time.perf_counter()
    said = told.comment("/mergewright help")
    awaited(lambda: said.reactions or None, "the reaction")
    reaction = time.perf_counter() - begun
    time.sleep(0.5)
    return sign, reaction


def _filled(stage: Stage, folder: Path, say: Say) -> Story:
    """Take a slot by a run that stays at its tests."""
    token = f"slow-{uuid.uuid4().hex}"
    files = {**github_stories.FILES, "tests/test_slow.py": _SLOW.format(token=token)}
    told = github_stories.tell(stage, folder, files=files)
    say("first sign: a slot is taken")
    told.label()
    awaited(lambda: _is_there(token.encode()) or None, "the slow test in its sandbox", 0.05)
    return told


def _is_there(token: bytes) -> bool:
    """Whether a process on this machine has the word among its own, whatever it is called there."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may have ended
            if token in process.read_bytes():
                return True
    return False


def _over(told: Story) -> bool | None:
    return None if any(run.active for run in told.runs()) else True
