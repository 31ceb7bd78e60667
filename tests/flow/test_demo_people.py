"""The scenarios of the demo in which people act: each is played, and ends as it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from rich.console import Console

from agent.cli import demo
from agent.demo import play
from agent.demo.acts import MAINTAINER
from agent.demo.play import OWNER, Play, Stage
from agent.demo.scenarios import SCENARIOS
from agent.demo.simulator import git_store
from agent.demo.simulator.records import Comment
from agent.domain import StoredRun

_CONFIG = ".github/mergewright.yml"
#: What else would be checked takes most of the time, and is played by the other scenarios.
_TESTS_ALONE = "checks: {lint: off, types: {tool: off}, makemigrations: off}\n"


@pytest.fixture(scope="module")
def stage(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage for all of them."""
    with play.ready_for(store, tmp_path_factory.mktemp("people")) as made:
        yield made


@pytest.fixture
def played(stage: Stage, tmp_path: Path):
    """Play a scenario to its end."""

    def to_the_end(name: str) -> tuple[Play, StoredRun]:
        scenario = SCENARIOS[name]
        given = scenario.files.get(_CONFIG, "")
        files = MappingProxyType({**scenario.files, _CONFIG: given + _TESTS_ALONE})
        made = play.put_on(
            stage, replace(scenario, files=files), tmp_path / "source", f"{OWNER}/of-{name}"
        )
        made.begin()
        run, refusal, _ = demo._follow(made, Console(quiet=True), time.monotonic())
        assert demo._ended_as_told(made, run, refusal), (run, made.follow_ups())
        assert run is not None
        return made, run

    return to_the_end


def said_by(made: Play, *logins: str) -> list[Comment]:
    return [one for one in made.issue.comments if one.author.login in logins]


def signs(comments: list[Comment]) -> list[list[str]]:
    return [[each.content for each in one.reactions] for one in comments]


def git(made: Play, *args: str) -> str:
    return git_store.text(made.repository.git_dir, *args).strip()


@pytest.mark.parametrize("name", ["answered", "approved"])
def test_what_is_said_while_the_run_waits_has_it_go_on(played, name):
    made, _ = played(name)
    said = said_by(made, MAINTAINER)
    assert len(said) == len(made.scenario.acts)
    assert "{plan}" not in "".join(one.body for one in said)
    assert all(signs(said))
    assert made.pull() is not None


@pytest.mark.parametrize("name", ["stopped"])
def test_a_run_is_stopped_and_nothing_is_published(played, name):
    made, run = played(name)
    assert signs(said_by(made, MAINTAINER)) == [["+1"]]
    assert f"{MAINTAINER} has stopped this run." in run.outcome.sentence
    assert made.pull() is None
    assert len(git(made, "for-each-ref").splitlines()) == 1
