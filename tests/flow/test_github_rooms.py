"""Whole runs while rooms cannot be had, or hang: waited for or told, never green, never outside."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.play import Stage
from agent.domain import Reason, RunState
from tests.flow.github_stories import FILES, Story, await_
from tests.flow.test_github_control import cancelled

ROOM_SECONDS = 20
#: In front of the real program; what it does instead stands in a file beside it.
SHIM = """#!/bin/sh
kind=$(cat {folder}/kind 2>/dev/null)
case "$1:$kind" in
  --version:*) ;;
  *:dies) exit 0 ;;
  *:hangs) exec {folder}/hanging 300 ;;
esac
exec {real} "$@"
"""


class Rooms:
    """The program that opens rooms, which can be made to fail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.chmod(0o755)
        shutil.copy("/bin/sleep", folder / "hanging")
        shim = folder / "bwrap"
        shim.write_text(SHIM.format(folder=folder, real=shutil.which("bwrap")))
        shim.chmod(0o755)

    def fail(self, kind: str) -> None:
        """Open no room any more."""
        (self._folder / "kind").write_text(kind)

    def work(self) -> None:
        """Open rooms again."""
        (self._folder / "kind").unlink(missing_ok=True)

    def hanging(self) -> list[int]:
        """Processes that hang where a room was to be opened."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == bytes(self._folder / "hanging"):
                found.append(int(folder.name))
        return found


@pytest.fixture(scope="module")
def failing(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """The service, with a program for its rooms that can fail and rooms that last for seconds."""
    # Whoever opens a room is another user by then.
    folder = Path(f"/tmp/mergewright-rooms-{os.getpid()}")
    folder.mkdir()
    before = dict(stage.service.environ)
    stage.service.stop()
    stage.service.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    stage.service.environ["MERGEWRIGHT_ROOM_SECONDS"] = str(ROOM_SECONDS)
    stage.service.start()
    try:
        yield Rooms(folder)
    finally:
        stage.service.stop()
        stage.service.environ.clear()
        stage.service.environ.update(before)
        stage.service.start()
        shutil.rmtree(folder)


@pytest.fixture
def rooms(failing: Rooms) -> Iterator[Rooms]:
    yield failing
    failing.work()
    for pid in failing.hanging():
        os.kill(pid, signal.SIGKILL)


def outside(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """Files of a project whose tests leave a mark, where they are not in a room; and that place."""
    mark = Path(f"/tmp/mergewright-mark-{os.getpid()}-{tmp_path.name}")
    test = f"from pathlib import Path\n\n\ndef test_mark():\n    Path({str(mark)!r}).touch()\n"
    return {**FILES, "tests/test_mark.py": test}, mark


def waiting(told: Story, rooms: Rooms) -> str | None:
    """What the run waits for; rooms that hang are ended."""
    for pid in rooms.hanging():
        os.kill(pid, signal.SIGKILL)
    stored = told.present()
    assert stored.active, stored.outcome
    return stored.waits_for if stored.waits else None


@pytest.mark.parametrize("kind", ["dies", "hangs"])
def test_PF7_a_run_waits_for_rooms_and_goes_on_when_they_are_there(story, rooms, tmp_path, kind):
    files, mark = outside(tmp_path)
    told = story(files=files)
    rooms.fail(kind)
    told.label()
    if kind == "hangs":
        await_(lambda: rooms.hanging() or None, "a room that hangs", 60)
    words = await_(lambda: waiting(told, rooms), "the wait", 60)
    assert "room" in words.lower()
    assert told.runs()[0].state is not RunState.FAILED
    told.assert_nothing_pushed()
    assert not mark.exists()
    rooms.work()
    told.assert_ready()
    assert not mark.exists(), "nothing of it ran outside of a room"


def test_PF7_a_run_whose_room_hangs_is_stopped_all_the_same(story, rooms):
    told = story()
    rooms.fail("hangs")
    told.label()
    await_(lambda: rooms.hanging() or None, "a room that hangs", 60)
    cancelled(told)
    await_(lambda: (not rooms.hanging()) or None, "its end", 30)
    outcome = told.ended(seconds=30)
    assert (outcome.state, outcome.reason) == (RunState.CANCELLED, Reason.CANCELLED)
    told.assert_nothing_pushed()


def test_PF7_a_room_that_hangs_with_the_change_is_ended_by_its_limit_and_is_red(story, rooms):
    hanging = (
        "import pathlib\nimport time\n\n\ndef test_forever():\n"
        "    if 'print(' not in pathlib.Path('till/count.py').read_text():\n"
        "        time.sleep(10_000)\n"
    )
    told = story(files={**FILES, "tests/test_forever.py": hanging})
    begun = time.monotonic()
    told.label()
    outcome = told.ended(seconds=240)
    assert time.monotonic() - begun > ROOM_SECONDS
    assert outcome.reason is Reason.NEW_FAILURES, outcome.sentence
    assert f"the tests were ended after {ROOM_SECONDS} seconds" in outcome.sentence
    (comment,) = told.comments()
    assert f"ended after {ROOM_SECONDS} seconds" in comment.body
    assert "test_forever" in comment.body
    told.assert_nothing_pushed()
