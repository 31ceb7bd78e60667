"""Whole runs that are stopped or taken back at each of their moments: nothing stays behind.

The worker waits at the moment in question until the word has been heard, so that nothing here
depends on how fast a machine is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.demo.play import Service, Stage
from agent.store.sql_run_store import SqlRunStore
from tests.chaos import holds
from tests.chaos.ground import Workers, laid_out
from tests.deep import deep
from tests.flow import github_stories
from tests.flow.github_stories import Story, await_
from tests.folders import data_folder


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
                closing(SqlRunStore(ground.home)) as runs,
            ):
                workers.start()
                yield Stage(ground.world, ground.address, ground.app, service, ground.home, runs)
                workers.stop()


@pytest.fixture
def told(held: Stage, tmp_path: Path) -> Story:
    return github_stories.tell(held, tmp_path)


def stop(told: Story) -> None:
    """Say the word, and wait until it is heard."""
    assert told.sign(told.comment("/mergewright stop")) == ["+1"]


def close(told: Story) -> None:
    told.close()
    await_(lambda: told.runs()[-1].stop_request, "the sign that it was noticed", 30)


def unlabel(told: Story) -> None:
    told.unlabel()
    await_(lambda: told.runs()[-1].stop_request, "the sign that it was noticed", 30)


def assert_gone(told: Story, reason: str) -> None:
    """Nothing of the run is left but words: no branch, claim or state that is not true."""
    outcome = told.ended()
    assert (outcome.state.value, outcome.reason.value) == ("cancelled", reason), outcome.sentence
    assert (outcome.branch, outcome.commit, outcome.pull_request) == (None, None, None)
    told.assert_nothing_pushed()
    assert len(told.comments()) == 1
    with closing(SqlRunStore(told.stage.home)) as store:
        assert store.list_active_ids() == frozenset()


@pytest.mark.parametrize(
    ("at", "happens"),
    [
        deep("triage", close),
        deep("environment", unlabel),
        deep("checks 1", close),
        deep(holds.PUSH, close),
        (holds.PUSHED, unlabel),
    ],
)
def test_GH7_an_issue_that_is_taken_back_ends_its_run_wherever_it_is(
    told: Story, held: Stage, at: str, happens: Callable[[Story], None]
):
    with holds.held(held.home, at, told.label):
        happens(told)
    assert_gone(told, "superseded")


@pytest.mark.parametrize("happens", [close, deep(stop)])
def test_GH7_what_comes_after_the_pull_request_is_open_takes_nothing_away(
    told: Story, held: Stage, happens: Callable[[Story], None]
):
    with holds.held(held.home, holds.PROPOSED, told.label):
        happens(told)
    assert told.ended().reason.value == "ready"
    assert len(told.pulls()) == len(told.comments()) == 1
