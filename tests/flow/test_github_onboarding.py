"""Where the operator wants it, the owner of a repository without a configuration is asked first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.demo.play import MAINTAINER, Stage
from agent.demo.simulator.records import Issue
from agent.demo.simulator.world import APP_EVENTS
from agent.models.run import Reason
from repo_config import load
from tests import faulty_github
from tests.flow import github_stories
from tests.flow.github_stories import Story, await_
from tests.folders import data_folder

BRANCH = "mergewright/onboarding"
CONFIG = ".github/mergewright.yml"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A service that asks first; it shares what the others of these tests have built."""
    with (
        data_folder("asking", built=True) as home,
        faulty_github.staging(
            home, tmp_path_factory.mktemp("asking"), MERGEWRIGHT_ONBOARDING="wait"
        ) as made,
    ):
        made.app.hook.events = APP_EVENTS
        yield made


@pytest.fixture
def told(asking: Stage, tmp_path: Path) -> Iterator[Story]:
    yield github_stories.tell(asking, tmp_path)
    asking.world.faults.remove()


def asked(told: Story) -> list[Issue]:
    """The pull requests that propose a configuration."""
    return [one for one in told.repository.pulls() if one.pull and one.pull.head_ref == BRANCH]


def waits(told: Story) -> Issue:
    """Wait until the issue says that it waits; return what for."""

    def waiting() -> Issue | None:
        # The comment before is deleted after the new one was made.
        words = "Mergewright waits for an answer in #"
        said = told.comments()
        return (asked(told) or [None])[0] if len(said) == 1 and words in said[0].body else None

    return await_(waiting, "the words that it waits")


def merge(told: Story, pull: Issue) -> None:
    """Merge a pull request, as its owner does."""
    token = {"Authorization": f"Bearer {told.stage.world.token_for(MAINTAINER)}"}
    below = f"{told.stage.address}/api/v3/repos/{told.name}/pulls/{pull.number}"
    done = httpx.put(f"{below}/merge", headers=token, json={})
    assert done.status_code == 200, done.text


def assert_only_asked(told: Story) -> None:
    """Nothing but the one pull request and words on the issue has come of it."""
    told.assert_nothing_pushed()
    assert len(asked(told)) == 1
    assert told.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split() == [
        "main", BRANCH,
    ]  # fmt: skip
    assert len(told.comments()) == 1
    assert "[baseline]" not in told.log()


@pytest.mark.deep
def test_the_owner_is_asked_once_and_runs_go_on_by_themselves_once_it_is_merged(told, tmp_path):
    told.label()
    pull = waits(told)
    assert_only_asked(told)
    assert told.git("diff", "--name-only", "main", BRANCH).split() == [CONFIG]
    text = told.git("show", f"{BRANCH}:{CONFIG}")
    assert load.from_text(text, CONFIG).checks.tests.runner == "pytest"
    assert "`checks.tests.runner`" in pull.body
    beside = github_stories.tell(
        told.stage, tmp_path, beside=told, title="Slow", body="Make it faster.\n"
    )
    beside.label()
    beside.present()
    merge(told, pull)
    outcome = told.ended()
    assert outcome.reason is Reason.READY, outcome.sentence
    (change,) = told.pulls()
    assert CONFIG in told.git("ls-tree", "-r", "--name-only", change.pull.base_sha).split()
    assert beside.ended().reason is Reason.NO_RECIPE
    assert len(asked(told)) == len(told.comments()) == 1
