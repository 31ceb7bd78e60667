"""Pull requests that people close or merge: what is known of them, and what the next run knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from agent.adapters.sql_store import SqlStore
from agent.demo.play import MAINTAINER, REPORTER
from agent.demo.simulator import actions
from agent.domain import RunState
from tests.flow.github_stories import Story, await_
from tests.integration.git_samples import git


def people(told: Story, number: int, how: str) -> None:
    """Merge or close a pull request, as a maintainer does."""
    token = {"Authorization": f"Bearer {told.stage.world.token_for(MAINTAINER)}"}
    below = f"{told.stage.address}/api/v3/repos/{told.name}/pulls/{number}"
    if how == "closed":
        done = httpx.patch(below, headers=token, json={"state": "closed"})
    else:
        done = httpx.put(f"{below}/merge", headers=token, json={"merge_method": how})
    assert done.status_code == 200, done.text


def say(told: Story, number: int, words: str, by: str = MAINTAINER) -> None:
    """Comment in the conversation of a pull request."""
    world = told.stage.world
    with world.lock:
        issue = told.repository.issues[number]
        actions.comment(world, told.repository, issue, world.user(by), words)


def push(told: Story, folder: Path, branch: str, path: str, line: str) -> None:
    """Add a line to a file on the branch of a pull request."""
    token = told.stage.world.token_for(MAINTAINER, scopes=("repo",))
    parts = urlsplit(told.stage.address)
    url = f"{parts.scheme}://x:{token}@{parts.netloc}/{told.name}.git"
    git(folder, "clone", "-q", "-b", branch, url, "clone")
    with (folder / "clone" / path).open("a") as file:
        file.write(line)
    git(folder / "clone", "commit", "-q", "-a", "-m", "As I like it")
    git(folder / "clone", "push", "-q", "origin", branch)


def stands(told: Story, state: RunState) -> None:
    await_(lambda: told.runs()[0].state is state or None, f"{state.value} of {told.name}")


def stats(told: Story, *words: str) -> dict[str, object]:
    """What the command tells of the repository of a story."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "stats", "--by", "repository", "--json", *words],
        env={**os.environ, "MERGEWRIGHT_HOME": str(told.stage.home)},
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    groups = json.loads(done.stdout)["groups"]
    return next(one for one in groups if one["group"] == told.name)


def figures(told: Story):
    """Wait until the figures of the first run's pull request are there."""

    def found():
        with closing(SqlStore(told.stage.home)) as store:
            run_id = told.runs()[0].run.run_id
            return next((known for end, known in store.ends() if end.run_id == run_id), None)

    return await_(found, f"the figures of {told.name}")


def test_what_people_changed_before_they_merged_is_known_and_shown(story, tmp_path):
    told = story()
    told.label()
    pull = told.assert_ready()
    push(told, tmp_path, pull.pull.head_ref, "till/count.py", "# checked by hand\n")
    people(told, pull.number, "squash")
    stands(told, RunState.MERGED)
    known = figures(told)
    assert (known.by, known.recipe, known.first_round.passed) == (
        MAINTAINER, "print-to-logging", True,
    )  # fmt: skip
    assert (known.edits.distance, known.edits.stayed, known.edits.as_it_was) == (1, 1.0, False)
    assert known.edits.merged_lines > 3
    shown = stats(told)
    assert (shown["runs"], shown["states"]) == (1, {"merged": 1})
    assert shown["edit_distance"] == {"median": 1, "known": 1, "unknown": 0}
    assert shown["tokens"]["per_line"] == 0


def test_a_new_run_knows_the_attempt_that_people_have_closed(story):
    told = story()
    told.label()
    pull = told.assert_ready()
    say(told, pull.number, "We log by structlog here.")
    say(told, pull.number, "I want it too!", by=REPORTER)
    people(told, pull.number, "closed")
    stands(told, RunState.CLOSED)
    assert figures(told).state == "closed"
    time.sleep(1.1)  # GitHub's times have seconds
    told.unlabel()
    told.label()
    again = told.ended(attempt=2)
    assert again.reason.value == "ready", again.sentence
    second = next(one for one in told.pulls() if one.number == again.pull_request.number)
    assert second.number != pull.number
    assert (
        f"Earlier attempt: #{pull.number}, closed; what people said in it was not followed: a"
        " recipe made this change." in second.body
    )
    log = told.log(attempt=2)
    assert f"an earlier attempt, pull request #{pull.number}, was closed, with 1 remark" in log
    folder = told.stage.home / "runs" / told.runs()[1].run.run_id
    ledger = (folder / "ledger.jsonl").read_text()
    assert "We log by structlog here." in ledger
    assert "I want it too!" not in ledger
    assert stats(told)["states"] == {"closed": 1, "open": 1}
