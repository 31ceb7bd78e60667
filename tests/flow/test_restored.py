"""PF8: an old backup is restored; whatever its runs have done since is found again, once each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from agent.models.outcome import StoredRun
from agent.service import backup
from agent.store.sql_run_store import SqlRunStore
from tests import faulty_github
from tests.demo import play
from tests.demo.play import MAINTAINER
from tests.flow import github_stories
from tests.flow.github_stories import Story, await_
from tests.folders import data_folder

pytestmark = [pytest.mark.index, pytest.mark.deep]

SINCE = ("nothing", "worked on", "merged")


def git(told: Story, *args: str) -> str:
    return told.git("-c", "user.name=Ann", "-c", "user.email=ann@example.org", *args).strip()


def happen(told: Story, since: str) -> None:
    """Let people do something with the pull request."""
    (pull,) = told.pulls()
    assert pull.pull is not None
    world, branch = told.stage.world, pull.pull.head_ref
    token = {"Authorization": f"Bearer {world.token_for(MAINTAINER)}"}
    below = f"{told.stage.address}/api/v3/repos/{told.name}"
    if since == "worked on":
        made = git(told, "commit-tree", f"{branch}^{{tree}}", "-p", branch, "-m", "My own words")
        git(told, "update-ref", f"refs/heads/{branch}", made)
    elif since == "merged":
        done = httpx.put(f"{below}/pulls/{pull.number}/merge", headers=token, json={})
        assert done.status_code == 200, done.text
        git(told, "update-ref", "-d", f"refs/heads/{branch}")


def newest(home: Path, told: Story) -> StoredRun:
    with closing(SqlRunStore(home)) as store:
        return store.list_latest(1, told.name)[0]


@pytest.fixture(scope="module")
def restored(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[Story, StoredRun]]]:
    """One service whose runs came to their end after the backup, and were restored then."""
    folder = tmp_path_factory.mktemp("github")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(data_folder("restored", built=True))
        homes = stack.enter_context(data_folder("restored"))
        second = homes / "second"
        stage = stack.enter_context(faulty_github.staging(first, folder))
        stories = {since: github_stories.tell(stage, folder) for since in SINCE}
        slow = stories["nothing"].fault("slow", path="/*/info/refs", count=None, seconds=3)
        for told in stories.values():
            told.label()
        for told in stories.values():
            told.present()
        backup.make(first, homes / "old.tar.gz")
        stage.world.faults.remove(slow.id)
        for since, told in stories.items():
            outcome = told.ended()
            assert outcome.reason.value == "ready", outcome.sentence
            happen(told, since)
        stage.service.stop()
        backup.restore(second, homes / "old.tar.gz")
        again = play.Service(
            {**stage.service.environ, "MERGEWRIGHT_HOME": str(second)}, folder / "again.log"
        )
        for told in stories.values():
            assert newest(second, told).active, "the backup is older than its end"
        again.start()
        try:
            over = {}
            for since, told in stories.items():

                def ended(told: Story = told) -> StoredRun | None:
                    found = newest(second, told)
                    return None if found.active else found

                over[since] = (told, await_(ended, f"the end of {told.name}", 180))
            yield over
        finally:
            again.stop()


@pytest.mark.parametrize("since", SINCE)
def test_PF8_a_restored_backup_makes_no_second_pull_request(restored, since):
    told, run = restored[since]
    (pull,) = told.pulls()
    assert pull.pull is not None
    assert len(told.comments()) == 1
    assert [one for one in told.branches() if one != pull.pull.head_ref] == []
    assert run.outcome is not None
    if since == "worked on":
        assert told.git("log", "-1", "--format=%s", pull.pull.head_ref).strip() == "My own words"
        assert run.outcome.reason.value == "superseded"
    if since == "nothing":
        assert run.outcome.reason.value == "ready"
        assert run.outcome.pull_request.number == pull.number
