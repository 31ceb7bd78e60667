"""Whole runs while GitHub loses replies, asks for patience or fails, and while we are killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from functools import partial

import pytest

from agent.adapters.sql_store import SqlStore
from agent.demo.play import Stage
from agent.demo.simulator.faults import Fault, Kind
from agent.demo.simulator.git_store import text
from tests.deep import deep
from tests.flow.github_stories import Story, await_, worker_pid

_WRITES = {
    "reaction": ("POST", "issues/*/reactions"),
    "comment": ("POST", "issues/*/comments"),
    "label": ("POST", "issues/*/labels"),
    "unlabel": ("DELETE", "issues/*/labels/*"),
    "edit of the comment": ("PATCH", "issues/comments/*"),
    "pull request": ("POST", "pulls"),
    "check": ("POST", "check-runs"),
    "label of the repository": ("POST", "labels"),
    "token": ("POST", "/api/v3/app/installations/*/access_tokens"),
}


def lose(told: Story, name: str, kind: Kind) -> None:
    """Let the reply to a write be lost, after it was done."""
    if name == "push":
        # Git itself asks again where a connection ends without a byte.
        count = None if kind == "perform_drop" else 1
        told.fault(kind, "POST", f"/{told.name}.git/git-receive-pack", count=count)
    else:
        told.fault(kind, *_WRITES[name])


@pytest.fixture(scope="module")
def one_repository():
    """The repository that the stories of this module share, once there is one."""
    return []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("reaction", "perform_drop"),
        ("comment", "perform_refuse"),
        deep("comment", "perform_drop"),
        ("label", "perform_refuse"),
        deep("unlabel", "perform_drop"),
        ("edit of the comment", "perform_refuse"),
        deep("push", "perform_refuse"),
        ("push", "perform_drop"),
        deep("pull request", "perform_refuse"),
        ("pull request", "perform_drop"),
        ("check", "perform_refuse"),
        ("check", "perform_drop"),
    ],
)
def test_GH1_a_run_that_loses_one_reply_leaves_what_it_would_have_left(
    story, one_repository, name, kind
):
    told = story(beside=one_repository[0]) if one_repository else story()
    one_repository[:] = [told]
    lose(told, name, kind)
    told.label()
    told.assert_ready()
    assert any(one.fault for one in told.requests()), "the fault has hit nothing"


@pytest.mark.parametrize("kind", [deep("perform_refuse"), "perform_drop"])
def test_GH1_a_run_that_loses_the_first_reply_to_every_write_leaves_the_same(story, kind):
    told = story()
    for name in (*_WRITES, "push"):
        lose(told, name, kind)
    told.label()
    told.assert_ready()
    struck = {(one.method, one.path.rpartition("/")[2]) for one in told.requests() if one.fault}
    assert {path for _, path in struck} >= {
        "reactions", "comments", "labels", "access_tokens", "git-receive-pack", "pulls",
        "check-runs",
    }  # fmt: skip


def test_GH2_a_short_limit_is_waited_for(story):
    told = story()
    told.fault("secondary", "POST", "issues/*/comments", status=429, seconds=1)
    told.fault("secondary", "POST", "pulls", seconds=2)
    told.label()
    told.assert_ready()
    assert told.runs()[0].not_before == told.runs()[0].queued_at
    for path in ("*/issues/1/comments", "*/pulls"):
        struck, again = told.requests("POST", path)
        assert struck.fault is not None
        assert again.at - struck.at >= 1


def test_GH2_a_far_limit_postpones_the_run_and_frees_the_worker(story, stage):
    limited, other = story(), story()
    limited.fault("primary", "POST", "pulls", seconds=3_000)
    limited.label()
    await_(lambda: any(one.fault for one in limited.requests()) or None, "the limit")

    def put_back() -> float | None:
        (run,) = limited.runs()
        return run.not_before if run.not_before > time.time() + 60 else None

    until = await_(put_back, "the run's new time")
    assert 2_900 < until - time.time() < 3_010
    (waiting,) = limited.runs()
    assert waiting.active
    assert waiting.outcome is None
    assert limited.pulls() == []

    other.label()
    other.assert_ready()
    asked = len(limited.requests())
    assert limited.runs()[0].active

    with closing(SqlStore(stage.home)) as store:
        store._update(waiting.run.run_id, not_before=time.time())
    limited.assert_ready()
    assert len(limited.runs()) == 1
    assert len(limited.requests()) - asked < 40


def test_GH3_ten_seconds_without_sense_are_outlasted(story, stage):
    told = story()
    told.label()
    told.announced()
    told.fault("refuse", path="*", status=503, count=None)
    told.fault("refuse", path=f"/api/v3/repos/{told.name}", status=502, count=None)
    begun = time.monotonic()
    await_(lambda: told.requests(path=f"*{told.name}*")[-1].fault, "the first failure")
    time.sleep(max(0.0, 10 - (time.monotonic() - begun)))
    stage.world.faults.remove()
    told.assert_ready()
    assert len(told.runs()) == 1


def test_GH3_answers_that_are_none_are_recovered_from(story):
    told = story()
    told.fault("html", "POST", "pulls")
    told.fault("cut", "POST", "issues/*/comments")
    told.fault("truncate", "POST", "check-runs")
    told.fault("html", "GET", "issues/*", status=500)
    told.label()
    told.assert_ready()
    assert {one.fault for one in told.requests()} >= {"html", "cut", "truncate"}


def test_GH5_a_strangers_branch_of_our_name_is_left_alone(story):
    told = story()
    told.label()
    run_id = told.present().run.run_id
    main = told.git("rev-parse", "main").strip()
    tree = told.git("rev-parse", "main^{tree}").strip()
    theirs = text(
        told.repository.git_dir,
        *("-c", "user.name=Eve", "-c", "user.email=eve@example.org"),
        *("commit-tree", tree, "-p", main, "-m", "Not ours"),
    ).strip()
    branch = f"mergewright/1-log-instead-of-printing-in-till-count-{run_id[16:22]}"
    told.git("update-ref", f"refs/heads/{branch}", theirs)
    outcome = told.ended()
    assert told.git("rev-parse", f"refs/heads/{branch}").strip() == theirs
    assert len(told.comments()) == 1
    if outcome.done:
        assert outcome.branch != branch
        assert len(told.pulls()) == 1
    else:
        assert told.pulls() == []
        assert branch in told.comments()[0].body.replace("\\", "")


def test_GH5_a_worker_killed_again_and_again_leaves_nothing_twice(story, stage):
    told = story()
    moments = (("POST", "pulls"), ("POST", "check-runs"), ("DELETE", "issues/*/labels/*"))
    told.label()
    for method, path in moments:
        # Longer than the kill takes, shorter than a start: GitHub is done with it by then.
        fault = told.fault("delay", method, path, seconds=1)
        await_(partial(_struck, fault), f"{method} {path}")
        before = worker_pid(stage)
        os.kill(before, signal.SIGKILL)
        await_(partial(_another, stage, before), "the next worker")
    told.assert_ready()
    (run,) = told.runs()
    assert run.run.attempt == 1
    assert [one.state for one in told.pulls()] == ["open"]


def _struck(fault: Fault) -> bool | None:
    return fault.hits > 0 or None


def _another(stage: Stage, before: int) -> bool | None:
    try:
        return worker_pid(stage) != before or None
    except AssertionError:
        return None
