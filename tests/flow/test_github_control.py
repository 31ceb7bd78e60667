"""Whole runs that people stop, take back, ask for anew, hold and try again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from agent.adapters.sql_store import SqlStore
from agent.demo.play import LABEL, MAINTAINER, REPORTER, Stage
from agent.demo.simulator import actions
from agent.demo.simulator.hooks import HookFault
from agent.domain import Reason, RunState
from tests.deep import deep
from tests.flow.github_stories import BODY, FILES, Story, await_

SLOW = {
    **FILES,
    "tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(300)\n",
}


def told_by(stage: Stage, *words: str, code: int = 0) -> dict:
    """Say something to the service as an operator does; return its answer."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "runs", *words, "--json"],
        env={**os.environ, "MERGEWRIGHT_HOME": str(stage.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def events(told: Story, attempt: int = 1) -> list[dict]:
    folder = told.stage.home / "runs" / told.runs()[attempt - 1].run.run_id
    try:
        lines = (folder / "ledger.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]


def tried_again(told: Story, times: int) -> None:
    """Wait for the end of a further try."""

    def over() -> bool | None:
        run = told.runs()[0]
        return (run.retries == times and not run.active) or None

    await_(over, f"the end of try {times} in {told.name}", 90)


def started(told: Story, since: int) -> list[str]:
    """Names of the steps that were begun after so many events."""
    return [one["step"] for one in events(told)[since:] if one["event"] == "started"]


def begun(told: Story, step: str, attempt: int = 1) -> None:
    """Wait until a step of a run is under way."""

    def there() -> bool | None:
        return (
            any(one["event"] == "started" and one["step"] == step for one in events(told, attempt))
            or None
        )

    told.present(attempt)
    await_(there, f"the step {step} in {told.name}", 90)


def sleeping() -> list[int]:
    """Processes at the slow test, in rooms of this process's own service."""
    found, parents = [], {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            status = (folder / "status").read_text()
        except OSError:
            continue
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        parents[int(folder.name)] = int(fields["PPid"])
        if b"pytest" in words and len(fields["NSpid"].split()) > 1:  # it has another number inside
            found.append(int(folder.name))
    return [one for one in found if os.getpid() in ancestors(one, parents)]


def ancestors(process: int, parents: dict[int, int]) -> Iterator[int]:
    """The processes above, the nearest first; rooms of tests that run beside have others."""
    while process := parents.get(process, 0):
        yield process


def gits(stage: Stage) -> list[int]:
    """Processes that are at work on the mirrors of the service."""
    found = []
    mirrors = str(stage.home / "mirrors").encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mirrors in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def cancelled(told: Story) -> None:
    """Stop the run of the issue as an operator does."""
    run_id = told.runs()[0].run.run_id
    with closing(SqlStore(told.stage.home)) as store:
        assert store.stop(run_id, "Whoever runs the service has stopped this run: not wanted")


def in_a_room(told: Story) -> None:
    """Wait until the slow test runs in its room."""
    begun(told, "baseline")
    await_(lambda: sleeping() or None, "the room", 60)
    time.sleep(1.0)


def words_of(told: Story) -> list[tuple[str, str]]:
    """What has been written to the repository since the story began: method and path."""
    writes = [one for one in told.requests() if one.method in ("POST", "PATCH", "PUT", "DELETE")]
    return [(one.method, one.path) for one in writes if "access_tokens" not in one.path]


# --- stopped by the operator --------------------------------------------------------------------


def test_a_cancel_takes_a_running_room_down_long_before_it_would_end(story, stage):
    told = story(fresh=True, files=SLOW)
    told.label()
    in_a_room(told)
    asked = time.monotonic()
    run_id = told.runs()[0].run.run_id
    with closing(SqlStore(stage.home)) as store:
        assert store.stop(run_id, "Whoever runs the service has stopped this run: not wanted")
    await_(lambda: (not sleeping()) or None, "the end of the room", 10)
    down = time.monotonic() - asked
    outcome = told.ended()
    over = time.monotonic() - asked
    print(f"room down after {down:.2f} s, run over after {over:.2f} s")
    assert down < 30.0
    assert (outcome.state, outcome.reason) == (RunState.CANCELLED, Reason.CANCELLED)
    assert outcome.stopped_at == "baseline"
    (comment,) = told.comments()
    assert "**The run was stopped.**" in comment.body
    assert "not wanted" in comment.body
    assert told.labels() == {LABEL, "mergewright: stopped"}
    told.assert_nothing_pushed()


def test_an_operator_cancels_a_run_and_lets_it_go_on_where_it_was(story, stage):
    told = story(fresh=True, files=SLOW)
    told.label()
    in_a_room(told)
    run_id = told.runs()[0].run.run_id
    answer = told_by(stage, "cancel", run_id[:-3], "--reason", "the disk is swapped")
    assert (answer["state"], answer["reason"]) == ("cancelled", "cancelled")
    (comment,) = told.comments()
    assert "the disk is swapped" in comment.body
    assert "over already: cancelled" in told_by(stage, "cancel", run_id, code=1)["problem"]
    before = len(events(told))
    answer = told_by(stage, "retry", run_id)
    assert (answer["state"], answer["retries"], answer["problem"]) == ("received", 1, None)
    assert "is not over" in told_by(stage, "retry", run_id, code=1)["problem"]
    begun_again = await_(lambda: started(told, before) or None, "the second try")
    assert begun_again[0] == "baseline", "what was done is not done again"
    await_(lambda: "mergewright: working" in told.labels() or None, "the sign that it is at work")
    assert "is working on this issue" in told.comments()[0].body
    assert len(told.comments()) == 1
    assert "mergewright: stopped" not in told.labels()
    shown = told_by(stage, "show", run_id)
    steps = [(one["step"], one["end"]) for one in shown["steps"] if one["step"] == "baseline"]
    assert steps[0] == ("baseline", "failed")
    assert steps[1][1] == "running"
    assert [one["ended_as"] for one in shown["segments"]] == ["over", None]
    assert told_by(stage, "cancel", run_id)["state"] == "cancelled"
    told.assert_nothing_pushed()


def test_a_run_that_ended_for_its_checks_is_tried_again_from_those_or_from_its_start(story, stage):
    files = {
        **FILES,
        # On the changed code alone it fails, as long as nobody has mended the world around it.
        "tests/test_world.py": (
            "import pathlib\n\n\ndef test_world():\n"
            "    assert 'print(' in pathlib.Path('till/count.py').read_text()\n"
        ),
    }
    told = story(fresh=True, files=files)
    told.label()
    outcome = told.ended()
    assert outcome.reason is Reason.NEW_FAILURES, outcome.sentence
    assert outcome.stopped_at == "checks 1"
    before = len(events(told))
    told_by(stage, "retry", told.runs()[0].run.run_id)
    tried_again(told, 1)
    again = started(told, before)
    assert again[0] == "checks 1"
    assert "edit" not in again
    assert len(told.comments()) == 1
    before = len(events(told))
    told_by(stage, "retry", told.runs()[0].run.run_id, "--from-start")
    tried_again(told, 2)
    again = started(told, before)
    assert again[:3] == ["read ticket", "announce", "triage"]
    assert told.runs()[0].outcome.reason is Reason.NEW_FAILURES
    assert len(told.comments()) == 1


def test_a_run_that_could_not_hand_its_result_over_is_tried_again_from_there(story, stage):
    told = story(fresh=True)
    told.fault("refuse", "POST", "pulls", status=403, count=None)
    told.label()
    outcome = told.ended()
    assert (outcome.reason, outcome.stopped_at) == (Reason.ACCESS_LOST, "publish")
    stage.world.faults.remove()
    before = len(events(told))
    told_by(stage, "retry", told.runs()[0].run.run_id)
    await_(lambda: told.pulls() or None, "the pull request", 90)
    await_(lambda: (not told.runs()[0].active) or None, "its end", 30)
    told.assert_ready()
    assert started(told, before) == ["publish"]


def test_a_run_with_a_pull_request_is_neither_stopped_nor_tried_again(story, stage):
    told = story(fresh=True)
    told.label()
    told.assert_ready()
    run_id = told.runs()[0].run.run_id
    assert "over already: open" in told_by(stage, "cancel", run_id, code=1)["problem"]
    assert "nothing to try again" in told_by(stage, "retry", run_id, code=1)["problem"]
    told.assert_ready()


@pytest.mark.parametrize("stop", [cancelled, Story.unlabel])
def test_what_stops_a_run_breaks_off_a_git_that_github_lets_wait(story, stage, stop):
    told = story(fresh=True)
    repository = f"/{told.name}.git"
    slow = told.fault("delay", "POST", f"{repository}/git-upload-pack", seconds=90, count=1)
    told.label()
    await_(lambda: (slow.hits and gits(stage)) or None, "the fetch", 60)
    asked = time.monotonic()
    stop(told)
    await_(lambda: (not gits(stage)) or None, "the end of git", 30)
    print(f"git ended after {time.monotonic() - asked:.2f} s")
    outcome = told.ended(seconds=30)
    by_hand = stop is cancelled
    assert outcome.state is RunState.CANCELLED
    assert outcome.reason is (Reason.CANCELLED if by_hand else Reason.SUPERSEDED)
    assert outcome.stopped_at == "checkout"
    assert "the run was stopped" in told.log() or "has stopped this run" in told.log()
    assert gits(stage) == []
    told.assert_nothing_pushed()
    assert ("mergewright: stopped" in told.labels()) is by_hand
    if not by_hand:
        told.label()
    else:
        told_by(stage, "retry", told.runs()[0].run.run_id)
    # What was broken off has left nothing that is in the way.
    await_(lambda: told.pulls() or None, "the pull request", 120)
    await_(lambda: (not told.runs()[-1].active) or None, "its end", 30)
    assert told.runs()[-1].outcome.reason is Reason.READY


# --- taken back on GitHub -----------------------------------------------------------------------


@pytest.mark.parametrize("happens", [Story.close, Story.unlabel, Story.lock])
def test_GH7_an_issue_that_is_taken_back_stops_its_room_at_once(story, happens):
    told = story(fresh=True, files=SLOW)
    told.label()
    in_a_room(told)
    asked = time.monotonic()
    happens(told)
    await_(lambda: (not sleeping()) or None, "the end of the room", 10)
    assert time.monotonic() - asked < 4.0
    outcome = told.ended()
    assert (outcome.state, outcome.reason) == (RunState.CANCELLED, Reason.SUPERSEDED)
    assert "so the run was stopped" in outcome.sentence
    told.assert_nothing_pushed()
    assert len(told.comments()) == 1
    assert not {one for one in told.labels() if one.startswith("mergewright:")} or told.issue.locked


@pytest.mark.parametrize(
    "step",
    [
        *("read ticket", "announce", "edit", "checks 1"),
        *(deep("checkout"), deep("environment"), deep("baseline")),
    ],
)
def test_GH7_at_each_step_an_issue_that_is_closed_ends_its_run_without_a_push(story, step):
    told = story(
        fresh=True,
        files={**FILES, "tests/test_a_while.py": SLOW["tests/test_slow.py"].replace("300", "1")},
    )
    told.label()
    begun(told, step)
    told.close()
    outcome = told.ended()
    assert outcome.reason is Reason.SUPERSEDED, outcome.sentence
    told.assert_nothing_pushed()
    assert len(told.comments()) <= 1
    assert "mergewright: working" not in told.labels()
    time.sleep(3.0)
    silent = words_of(told)
    time.sleep(1.0)
    assert words_of(told) == silent, "nothing comes afterwards"
    assert not [path for _, path in silent if "git-receive-pack" in path or "/pulls" in path]


def test_GH7_what_comes_while_the_result_is_handed_over_leaves_all_of_it_or_nothing(story):
    told = story(fresh=True)
    told.fault("delay", "POST", "pulls", seconds=1.5)
    told.label()
    begun(told, "publish")
    time.sleep(0.5)
    told.close()
    outcome = told.ended()
    assert len(told.comments()) == 1
    assert len(told.pulls()) == len(told.branches()) == (1 if outcome.done else 0)


@pytest.mark.parametrize("happens", [Story.close, deep(Story.unlabel), cancelled])
def test_GH7_what_is_taken_back_after_the_push_gets_no_pull_request_and_no_branch(story, happens):
    told = story(fresh=True)
    pushes = f"/{told.name}.git/git-receive-pack"
    slow = told.fault("delay", "POST", pushes, seconds=12, count=1)
    told.label()
    await_(lambda: slow.hits or None, "the push", 120)
    assert told.branches() == []
    happens(told)
    outcome = told.ended()
    by_hand = happens is cancelled
    assert outcome.state is RunState.CANCELLED
    assert outcome.reason is (Reason.CANCELLED if by_hand else Reason.SUPERSEDED), outcome.sentence
    assert (outcome.branch, outcome.commit, outcome.pull_request) == (None, None, None)
    told.assert_nothing_pushed()
    done = [one.status for one in told.requests("POST", pushes)]
    assert done.count(200) == 2, "it arrived, and was removed again"
    assert told.requests("POST", f"/api/v3/repos/{told.name}/pulls") == []
    assert len(told.comments()) == 1
    shown = {one for one in told.labels() if one.startswith("mergewright:")}
    assert shown == ({"mergewright: stopped"} if by_hand else set())


# --- out of order, and anew ---------------------------------------------------------------------


def test_PF6_a_label_that_is_off_again_before_it_is_heard_of_starts_nothing(story, stage):
    told = story(fresh=True)
    stage.world.hooks.faults.append(HookFault("reorder", "issues.labeled"))
    told.label()
    told.unlabel()
    ((outcome, reason),) = told.decided()
    assert (outcome, reason) == ("ignored", "the label was taken away meanwhile")
    assert told.runs() == []
    assert told.comments() == []


def test_PF6_an_issue_that_is_closed_and_opened_again_ends_with_its_pull_request(story, stage):
    told = story(
        fresh=True,
        files={**FILES, "tests/test_a_while.py": SLOW["tests/test_slow.py"].replace("300", "2")},
    )
    told.label()
    begun(told, "baseline")
    world = stage.world
    for state in ("closed", "open", "closed", "open"):
        with world.lock:
            actions.set_state(
                world, told.repository, told.issue, state, None, world.user(MAINTAINER)
            )
    await_(lambda: told.pulls() or None, "the pull request", 120)
    world.hooks.drain()
    await_(lambda: all(not one.active for one in told.runs()) or None, "the end of all", 60)
    assert len(told.pulls()) == 1
    assert told.labels() == {LABEL, "mergewright: ready"}
    open_comments = [one for one in told.comments() if "<details><summary>Earlier" not in one.body]
    assert len(open_comments) == 1


def test_PF6_a_label_off_and_on_for_another_text_ends_with_that_text(story, stage):
    told = story(fresh=True, files=SLOW)
    told.label()
    in_a_room(told)
    told.edit(body=BODY + "\nAnd only there.\n")
    told.unlabel()
    time.sleep(1.1)  # GitHub's times have seconds
    told.label()
    old = told.ended(1)
    assert old.reason is Reason.SUPERSEDED
    new = told.present(2)
    assert new.run.snapshot.body.endswith("And only there.\n")
    begun(told, "baseline", 2)
    assert told_by(stage, "cancel", new.run.run_id)["state"] == "cancelled"
    assert len(told.runs()) == 2


def test_PF6_a_label_set_anew_is_heard_of_before_it_was_taken_off(story, stage):
    told = story(fresh=True, files=SLOW)
    told.label()
    in_a_room(told)
    told.edit(body=BODY + "\nAnd only there.\n")
    stage.world.hooks.faults.append(HookFault("reorder", "issues.unlabeled"))
    told.unlabel()
    time.sleep(1.1)
    told.label()
    assert told.ended(1).reason is Reason.SUPERSEDED
    new = told.present(2)
    assert new.run.snapshot.body.endswith("And only there.\n")
    stage.world.hooks.drain()
    begun(told, "baseline", 2)
    time.sleep(1.0)
    assert told.runs()[1].active, "that it was off in between is no news"
    assert told_by(stage, "cancel", new.run.run_id)["state"] == "cancelled"


# --- held ---------------------------------------------------------------------------------------


def test_what_is_paused_waits_with_a_sign_and_goes_on_afterwards(story, stage):
    paused = told_by(stage, "pause", "--reason", "a new disk")
    try:
        assert (paused["paused"], paused["changed"]) == (True, True)
        assert told_by(stage, "pause")["changed"] is False
        told = story(fresh=True)
        told.label()
        await_(lambda: told.comments() or None, "the sign")
        assert "has paused all runs" in told.comments()[0].body
        assert "a new disk" not in told.comments()[0].body, "it is the operator's own affair"
        time.sleep(2.2)
        ready = httpx.get(f"{stage.service.address}/readyz", timeout=5).json()
        assert ready["ready"] is True
        assert 0 < ready["paused"]["seconds"] < 60
        assert "disk" not in json.dumps(ready)
        assert told.runs()[0].started_at is None
    finally:
        assert told_by(stage, "resume")["changed"] is True
    told.assert_ready()
    assert told_by(stage, "resume")["changed"] is False


# --- the base, and access -----------------------------------------------------------------------


def move_base(told: Story, *, rewritten: bool) -> str:
    """Give main one more commit, or another history; return its end."""
    parents = [] if rewritten else ["-p", "main"]
    who = ["-c", "user.name=maria", "-c", "user.email=maria@example.org"]
    made = told.git(*who, "commit-tree", "main^{tree}", *parents, "-m", "Meanwhile").strip()
    told.git("update-ref", "refs/heads/main", made)
    return made


def test_GH6_a_base_that_was_force_pushed_is_an_honest_end(story):
    told = story(fresh=True)
    told.label()
    begun(told, "baseline")
    move_base(told, rewritten=True)
    outcome = told.ended()
    assert outcome.reason is Reason.UNFIT, outcome.sentence
    assert "The history of main was rewritten while the run was under way" in outcome.sentence
    assert told.pulls() == []
    (comment,) = told.comments()
    assert f"The branch `{outcome.branch}` is there" in comment.body


def test_GH6_a_base_that_has_moved_is_stated_where_the_pull_request_is(story):
    told = story(fresh=True)
    before = told.git("rev-parse", "main").strip()
    told.label()
    begun(told, "baseline")
    after = move_base(told, rewritten=False)
    outcome = told.ended()
    assert outcome.reason is Reason.READY, outcome.sentence
    (pull,) = told.pulls()
    assert told.git("rev-parse", f"{pull.pull.head_sha}^").strip() == before
    moved = f"main has moved since the run began, from {before[:12]} to {after[:12]}"
    assert moved in outcome.sentence
    (comment,) = told.comments()
    assert moved in comment.body


def test_GH6_a_base_that_is_deleted_is_an_honest_end(story, stage):
    told = story(fresh=True)
    told.label()
    begun(told, "baseline")
    told.git("branch", "trunk", "main")
    stage.world.set_default_branch(told.repository, "trunk")
    told.git("update-ref", "-d", "refs/heads/main")
    outcome = told.ended()
    assert outcome.reason is Reason.UNFIT, outcome.sentence
    assert "The branch main, which the pull request goes to, does not exist" in outcome.sentence
    assert told.pulls() == []
    (comment,) = told.comments()
    assert "does not exist" in comment.body
    assert outcome.branch is None or f"`{outcome.branch}` is there" in comment.body


def test_GH4_tokens_that_end_in_the_middle_are_renewed_and_nothing_is_done_twice(story, stage):
    told = story(fresh=True)
    told.label()
    begun(told, "baseline")
    assert stage.world.expire_tokens() > 0
    told.assert_ready()
    # git asks without a token first, as ever.
    refused = [one for one in told.requests(path="/api/*") if one.status == 401]
    assert len(refused) <= 3, "at most once for each kind of token"


@pytest.mark.parametrize("step", ["checkout", deep("baseline"), "checks 1"])
def test_GH4_an_app_that_is_removed_stops_its_run_cleanly(story, stage, step):
    owner = f"leaving-{step.split()[0]}"
    stage.world.add_user(owner, "Organization")
    installation = stage.world.install(stage.app, owner)
    told = story(fresh=True, owner=owner)
    told.label()
    begun(told, step)
    stage.world.uninstall(installation)
    outcome = told.ended()
    assert outcome.reason is Reason.ACCESS_LOST, outcome.sentence
    told.assert_nothing_pushed()
    time.sleep(1.0)
    before = len(told.requests())
    time.sleep(2.0)
    assert len(told.requests()) == before, "nobody goes on asking"


# --- echoes -------------------------------------------------------------------------------------


def test_GH8_two_bots_that_answer_each_other_start_nothing_in_ten_cycles(story, stage):
    told = story(fresh=True)
    told.label()
    told.assert_ready()
    world = stage.world
    other = (
        world.add_user("helper[bot]", "Bot")
        if "helper[bot]" not in world.users
        else world.user("helper[bot]")
    )
    world.grant(told.repository, other.login, "write")
    for number in range(10):
        with world.lock:
            label = told.repository.labels[LABEL]
            actions.remove_label(world, told.repository, told.issue, label, other)
            actions.add_labels(world, told.repository, told.issue, [label], other)
            actions.comment(
                world, told.repository, told.issue, other, f"/mergewright retry {number}"
            )
            # What we do ourselves comes back as well.
            actions.comment(world, told.repository, told.issue, told.us, "ready")
            ours = told.repository.labels["mergewright: ready"]
            actions.remove_label(world, told.repository, told.issue, ours, told.us)
            actions.add_labels(world, told.repository, told.issue, [ours], told.us)
            actions.set_state(world, told.repository, told.issue, "closed", None, other)
            actions.set_state(world, told.repository, told.issue, "open", None, other)
    world.hooks.drain()
    time.sleep(2.0)
    assert len(told.runs()) == 1
    assert len(told.pulls()) == 1
    status = [one for one in told.comments() if "mergewright:status" in one.body]
    assert len(status) == 1


def test_only_who_may_write_brings_a_run_back_by_opening_the_issue(story, stage):
    told = story(fresh=True, files=SLOW)
    told.label()
    in_a_room(told)
    told.close()
    assert told.ended().reason is Reason.SUPERSEDED
    world = stage.world
    with world.lock:
        actions.set_state(world, told.repository, told.issue, "open", None, world.user(REPORTER))
    world.hooks.drain()
    time.sleep(1.5)
    assert len(told.runs()) == 1
