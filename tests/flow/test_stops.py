"""Whole runs that are stopped or taken back at each of their moments: nothing stays behind.

The worker waits at the moment in question until the word has been heard, so that nothing here
depends on how fast a machine is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.adapters.sql_inbox import Inbox
from agent.adapters.sql_store import SqlStore
from agent.demo.play import LABEL, MAINTAINER, Service, Stage
from agent.pause import Switch
from tests.chaos import holds
from tests.chaos.ground import Workers, laid_out
from tests.flow import github_stories
from tests.flow.github_stories import FILES, Story, await_
from tests.flow.test_github_control import sleeping
from tests.folders import data_folder

BEGUN = (
    "read ticket",
    "triage",
    "checkout",
    "environment",
    "baseline",
    "plan",
    "edit",
    "policy 1",
    "checks 1",
    "decide",
    "publish",
    holds.PUSH,
    holds.PUSHED,
)
SLOW_AFTERWARDS = {
    **FILES,
    "tests/test_slow.py": (
        "import pathlib\nimport time\n\n\ndef test_slow():\n"
        "    if 'print(' not in pathlib.Path('till/count.py').read_text():\n"
        "        time.sleep(300)\n"
    ),
}


@pytest.fixture(scope="module")
def held(store: Path) -> Iterator[Stage]:
    """A simulated GitHub, a listener, and a worker whose runs wait where they are asked to."""
    with data_folder("stops") as folder:
        (store / "environments").mkdir(mode=0o755, exist_ok=True)
        with laid_out(folder, environments=store / "environments") as ground:
            workers = Workers(ground.environ, folder / "held.log", "hold")
            service = Service(ground.environ, "", folder / "held.log")
            with (
                closing(workers),
                closing(SqlStore(ground.home)) as runs,
                closing(Inbox(ground.home)) as inbox,
            ):
                workers.start()
                yield Stage(
                    ground.world, ground.address, ground.app, service, ground.home, runs, inbox
                )
                workers.stop()


@pytest.fixture
def told(held: Stage, tmp_path: Path) -> Story:
    return github_stories.tell(held, tmp_path)


def stop(told: Story) -> None:
    """Say the word, and wait until it is heard."""
    word = told.comment("/mergewright stop")
    await_(lambda: word.reactions or None, "the sign that it was heard", 30)
    assert [one.content for one in word.reactions] == ["+1"]


def close(told: Story) -> None:
    told.close()
    _taken_back(told)


def unlabel(told: Story) -> None:
    told.unlabel()
    _taken_back(told)


def lock(told: Story) -> None:
    told.lock()
    _taken_back(told)


def _taken_back(told: Story) -> None:
    await_(lambda: told.runs()[-1].stopped, "the sign that it was noticed", 30)


def assert_gone(told: Story, reason: str) -> None:
    """Nothing of the run is left but words: no branch, room, claim or state that is not true."""
    outcome = told.ended()
    assert (outcome.state.value, outcome.reason.value) == ("cancelled", reason), outcome.sentence
    assert (outcome.branch, outcome.commit, outcome.pull_request) == (None, None, None)
    told.assert_nothing_pushed()
    (run,) = told.runs()
    assert not run.active
    with closing(SqlStore(told.stage.home)) as store:
        assert store.active(told.repository.id, told.issue.number) is None
    assert rooms(told.stage.home) == []


def rooms(home: Path) -> list[int]:
    """Processes in rooms of a data folder; the worker opens each below it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"bwrap" in words and str(home).encode() in words and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("at", BEGUN)
def test_a_run_is_stopped_wherever_it_is_and_nothing_of_it_stays(told, held, at):
    with holds.held(held.home, at, told.label):
        stop(told)
    assert_gone(told, "cancelled")
    (comment,) = told.comments()
    assert "**The run was stopped.**" in comment.body
    assert f"{MAINTAINER} has stopped this run." in comment.body
    assert told.labels() == {LABEL, "mergewright: stopped"}


def test_a_run_is_stopped_before_it_has_begun(told, held):
    switch = Switch(held.home)
    assert switch.pause("a test", time.time())
    try:
        told.label()
        told.present()
        stop(told)
        assert_gone(told, "cancelled")
    finally:
        switch.resume()
    assert told.labels() == {LABEL, "mergewright: stopped"}
    assert len(told.comments()) == 1


def test_a_run_is_stopped_in_the_room_of_its_checks(held, tmp_path):
    told = github_stories.tell(held, tmp_path, files=SLOW_AFTERWARDS)
    told.label()
    await_(lambda: sleeping() or None, "the room", 120)
    assert rooms(held.home) != []
    stop(told)
    assert_gone(told, "cancelled")
    assert sleeping() == []


def test_a_stop_after_the_pull_request_is_open_takes_nothing_away(told, held):
    with holds.held(held.home, holds.PROPOSED, told.label):
        stop(told)
    told.assert_ready()


@pytest.mark.parametrize(
    ("at", "happens"),
    [
        ("triage", close),
        ("environment", unlabel),
        ("baseline", lock),
        ("checks 1", close),
        ("publish", unlabel),
        (holds.PUSH, close),
        (holds.PUSHED, unlabel),
        (holds.PUSHED, close),
    ],
    ids=lambda given: given if isinstance(given, str) else given.__name__,
)
def test_GH7_an_issue_that_is_taken_back_ends_its_run_wherever_it_is(
    told: Story, held: Stage, at: str, happens: Callable[[Story], None]
):
    with holds.held(held.home, at, told.label):
        happens(told)
    assert_gone(told, "superseded")
    assert len(told.comments()) == 1


@pytest.mark.parametrize("happens", [close, unlabel])
def test_GH7_an_issue_that_is_taken_back_after_its_pull_request_is_open_changes_nothing(
    told: Story, held: Stage, happens: Callable[[Story], None]
):
    with holds.held(held.home, holds.PROPOSED, told.label):
        happens(told)
    assert told.ended().reason.value == "ready"
    assert len(told.pulls()) == 1
    assert len(told.comments()) == 1
