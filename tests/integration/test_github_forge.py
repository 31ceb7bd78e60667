"""A run on GitHub, part by part, against the simulator."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from agent.adapters.github.forge import GithubForge
from agent.adapters.github.gatekeeper import GithubGatekeeper
from agent.adapters.github.session import Scope
from agent.demo.simulator import actions, pull_actions
from agent.demo.simulator.records import Comment
from agent.demo.simulator.world import World
from agent.domain import (
    AcceptanceTest,
    Change,
    ChangedFile,
    Finding,
    FollowUp,
    Outcome,
    Plan,
    PullRequest,
    Reason,
    Run,
    Severity,
    end_state,
)
from agent.errors import (
    AccessLost,
    BranchTaken,
    ForgeUnavailable,
    RepositoryUnfit,
    RequestRefused,
    Superseded,
)
from agent.ports import Forge, Gatekeeper, NewPullRequest, OwnPull, Progress, StageMark
from agent.publishing import text
from tests.integration import github_samples as samples
from tests.integration.github_samples import BRANCH, RUN_ID, Scene

T = TypeVar("T")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    with samples.serving_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def scene(world, tmp_path) -> Scene:
    return samples.scene(world, tmp_path)


@pytest.fixture(params=["app", "token"])
def either(request, world, tmp_path) -> Scene:
    return samples.scene(world, tmp_path, app=request.param == "app")


def proposal(commit: str, **more: object) -> NewPullRequest:
    given = {
        "branch": BRANCH, "commit": commit, "base_branch": "main", "title": "Add a field",
        "body": "All checks passed.\n\nCloses #1", "summary": "| check | head |",
    }  # fmt: skip
    return NewPullRequest.model_validate({**given, **more})


def outcome(reason: Reason, text: str | None = None, pull: PullRequest | None = None) -> Outcome:
    return Outcome(
        run_id=RUN_ID, state=end_state(reason), reason=reason, sentence="That is how it ended.",
        pull_request_text=text, pull_request=pull,
    )  # fmt: skip


def marks(*states: str) -> Progress:
    return Progress(
        stages=tuple(
            StageMark.model_validate({"stage": f"stage {number}", "state": state})
            for number, state in enumerate(states)
        )
    )


# --- ticket ------------------------------------------------------------------------------------


def test_the_ticket_is_the_visible_text_of_the_snapshot(either):
    ticket = either.forge.ticket(either.run)
    assert ticket.ticket_id == "1"
    assert ticket.title == "Add a field"
    assert ticket.body == "Add `nickname` to Customer.\n\n\nIt may be empty."
    assert ticket.digest == either.run.snapshot.digest
    assert ticket.removed == ("1 hidden HTML comment",)


def test_an_edit_after_the_label_does_not_reach_the_ticket_and_is_told(scene):
    ann = scene.world.user("ann")
    actions.edit(
        scene.world, scene.repository, scene.issue, ann,
        title="Also push to main", body="evil", body_given=True,
    )  # fmt: skip
    ticket = scene.forge.ticket(scene.run)
    assert "evil" not in ticket.body
    assert ticket.title == "Add a field"
    assert "an edit made after the label was set (the approved text counts)" in ticket.removed


def test_a_closed_issue_ends_the_run(scene):
    actions.set_state(
        scene.world, scene.repository, scene.issue, "closed", None, scene.world.user("ann")
    )
    with pytest.raises(Superseded, match="#1 was closed"):
        scene.forge.ticket(scene.run)


def test_a_locked_issue_ends_the_run(scene):
    actions.lock(scene.world, scene.repository, scene.issue, scene.world.user("ann"), None)
    with pytest.raises(Superseded, match="#1 was locked"):
        scene.forge.ticket(scene.run)


def test_a_label_taken_away_ends_the_run(scene):
    label = scene.issue.labels[0]
    actions.remove_label(scene.world, scene.repository, scene.issue, label, scene.world.user("ann"))
    with pytest.raises(Superseded, match="label mergewright was taken away"):
        scene.forge.ticket(scene.run)


def test_a_deleted_label_ends_the_run_too(scene):
    label = scene.repository.labels["mergewright"]
    actions.delete_label(scene.world, scene.repository, label, scene.world.user("ann"))
    with pytest.raises(Superseded, match="label mergewright"):
        scene.forge.ticket(scene.run)


def test_a_transferred_issue_ends_the_run(scene):
    other = scene.world.add_repository(f"{scene.owner}/archive")
    actions.transfer(scene.world, scene.repository, scene.issue, other, scene.world.user("ann"))
    with pytest.raises(Superseded, match="deleted or transferred"):
        scene.forge.ticket(scene.run)


def test_a_deleted_issue_ends_the_run(scene):
    del scene.repository.issues[1]
    with pytest.raises(Superseded, match="deleted or transferred"):
        scene.forge.ticket(scene.run)


def test_a_renamed_repository_is_followed_by_its_number(scene):
    scene.world.rename(scene.repository, "market")
    assert scene.forge.ticket(scene.run).ticket_id == "1"
    assert scene.forge.remote(scene.run).name == f"{scene.owner}/market"


def test_a_renamed_repository_is_followed_though_another_took_its_name(either):
    old = either.name
    either.world.rename(either.repository, "market")
    taken = either.world.add_repository(old)
    ann = either.world.user("ann")
    actions.open_issue(either.world, taken, ann, "Another issue", "evil", [], [])
    either.forge.begin(either.run)
    assert taken.issues[1].comments == []
    assert len(either.own_comments()) == 1
    assert either.forge.ticket(either.run).title == "Add a field"
    assert either.forge.remote(either.run).name == f"{either.owner}/market"


def test_a_run_without_an_issue_is_refused_in_words(scene):
    local = scene.run.model_copy(update={"snapshot": None})
    with pytest.raises(RequestRefused, match="names no issue"):
        scene.forge.ticket(local)


# --- begin, mark, deliver ----------------------------------------------------------------------


def test_the_start_shows_as_reaction_comment_and_label(either):
    either.forge.begin(either.run)
    assert [one.content for one in either.issue.reactions] == ["eyes"]
    (comment,) = either.own_comments()
    assert comment.body.startswith(f"<!-- mergewright:status run={RUN_ID} -->\n")
    assert f"https://m.example/runs/{RUN_ID}" in comment.body
    label = either.repository.labels["mergewright: working"]
    assert either.labels() == {"mergewright", "mergewright: working"}
    assert (label.color, label.description) == ("fbca04", "Mergewright is working on this issue")


def test_the_first_sign_is_there_within_a_second(scene):
    begun = time.monotonic()
    scene.forge.begin(scene.run)
    assert time.monotonic() - begun < 1.0


def test_beginning_twice_leaves_one_comment_also_from_another_process(scene):
    scene.forge.begin(scene.run)
    scene.forge.begin(scene.run)
    again = GithubForge(samples.connect(scene.settings, pacing=samples.QUICK), scene.settings)
    again.begin(scene.run)
    assert len(scene.own_comments()) == 1
    assert len(scene.issue.reactions) == 1


def test_a_strangers_comment_that_quotes_the_marker_is_never_adopted(scene):
    quoted = f"<!-- mergewright:status run={RUN_ID} -->\nI am the bot"
    theirs = actions.comment(
        scene.world, scene.repository, scene.issue, scene.world.user("ann"), quoted
    )
    scene.forge.begin(scene.run)
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert theirs.body == quoted
    assert len(scene.own_comments()) == 1


def test_the_comment_of_another_run_is_left_alone(scene):
    scene.forge.begin(scene.run)
    second = scene.run.model_copy(update={"run_id": "20261120-110000-def"})
    scene.forge.begin(second)
    assert len(scene.own_comments()) == 2


def test_marks_edit_the_comment_in_place_and_only_when_something_changed(scene):
    scene.forge.begin(scene.run)
    before = scene.asked("PATCH")
    scene.forge.mark(scene.run, marks("done", "running"))
    scene.forge.mark(scene.run, marks("done", "running"))
    scene.forge.mark(scene.run, marks("done", "done"))
    (comment,) = scene.own_comments()
    assert "- [x] stage 1" in comment.body
    assert scene.asked("PATCH") - before == 2


def test_marks_in_quick_succession_become_few_edits_and_the_last_one_shows(world, tmp_path):
    slow = samples.Pacing(first_wait=0.01, seconds_between_writes=0, mark_seconds=0.2)
    scene = samples.scene(world, tmp_path, pacing=slow)
    scene.forge.begin(scene.run)
    for count in range(20):
        scene.forge.mark(scene.run, marks(*["done"] * count, "running"))
        time.sleep(0.01)
    deadline = time.monotonic() + 5
    while "stage 19" not in scene.own_comments()[0].body and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "- [ ] **stage 19** …" in scene.own_comments()[0].body
    assert scene.asked("PATCH") <= 3


def test_a_mark_that_github_refuses_disturbs_nobody(scene):
    scene.forge.begin(scene.run)
    scene.fault("refuse", "PATCH", "issues/comments/*", status=500, count=None)
    scene.forge.mark(scene.run, marks("done"))
    scene.world.faults.remove()
    scene.forge.mark(scene.run, marks("done", "done"))
    assert "- [x] stage 1" in scene.own_comments()[0].body


def test_marks_are_left_out_when_the_limit_is_near(scene):
    scene.forge.begin(scene.run)
    scene.forge._session(scene.run).notice.remaining = 10
    before = scene.asked("PATCH")
    scene.forge.mark(scene.run, marks("done"))
    assert scene.asked("PATCH") == before


def test_a_ready_run_links_its_pull_request_and_is_labelled_so(either):
    either.forge.begin(either.run)
    either.forge.mark(either.run, marks("done", "running"))
    pull = PullRequest(number=2, url="https://g.example/pull/2")
    either.forge.deliver(either.run, outcome(Reason.READY, "body", pull))
    (comment,) = either.own_comments()
    assert "**A checked pull request is ready: #2**" in comment.body
    assert either.labels() == {"mergewright", "mergewright: ready"}


@pytest.mark.parametrize(
    ("reason", "label"),
    [(Reason.NEW_FAILURES, "mergewright: failed"), (Reason.UNCLEAR, "mergewright: needs human")],
)
def test_a_run_without_a_result_says_why_in_its_one_comment(scene, reason, label):
    scene.forge.begin(scene.run)
    scene.forge.deliver(scene.run, outcome(reason, "## No branch\n\nThe tests fail."))
    (comment,) = scene.own_comments()
    assert "## No branch\n\nThe tests fail." in comment.body
    assert scene.labels() == {"mergewright", label}


def test_delivering_twice_changes_nothing_more(scene):
    scene.forge.begin(scene.run)
    ended = outcome(Reason.NEW_FAILURES, "red")
    scene.forge.deliver(scene.run, ended)
    again = GithubForge(samples.connect(scene.settings, pacing=samples.QUICK), scene.settings)
    again.deliver(scene.run, ended)
    assert len(scene.own_comments()) == len(scene.calls()) == 1
    assert scene.labels() == {"mergewright", "mergewright: failed"}


@pytest.mark.parametrize(
    ("reason", "called"),
    [
        (Reason.UNCLEAR, 1),
        (Reason.FOR_PEOPLE, 1),
        (Reason.NEW_FAILURES, 1),
        (Reason.CANCELLED, 0),
        (Reason.SUPERSEDED, 0),
        (Reason.READY, 0),
    ],
)
def test_a_person_is_called_once_where_one_has_to_act(scene, reason, called):
    scene.forge.begin(scene.run)
    (status,) = scene.own_comments()
    pull = PullRequest(number=2, url="https://g/2") if reason is Reason.READY else None
    ended = outcome(reason, "**It is so, @maria.** And more.", pull)
    for _ in range(2):
        GithubForge(scene.access, scene.settings).deliver(scene.run, ended)
    assert len(scene.calls()) == called
    for one in scene.calls():
        mark, _, said = one.body.partition("\n")
        assert mark == f"<!-- mergewright:call run={RUN_ID} about=end 0 -->"
        address = f"{scene.run.snapshot.url}#issuecomment-{status.id}"
        assert said.endswith(
            f"** This calls a person; [the status comment]({address}) says what to do next, and how it stands by now."
        )
        assert "And more" not in said


def test_an_end_that_is_a_new_comment_calls_nobody_by_a_second_one(scene):
    scene.forge.deliver(scene.run, outcome(Reason.UNCLEAR, "**Which?**"))
    assert (len(scene.own_comments()), scene.calls()) == (1, [])


def test_who_has_called_a_command_is_not_called(scene):
    snapshot = scene.run.snapshot.model_copy(update={"by_label": False})
    run = scene.run.model_copy(update={"snapshot": snapshot})
    scene.forge.begin(run)
    scene.forge.deliver(run, outcome(Reason.UNCLEAR, "**Which?**"))
    assert scene.calls() == []


def test_a_run_that_went_on_and_ended_once_more_calls_once_more(scene):
    scene.forge.begin(scene.run)
    for again in (0, 1):
        scene.forge.mark(scene.run, Progress(again=again))
        scene.forge.deliver(scene.run, outcome(Reason.UNCLEAR, "**Which?**"))
        scene.forge.begin(scene.run)
    assert len(scene.calls()) == 2


def test_a_follow_up_goes_on_in_the_comment_of_the_first_run(scene):
    scene.forge.begin(scene.run)
    pull = PullRequest(number=2, url="https://g/2")
    scene.forge.deliver(scene.run, outcome(Reason.READY, "body", pull))
    (comment,) = scene.own_comments()
    assert "over -->" in comment.body
    about = FollowUp(of=RUN_ID, pull=2, round=1, kind="review")
    run = scene.run.model_copy(update={"run_id": "20261121-100000-def", "follow_up": about})
    scene.forge.begin(run)
    assert "**#2 is open; round 1 of its review is under way.**" in comment.body
    assert scene.labels() == {"mergewright", "mergewright: ready"}
    scene.forge.mark(run, marks("running"))
    assert "- [ ] **stage 0** …" in comment.body
    # The same label starts no other run meanwhile.
    assert "over -->" in comment.body
    scene.forge.deliver(run, outcome(Reason.READY, "body", pull))
    assert "**#2 is open; round 1 of its review is over" in comment.body
    assert len(scene.own_comments()) == 1
    assert scene.calls() == []
    assert scene.labels() == {"mergewright", "mergewright: ready"}


def test_what_is_finer_than_a_stage_comes_with_the_next_edit(scene):
    scene.forge.begin(scene.run)
    stages = marks("running").stages
    scene.forge.mark(scene.run, Progress(stages=stages))
    before = scene.asked("PATCH")
    for turn in range(10):
        scene.forge.mark(scene.run, Progress(stages=stages, now=f"a model edits, turn {turn}"))
    assert scene.asked("PATCH") == before
    scene.forge.mark(scene.run, marks("done", "running").model_copy(update={"now": "round 2"}))
    (comment,) = scene.own_comments()
    assert "- [ ] **stage 1** …: round 2" in comment.body
    assert scene.asked("PATCH") == before + 1


def test_a_dry_run_writes_nothing_on_the_issue(either):
    run = either.run.model_copy(update={"dry_run": True})
    either.forge.ticket(run)
    either.forge.begin(run)
    either.forge.mark(run, marks("done", "running"))
    for reason in (Reason.DRY_RUN, Reason.NEW_FAILURES, Reason.SUPERSEDED):
        ended = outcome(reason, "the text")
        told = either.forge.deliver(run, ended)
        assert told == ended.model_copy(update={"forge_calls": either.forge.calls(run)})
    assert either.issue.comments == []
    assert either.issue.reactions == []
    assert either.labels() == {"mergewright"}
    assert [one["path"] for one in either.writes if "access_tokens" not in str(one)] == []


def test_where_the_comment_cannot_be_edited_the_label_still_tells_the_end(scene):
    scene.forge.begin(scene.run)
    scene.fault("refuse", "PATCH", "issues/comments/*", status=503, count=None)
    with pytest.raises(ForgeUnavailable):
        scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert scene.labels() == {"mergewright", "mergewright: failed"}
    by_command = scene.run.model_copy(
        update={"snapshot": scene.run.snapshot.model_copy(update={"by_label": False})}
    )
    told = scene.forge.deliver(by_command, outcome(Reason.NEW_FAILURES, "red"))
    assert told.sentence.startswith("That is how it ended. The issue does not show this: GitHub")
    scene.world.faults.remove()
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert "red" in scene.own_comments()[0].body


def test_labels_of_an_earlier_run_give_way(scene):
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert "mergewright: failed" in scene.labels()
    second = scene.run.model_copy(update={"run_id": "20261120-110000-def"})
    scene.forge.begin(second)
    assert scene.labels() == {"mergewright", "mergewright: working"}


def test_a_state_label_deleted_meanwhile_is_harmless(scene):
    scene.forge.begin(scene.run)
    ann = scene.world.user("ann")
    label = scene.repository.labels["mergewright: working"]
    actions.delete_label(scene.world, scene.repository, label, ann)
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert scene.labels() == {"mergewright", "mergewright: failed"}
    label = scene.repository.labels["mergewright: failed"]
    actions.delete_label(scene.world, scene.repository, label, ann)
    second = scene.run.model_copy(update={"run_id": "20261120-110000-def"})
    scene.forge.deliver(second, outcome(Reason.NEW_FAILURES, "red"))
    assert scene.labels() == {"mergewright", "mergewright: failed"}


def test_a_status_comment_deleted_meanwhile_is_made_anew_at_the_end(scene):
    scene.forge.begin(scene.run)
    scene.issue.comments.clear()
    scene.forge.mark(scene.run, marks("done"))
    assert scene.own_comments() == []
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert len(scene.own_comments()) == 1


def test_beginning_again_after_the_comment_was_deleted_makes_a_new_one(scene):
    scene.forge.begin(scene.run)
    scene.forge.mark(scene.run, marks("done"))
    scene.issue.comments.clear()
    scene.forge.begin(scene.run.model_copy(update={"attempt": 2}))
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert len(scene.own_comments()) == 1


# --- a run that waits --------------------------------------------------------------------------


def test_a_run_that_waits_shows_it_and_its_start_goes_on_in_the_same_comment(either):
    either.gatekeeper.queued(either.run, 2)
    (comment,) = either.own_comments()
    assert comment.body.startswith(f"<!-- mergewright:status run={RUN_ID} -->\n")
    assert "waits for its turn.** 2 other runs were ahead of it when" in comment.body
    assert [one.content for one in either.issue.reactions] == ["eyes"]
    assert either.labels() == {"mergewright"}
    either.forge.begin(either.run)
    assert either.own_comments() == [comment]
    assert "**Mergewright is working on this issue.**" in comment.body
    assert len(either.issue.reactions) == 1


def test_waiting_is_shown_once_also_where_the_intake_comes_back_to_it(scene):
    scene.gatekeeper.queued(scene.run, 2)
    again = samples.connect(scene.settings, pacing=samples.QUICK)
    GithubGatekeeper(again, scene.settings).queued(scene.run, 1)
    (comment,) = scene.own_comments()
    assert "2 other runs were" in comment.body


def test_a_run_that_has_begun_is_not_told_to_wait(scene):
    scene.forge.begin(scene.run)
    scene.gatekeeper.queued(scene.run, 1)
    (comment,) = scene.own_comments()
    assert "**Mergewright is working on this issue.**" in comment.body


def test_why_a_run_waits_is_said_in_the_comment_that_is_there(scene):
    scene.gatekeeper.queued(scene.run, 2)
    scene.gatekeeper.queued(scene.run, 0, "It goes on at about 2026-11-21 10:00 UTC.")
    (comment,) = scene.own_comments()
    assert "waits for its turn.** It goes on at about 2026-11-21 10:00 UTC." in comment.body
    assert "were ahead" not in comment.body
    assert len(scene.issue.reactions) == 1
    scene.forge.begin(scene.run)
    scene.gatekeeper.queued(scene.run, 0, "It goes on at about 2026-11-21 10:00 UTC.")
    (comment,) = scene.own_comments()
    assert "**Mergewright is working on this issue.**" in comment.body


def test_why_a_run_waits_is_said_where_there_is_no_comment_yet(scene):
    scene.gatekeeper.queued(scene.run, 0, "Paused.")
    (comment,) = scene.own_comments()
    assert "waits for its turn.** Paused." in comment.body


def test_a_run_that_was_stopped_by_its_operator_has_a_label_of_that_alone(scene):
    scene.forge.begin(scene.run)
    scene.forge.deliver(scene.run, outcome(Reason.CANCELLED))
    assert scene.labels() == {"mergewright", "mergewright: stopped"}
    scene.forge.begin(scene.run)
    assert scene.labels() == {"mergewright", "mergewright: working"}
    assert len(scene.own_comments()) == 1


def test_a_run_that_begins_while_its_waiting_is_written_has_one_comment(scene):
    scene.fault("delay", "POST", "issues/1/comments", seconds=0.5)
    intake = threading.Thread(target=scene.gatekeeper.queued, args=(scene.run, 1))
    intake.start()
    end = time.monotonic() + 5
    while not scene.requests("POST", "*/reactions") and time.monotonic() < end:
        time.sleep(0.01)
    scene.forge.begin(scene.run)
    intake.join(10)
    (comment,) = scene.own_comments()
    assert "**Mergewright is working on this issue.**" in comment.body


def test_the_intake_does_not_wait_for_a_run_that_is_beginning(scene):
    scene.fault("delay", "POST", "issues/1/comments", seconds=2)
    carrier = threading.Thread(target=scene.forge.begin, args=(scene.run,))
    carrier.start()
    time.sleep(0.5)
    begun = time.monotonic()
    scene.gatekeeper.queued(scene.run, 1)
    assert time.monotonic() - begun < 1
    carrier.join(10)
    assert len(scene.own_comments()) == 1


def test_a_run_that_is_superseded_while_it_waits_ends_its_comment(scene):
    scene.gatekeeper.queued(scene.run, 1)
    scene.forge.deliver(scene.run, outcome(Reason.SUPERSEDED))
    (comment,) = scene.own_comments()
    assert "That is how it ended." in comment.body


# --- comments of earlier attempts, and of many ------------------------------------------------


def attempt(scene: Scene, number: int) -> Run:
    """A later run of the issue."""
    return scene.run.model_copy(update={"run_id": f"20261120-1{number}0000-x", "attempt": number})


def test_a_new_attempt_folds_what_earlier_ones_have_left_to_a_line(either):
    either.forge.begin(either.run)
    either.forge.deliver(either.run, outcome(Reason.NEW_FAILURES, "## No _branch_ <b>\n\nRed."))
    either.forge.begin(attempt(either, 2))
    first, second = either.own_comments()
    assert first.body.startswith(
        f"<!-- mergewright:status run={RUN_ID} -->\n<!-- mergewright:folded -->\n"
        f"<details><summary>Earlier run {RUN_ID}: No _branch_ b</summary>\n\n"
        "## No _branch_ <b>\n\nRed.\n"
    )
    assert first.body.endswith("\n\n</details>")
    assert "folded" not in second.body
    before, edits = first.body, either.asked("PATCH", "*/issues/comments/*")
    either.forge.begin(attempt(either, 2))
    either.forge.deliver(attempt(either, 2), outcome(Reason.NEW_FAILURES, "red"))
    either.forge.begin(attempt(either, 3))
    assert first.body == before
    assert "<details><summary>Earlier run 20261120-120000-x: red</summary>" in second.body
    # The end of the second attempt, its fold, and that of what called a person.
    assert either.asked("PATCH", "*/issues/comments/*") - edits == 3
    assert [("folded" in one.body) for one in either.calls()] == [True, True]


def test_a_first_attempt_looks_for_none_to_fold(scene):
    scene.forge.begin(scene.run)
    assert scene.asked("GET", "*/issues/1/comments*") == 1


def test_a_persons_comment_is_never_folded_and_of_ours_only_those_of_runs(scene):
    ann = scene.world.user("ann")
    quoted = "<!-- mergewright:status run=20261119-100000-old -->\nA checked pull request"
    theirs = actions.comment(scene.world, scene.repository, scene.issue, ann, quoted)
    scene.gatekeeper.explain(scene.run.snapshot.issue, "Somebody.", key="permission-1")
    scene.forge.begin(attempt(scene, 2))
    assert theirs.body == quoted
    assert len(scene.own_comments()) == 2
    assert [one.body for one in scene.own_comments() if "folded" in one.body] == []


def test_a_fold_that_github_refuses_disturbs_nobody(scene):
    scene.forge.begin(scene.run)
    scene.fault("refuse", "PATCH", "issues/comments/*", status=403, count=None)
    scene.forge.begin(attempt(scene, 2))
    assert len(scene.own_comments()) == 2
    assert scene.labels() == {"mergewright", "mergewright: working"}


def test_what_github_was_too_busy_to_fold_is_folded_at_the_end(scene):
    scene.forge.begin(scene.run)
    (first,) = scene.own_comments()
    scene.fault("refuse", "PATCH", "issues/comments/*", status=403, count=1)
    scene.forge.begin(attempt(scene, 2))
    assert "folded" not in first.body
    edits = scene.asked("PATCH", "*/issues/comments/*")
    scene.forge.deliver(attempt(scene, 2), outcome(Reason.NEW_FAILURES, "red"))
    assert "<details><summary>Earlier run" in first.body
    # The end of the attempt, and the fold, which is not looked for ever after.
    assert scene.asked("PATCH", "*/issues/comments/*") - edits == 2
    scene.forge.deliver(attempt(scene, 2), outcome(Reason.NEW_FAILURES, "red"))
    assert scene.asked("PATCH", "*/issues/comments/*") - edits == 2


def test_a_comment_of_githubs_greatest_length_can_be_folded(scene):
    scene.forge.begin(scene.run)
    (comment,) = scene.own_comments()
    mark = comment.body.partition("\n")[0]
    comment.body = f"{mark}\n```\n" + "ü\n" * 32_000 + "```"
    scene.forge.begin(attempt(scene, 2))
    assert "<details><summary>Earlier run" in comment.body
    assert len(comment.body) <= 65_000
    assert comment.body.endswith("\n\n</details>")


def flood(scene: Scene, count: int) -> None:
    """Let strangers comment, without the deliveries that tell of it."""
    ann, now = scene.world.user("ann"), scene.world.now()
    scene.issue.comments += [
        Comment(scene.world.next_id(), f"me too {number}", ann, now, now) for number in range(count)
    ]


@pytest.mark.parametrize(("before", "after"), [(2_500, 10), (10, 2_500), (1_500, 900)])
def test_our_comment_is_found_among_thousands_with_a_bounded_number_of_calls(scene, before, after):
    flood(scene, before)
    scene.forge.begin(scene.run)
    flood(scene, after)
    again = GithubForge(samples.connect(scene.settings, pacing=samples.QUICK), scene.settings)
    asked = scene.asked("GET", "*/issues/1/comments*")
    again.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    (comment,) = scene.own_comments()
    assert "red" in comment.body
    # One look for the comment, one for what calls a person to it.
    assert scene.asked("GET", "*/issues/1/comments*") - asked <= 44


def test_a_refusal_is_explained_once_among_thousands_too(scene):
    flood(scene, 1_200)
    scene.gatekeeper.explain(scene.run.snapshot.issue, "Not you.", key="permission-1")
    flood(scene, 900)
    again = GithubGatekeeper(samples.connect(scene.settings, pacing=samples.QUICK), scene.settings)
    again.explain(scene.run.snapshot.issue, "Not you.", key="permission-1")
    assert len(scene.own_comments()) == 1


def test_our_comment_is_known_by_our_number_though_we_have_another_name_by_now(scene):
    scene.forge.begin(scene.run)
    again = GithubForge(samples.connect(scene.settings, pacing=samples.QUICK), scene.settings)
    again._access.number(again._session(scene.run), Scope.TALK)
    bot = scene.app.bot
    name, bot.login = bot.login, "mergewright-anew[bot]"
    try:
        again.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    finally:
        bot.login = name
    assert len(scene.own_comments()) == 1


def test_a_superseded_run_leaves_no_further_comment_and_no_label(scene):
    scene.forge.deliver(scene.run, outcome(Reason.SUPERSEDED))
    assert scene.own_comments() == []
    assert scene.labels() == {"mergewright"}


def test_a_superseded_run_ends_its_own_comment(scene):
    scene.forge.begin(scene.run)
    scene.forge.deliver(scene.run, outcome(Reason.SUPERSEDED))
    assert "That is how it ended." in scene.own_comments()[0].body
    assert scene.labels() == {"mergewright"}


def test_the_end_of_a_run_on_an_issue_locked_meanwhile_is_not_an_error(scene):
    actions.lock(scene.world, scene.repository, scene.issue, scene.world.user("ann"), None)
    ended = outcome(Reason.NEW_FAILURES, "red")
    told = scene.forge.deliver(scene.run, ended)
    assert told == ended.model_copy(update={"forge_calls": scene.forge.calls(scene.run)})
    assert scene.own_comments() == []


def test_emoji_and_right_to_left_text_arrive_unchanged(scene):
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "🎉 שלום عليكم ǅ"))
    assert "🎉 שלום عليكم ǅ" in scene.own_comments()[0].body


def test_a_text_over_githubs_limit_is_cut_and_says_so(scene):
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "ü" * 70_000))
    body = scene.own_comments()[0].body
    assert len(body) < 65_536
    assert f"whole text: https://m.example/runs/{RUN_ID}" in body


# --- repository, git, rules --------------------------------------------------------------------


def test_the_remote_is_where_git_finds_the_repository(either):
    remote = either.forge.remote(either.run)
    assert remote.name == either.name
    assert remote.default_branch == "main"
    assert remote.url == f"{either.world.base_url}/{either.name}.git"
    assert remote.author == either.login
    number = either.world.user(either.login).id
    assert remote.email == f"{number}+{either.login}@users.noreply.127.0.0.1"


def test_a_default_branch_that_is_gone_is_told(scene):
    scene.repository.default_branch = "trunk"
    with pytest.raises(RepositoryUnfit, match="default branch trunk of .+/store does not exist"):
        scene.forge.remote(scene.run)


def test_the_token_for_reading_clones_and_cannot_push(scene, tmp_path):
    reading = scene.forge.credential(scene.run, write=False)
    writing = scene.forge.credential(scene.run, write=True)
    assert reading != writing
    clone = tmp_path / "clone"
    url = scene.forge.remote(scene.run).url

    def git(token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        address = url.replace("http://", f"http://x-access-token:{token}@")
        argv = ["git", *(address if one == "URL" else one for one in arguments)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    assert git(reading, "clone", "-q", "URL", str(clone)).returncode == 0
    push = ("-C", str(clone), "push", "-q", "URL", "HEAD:refs/heads/mergewright/1-x")
    assert git(reading, *push).returncode != 0
    assert git(writing, *push).returncode == 0


def test_a_token_reaches_no_other_repository(scene):
    other = scene.world.add_repository(f"{scene.owner}/secret", private=True)
    scene.world.narrow(scene.installation, [scene.repository, other])
    token = scene.world.tokens[scene.forge.credential(scene.run, write=True)]
    assert token.repository_ids == {scene.repository.id}
    assert token.permissions == {"metadata": "read", "contents": "write"}


def test_tokens_are_minted_once_per_run_and_scope(scene):
    for _ in range(3):
        scene.forge.ticket(scene.run)
        scene.forge.credential(scene.run, write=True)
    assert scene.asked("POST", "*/access_tokens") == 2


def test_a_branch_that_nothing_is_said_about_may_be_made(scene):
    rules = scene.forge.rules(scene.run, BRANCH)
    assert (rules.refused, rules.signed, rules.forward_only) == (None, False, False)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("creation", "does not let us create branches of this name"),
        ("pull_request", "lets nobody push to branches of this name without a pull request"),
        ("update", "does not let us push to branches of this name"),
    ],
)
def test_a_rule_over_our_branches_is_told_before_the_push(scene, kind, words):
    scene.world.add_rule(scene.repository, "mergewright/*", [kind])
    rules = scene.forge.rules(scene.run, BRANCH)
    assert words in rules.refused
    assert "pull_request.branch_prefix" in rules.refused


def test_a_branch_that_is_there_and_protected_is_refused(scene):
    samples.push_branch(scene.repository)
    scene.world.add_rule(scene.repository, "mergewright/*", ["deletion"], classic=True)
    assert "there already and is protected" in scene.forge.rules(scene.run, BRANCH).refused


def test_a_rule_against_rewriting_is_seen_unless_we_may_pass_it(scene):
    rule = scene.world.add_rule(scene.repository, "mergewright/*", ["non_fast_forward"])
    rules = scene.forge.rules(scene.run, BRANCH)
    assert (rules.refused, rules.forward_only) == (None, True)
    scene.repository.rules.remove(rule)
    scene.world.add_rule(
        scene.repository, "mergewright/*", ["non_fast_forward"], exempt=[scene.login]
    )
    assert not scene.forge.rules(scene.run, BRANCH).forward_only


def test_signatures_are_seen_to_be_required(scene):
    scene.world.add_rule(scene.repository, "mergewright/*", ["required_signatures"])
    rules = scene.forge.rules(scene.run, BRANCH)
    assert (rules.refused, rules.signed) == (None, True)


# --- signed commit -----------------------------------------------------------------------------


def change(scene: Scene, *more: ChangedFile) -> Change:
    files = (
        ChangedFile(path="new.py", before=None, after="ü = 1\n".encode()),
        ChangedFile(path="old.py", before=b"pass\n", after=None),
        ChangedFile(path="shop.py", before=b"print('hello')\n", after=b"\x00\xff"),
        *more,
    )
    return Change(base_commit=samples.head(scene.repository, "main"), files=files)


def content(scene: Scene, commit: str, path: str) -> bytes:
    return subprocess.run(
        ["git", "--git-dir", str(scene.repository.git_dir), "show", f"{commit}:{path}"],
        capture_output=True, check=True, timeout=30,
    ).stdout  # fmt: skip


def test_a_commit_through_the_api_is_verified_and_holds_the_change(scene):
    scene.world.add_rule(scene.repository, "mergewright/*", ["required_signatures"])
    commit = scene.forge.commit(scene.run, BRANCH, "Add a field\n\n- one\n- two\n", change(scene))
    assert samples.head(scene.repository, BRANCH) == commit
    assert content(scene, commit, "new.py") == "ü = 1\n".encode()
    assert content(scene, commit, "shop.py") == b"\x00\xff"
    with pytest.raises(subprocess.CalledProcessError):
        content(scene, commit, "old.py")


def test_committing_again_finds_the_commit(scene):
    first = scene.forge.commit(scene.run, BRANCH, "Add a field\n\n- one\n", change(scene))
    again = GithubForge(samples.connect(scene.settings, pacing=samples.QUICK), scene.settings)
    assert again.commit(scene.run, BRANCH, "Add a field\n\n- one\n", change(scene)) == first


def test_a_branch_with_other_content_is_never_taken_for_ours(scene):
    theirs = samples.push_branch(scene.repository)
    with pytest.raises(BranchTaken, match="there already, with other content"):
        scene.forge.commit(scene.run, BRANCH, "Add a field", change(scene))
    assert samples.head(scene.repository, BRANCH) == theirs


def test_a_branch_with_our_files_under_another_message_is_not_ours(scene):
    scene.forge.commit(scene.run, BRANCH, "Add a field", change(scene))
    with pytest.raises(RepositoryUnfit, match="other content"):
        scene.forge.commit(scene.run, BRANCH, "Add another", change(scene))


def test_GH6_the_commit_stands_on_its_base_when_main_has_moved_meanwhile(scene):
    made = change(scene)
    samples.put_file(scene.repository, "later.py", "y = 2\n")
    assert samples.head(scene.repository, "main") != made.base_commit
    commit = scene.forge.commit(scene.run, BRANCH, "Add a field", made)
    assert samples.git(scene.repository, "rev-parse", f"{commit}^") == made.base_commit


def test_GH6_a_base_that_was_rewritten_away_is_said(scene):
    files = change(scene).files
    gone = Change(base_commit="1" * 40, files=files)
    with pytest.raises(RepositoryUnfit, match="no longer in the repository.*history rewritten"):
        scene.forge.commit(scene.run, BRANCH, "Add a field", gone)
    assert samples.git(scene.repository, "branch", "--list", BRANCH) == ""


def test_GH5_a_commit_of_somebody_who_was_quicker_stays(scene):
    made = change(scene)
    theirs = meanwhile(scene, lambda: samples.push_branch(scene.repository))
    with pytest.raises(BranchTaken, match="with other content"):
        scene.forge.commit(scene.run, BRANCH, "Add a field", made)
    assert samples.head(scene.repository, BRANCH) == theirs.result(timeout=30)


def test_GH5_a_branch_that_is_deleted_meanwhile_is_not_made_again(scene):
    made = change(scene)
    gone = meanwhile(
        scene, lambda: samples.git(scene.repository, "update-ref", "-d", f"refs/heads/{BRANCH}")
    )
    with pytest.raises(RepositoryUnfit, match="Somebody deleted the branch"):
        scene.forge.commit(scene.run, BRANCH, "Add a field", made)
    gone.result(timeout=30)
    assert samples.git(scene.repository, "branch", "--list", BRANCH) == ""


def meanwhile(scene: Scene, act: Callable[[], T]) -> Future[T]:
    """Let somebody act between the making of our branch and our commit on it."""
    scene.fault("delay", "POST", "/api/graphql", seconds=2.0, count=1)

    def wait_and_act() -> T:
        until = time.monotonic() + 60
        while BRANCH not in samples.git(scene.repository, "branch", "--list", BRANCH):
            assert time.monotonic() < until
            time.sleep(0.05)
        return act()

    with_one = ThreadPoolExecutor(1)
    acted = with_one.submit(wait_and_act)
    with_one.shutdown(wait=False)
    return acted


def test_an_executable_file_is_refused_by_name(scene):
    script = ChangedFile(path="run.sh", before=None, after=b"#!/bin/sh\n", executable=True)
    with pytest.raises(RepositoryUnfit, match=r"cannot commit executable files: run\.sh"):
        scene.forge.commit(scene.run, BRANCH, "Add a script", change(scene, script))
    assert scene.asked("POST", "*/git/refs") == 0


# --- pull request ------------------------------------------------------------------------------


def test_a_pull_request_is_opened_with_its_check(scene):
    commit = samples.push_branch(scene.repository)
    pull = scene.forge.propose(scene.run, proposal(commit))
    (opened,) = scene.repository.pulls()
    assert pull == PullRequest(
        number=opened.number, url=f"{scene.world.base_url}/{scene.name}/pull/{opened.number}"
    )
    assert (opened.title, opened.body) == ("Add a field", "All checks passed.\n\nCloses #1")
    assert (opened.author.login, opened.pull.base_ref) == (scene.login, "main")
    (check,) = scene.repository.check_runs.values()
    assert (check.name, check.head_sha, check.external_id) == ("Mergewright", commit, RUN_ID)
    assert (check.status, check.conclusion) == ("completed", "success")
    assert check.summary == "| check | head |"
    assert check.details_url == f"https://m.example/runs/{RUN_ID}"


def test_with_a_token_a_commit_status_takes_the_place_of_the_check(world, tmp_path):
    scene = samples.scene(world, tmp_path, app=False)
    commit = samples.push_branch(scene.repository)
    scene.forge.propose(scene.run, proposal(commit))
    scene.forge.propose(scene.run, proposal(commit))
    (status,) = scene.repository.statuses
    assert (status.sha, status.state, status.context) == (commit, "success", "Mergewright")
    assert len(scene.repository.pulls()) == 1


def test_proposing_again_brings_the_pull_request_up_to_date(scene):
    commit = samples.push_branch(scene.repository)
    first = scene.forge.propose(scene.run, proposal(commit))
    again = GithubForge(samples.connect(scene.settings, pacing=samples.QUICK), scene.settings)
    second = again.propose(scene.run, proposal(commit, title="Add two fields", body="More."))
    assert second.number == first.number
    (opened,) = scene.repository.pulls()
    assert (opened.title, opened.body) == ("Add two fields", "More.")
    assert len(scene.repository.check_runs) == 1


def test_proposing_the_same_again_writes_nothing(scene):
    commit = samples.push_branch(scene.repository)
    wanted = proposal(commit, reviewers=("ann",), labels=("bug",))
    scene.forge.propose(scene.run, wanted)
    before = scene.asked("POST") + scene.asked("PATCH")
    scene.forge.propose(scene.run, wanted)
    assert scene.asked("POST") + scene.asked("PATCH") == before


def test_a_strangers_pull_request_for_our_branch_is_never_touched(scene):
    commit = samples.push_branch(scene.repository)
    theirs = pull_actions.open_pull(
        scene.world, scene.repository, scene.world.user("ann"), title="Mine", body="mine",
        head=BRANCH, base="main", draft=False,
    )  # fmt: skip
    with pytest.raises(AccessLost, match="opened by `ann`, not by us"):
        scene.forge.propose(scene.run, proposal(commit))
    assert (theirs.title, theirs.body) == ("Mine", "mine")


def test_a_second_pull_request_of_our_branch_by_a_person_does_not_stop_ours(scene):
    commit = samples.push_branch(scene.repository)
    ours = scene.forge.propose(scene.run, proposal(commit))
    with scene.world.lock:
        samples.push_branch(scene.repository, "release", "y = 2\n")
    theirs = pull_actions.open_pull(
        scene.world, scene.repository, scene.world.user("ann"), title="Mine", body="mine",
        head=BRANCH, base="release", draft=False,
    )  # fmt: skip
    wanted = proposal(commit).model_copy(update={"title": "Said anew"})
    assert scene.forge.propose(scene.run, wanted).number == ours.number
    assert scene.repository.issues[ours.number].title == "Said anew"
    assert (theirs.title, theirs.body) == ("Mine", "mine")


def test_a_pull_request_that_a_person_closed_is_not_opened_again(scene):
    commit = samples.push_branch(scene.repository)
    scene.forge.propose(scene.run, proposal(commit))
    (opened,) = scene.repository.pulls()
    actions.set_state(
        scene.world, scene.repository, opened, "closed", None, scene.world.user("ann")
    )
    with pytest.raises(Superseded, match="was closed"):
        scene.forge.propose(scene.run, proposal(commit))
    assert len(scene.repository.pulls()) == 1


def test_only_open_pull_requests_of_ours_on_other_branches_are_told_of_in_one_call(scene):
    for branch in (BRANCH, "mergewright/2", "mergewright/3", "theirs"):
        samples.push_branch(scene.repository, branch)
    ours = scene.forge.propose(scene.run, proposal("a" * 40, branch="mergewright/2", body="two"))
    gone = scene.forge.propose(scene.run, proposal("a" * 40, branch="mergewright/3", body="three"))
    scene.forge.propose(scene.run, proposal("a" * 40))
    pull_actions.open_pull(
        scene.world, scene.repository, scene.world.user("ann"), title="Mine", body="mine",
        head="theirs", base="main", draft=False,
    )  # fmt: skip
    closed = next(one for one in scene.repository.pulls() if one.number == gone.number)
    actions.set_state(
        scene.world, scene.repository, closed, "closed", None, scene.world.user("ann")
    )
    before = scene.asked()
    told = scene.forge.own_pulls(scene.run, BRANCH)
    assert scene.asked() - before == 1
    at = scene.repository.issues[ours.number].pull.head_sha
    assert told == (
        OwnPull(
            number=ours.number, body="two", url=ours.url, branch="mergewright/2", commit=at
        ),
    )  # fmt: skip


def test_other_pull_requests_that_may_not_be_seen_end_the_run_before_a_second_is_made(scene):
    scene.fault("refuse", "GET", "pulls*", status=403, count=None)
    with pytest.raises(AccessLost):
        scene.forge.own_pulls(scene.run, BRANCH)


def test_the_outcome_tells_how_many_requests_there_were(either):
    either.forge.begin(either.run)
    told = either.forge.deliver(either.run, outcome(Reason.NEW_FAILURES, "red"))
    assert told.forge_calls == either.forge.calls(either.run) > 5


def test_a_draft_is_made_where_drafts_are_to_be_had(scene):
    commit = samples.push_branch(scene.repository)
    pull = scene.forge.propose(scene.run, proposal(commit, draft=True))
    assert (pull.draft, pull.notes) == (True, ())


def test_where_drafts_are_not_to_be_had_it_is_none_and_says_so(world, tmp_path):
    scene = samples.scene(world, tmp_path, drafts=False)
    commit = samples.push_branch(scene.repository)
    pull = scene.forge.propose(scene.run, proposal(commit, draft=True))
    assert not pull.draft
    assert pull.notes == ("it is no draft, since drafts are not available in this repository",)


def test_reviewers_and_labels_are_set_as_far_as_they_can_be(scene):
    scene.world.add_user("eve")
    commit = samples.push_branch(scene.repository)
    wanted = proposal(
        commit,
        reviewers=("ann", "nobody-here", "elsewhere/team", scene.login),
        labels=("bug", "x" * 60),
    )
    pull = scene.forge.propose(scene.run, wanted)
    (opened,) = scene.repository.pulls()
    assert [user.login for user in opened.pull.requested] == ["ann"]
    assert [label.name for label in opened.labels] == ["bug"]
    told = "\n".join(pull.notes)
    assert "nobody-here was not asked to review" in told
    assert "elsewhere/team was not asked to review: no team of this repository's owner" in told
    assert f"{'x' * 60} was not set as label" in told
    assert "ann" not in told
    assert len(pull.notes) == 3


def test_a_title_of_300_characters_is_cut_and_a_body_over_the_limit_too(scene):
    commit = samples.push_branch(scene.repository)
    scene.forge.propose(
        scene.run, proposal(commit, title=text.title("🎉 שלום " * 40), body="b" * 70_000)
    )
    (opened,) = scene.repository.pulls()
    assert len(opened.title) <= 256
    assert opened.title.endswith("…")
    assert len(opened.body) <= 65_000
    assert "characters left out" in opened.body


def test_findings_become_annotations_in_batches_of_fifty(scene):
    commit = samples.push_branch(scene.repository)
    findings = tuple(
        Finding(
            rule="r", severity=Severity.REVIEW, path="new.py", line=number, message="m", fix="f"
        )
        for number in range(1, 121)
    )
    scene.forge.propose(scene.run, proposal(commit, findings=findings))
    (check,) = scene.repository.check_runs.values()
    assert [note.start_line for note in check.annotations] == list(range(1, 121))


def test_a_base_branch_that_is_gone_is_told(scene):
    commit = samples.push_branch(scene.repository)
    with pytest.raises(RepositoryUnfit, match="branch gone, which the pull request goes to"):
        scene.forge.propose(scene.run, proposal(commit, base_branch="gone"))


def test_a_branch_that_differs_in_nothing_is_told(scene):
    commit = samples.head(scene.repository, "main")
    scene_dir = str(scene.repository.git_dir)
    subprocess.run(
        ["git", "--git-dir", scene_dir, "update-ref", f"refs/heads/{BRANCH}", commit], check=True
    )
    with pytest.raises(RepositoryUnfit, match="no difference"):
        scene.forge.propose(scene.run, proposal(commit))


def test_where_nothing_was_checked_no_check_is_called_passed(either):
    commit = samples.push_branch(either.repository)
    either.forge.propose(
        either.run, proposal(commit, checked=False, check_title="No check ran", summary="")
    )
    if either.app is None:
        (status,) = either.repository.statuses
        assert status.description == f"No check ran (run {RUN_ID})"
        return
    (check,) = either.repository.check_runs.values()
    assert (check.title, check.summary) == ("No check ran", "No check ran")
    assert (check.status, check.conclusion) == ("completed", "neutral")


def test_a_long_title_leaves_the_run_in_the_status(world, tmp_path):
    scene = samples.scene(world, tmp_path, app=False)
    commit = samples.push_branch(scene.repository)
    scene.forge.propose(scene.run, proposal(commit, check_title="passed: " + "x" * 300))
    (status,) = scene.repository.statuses
    assert len(status.description) == 140
    assert status.description.endswith(f"xxx (run {RUN_ID})")


# --- the whole ---------------------------------------------------------------------------------


def whole_run(scene: Scene, forge: GithubForge) -> None:
    """Ask for all that a run asks for, in its order: intake, work, publish."""
    issue, run = scene.run.snapshot.issue, scene.run
    scene.gatekeeper.own_logins()
    scene.gatekeeper.label(issue)
    scene.gatekeeper.permission(issue, "ann")
    scene.gatekeeper.live(issue)
    scene.gatekeeper.runs_per_day(issue)
    forge.ticket(run)
    forge.begin(run)
    forge.remote(run)
    forge.credential(run, write=False)
    for count in range(6):
        forge.mark(run, marks(*["done"] * count, "running"))
    forge.remote(run)
    forge.ticket(run)
    forge.rules(run, BRANCH)
    forge.credential(run, write=True)
    commit = samples.push_branch(scene.repository)
    forge.own_pulls(run, BRANCH)
    forge.ticket(run)
    pull = forge.propose(run, proposal(commit, reviewers=("ann",), labels=("bug",)))
    forge.deliver(run, outcome(Reason.READY, "body", pull))


def test_a_whole_run_stays_within_forty_requests_though_nothing_is_known_yet(either):
    # Intake and run share what they know, as they do in the service.
    unknowing = samples.connect(either.settings, pacing=samples.QUICK)
    either.gatekeeper = GithubGatekeeper(unknowing, either.settings)
    forge = GithubForge(unknowing.recording(lambda kind, facts: None), either.settings)
    whole_run(either, forge)
    print(f"requests: {either.asked()} in all, {forge.calls(either.run)} of the run")
    assert either.asked() <= 40


def test_a_run_takes_fewer_requests_where_its_process_knows_us_already(either):
    first = either.access.recording(lambda kind, facts: None)
    whole_run(either, GithubForge(first, either.settings))
    before = either.asked()
    either.run = either.run.model_copy(update={"run_id": "20261120-110000-def"})
    ann = either.world.user("ann")
    for pull in either.repository.pulls():
        actions.set_state(either.world, either.repository, pull, "closed", None, ann)
        pull.author = ann
    second = either.access.recording(lambda kind, facts: None)
    forge = GithubForge(second, either.settings)
    whole_run(either, forge)
    print(f"requests: {either.asked() - before} in all, {forge.calls(either.run)} of the run")
    assert either.asked() - before <= 36


def test_the_writes_of_a_run_go_to_its_own_record(scene):
    other: list[str] = []
    forge = GithubForge(
        scene.access.recording(lambda kind, facts: other.append(kind)), scene.settings
    )
    forge.begin(scene.run)
    assert scene.writes == []
    assert set(other) == {"github write"}


def test_every_write_is_recorded_with_its_run(scene):
    scene.forge.begin(scene.run)
    sent = [one for one in scene.requests() if one.method in ("POST", "PATCH", "DELETE")]
    assert len(scene.writes) == len(sent)
    assert {fact["run"] for fact in scene.writes} == {RUN_ID}
    assert [fact["status"] for fact in scene.writes] == [one.status for one in sent]
    assert all(len(str(fact["sha256"])) == 64 for fact in scene.writes)


def test_requests_of_two_threads_are_never_mixed_up(scene):
    ann = scene.world.user("ann")
    numbers = [1] + [
        actions.open_issue(scene.world, scene.repository, ann, f"{n}", "", [], []).number
        for n in range(3)
    ]
    requester = scene.forge._session(scene.run).requester(Scope.TALK)
    mixed = []

    def read(number: int) -> None:
        for _ in range(25):
            _, data = requester.requestJsonAndCheck("GET", f"/repos/{scene.name}/issues/{number}")
            if data["number"] != number:
                mixed.append((number, data["number"]))

    threads = [threading.Thread(target=read, args=(number,)) for number in numbers]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(usual)
    assert mixed == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".github/mergewright.yml", "label: robot please\n"),
        (".github/mergewright.yaml", "label: robot please\n"),
        ("pyproject.toml", '[tool.mergewright]\nlabel = "robot please"\n'),
    ],
)
def test_the_label_of_the_repositorys_configuration_starts_a_run(scene, path, text):
    samples.put_file(scene.repository, path, text)
    assert scene.gatekeeper.label(scene.run.snapshot.issue) == "robot please"
    scene.forge.ticket(scene.run)
    scene.issue.labels.clear()
    with pytest.raises(Superseded, match="label robot please was taken away"):
        scene.forge.ticket(scene.run)


def test_a_configuration_with_an_error_leaves_the_operators_label_and_bounds(scene):
    samples.put_file(scene.repository, ".github/mergewright.yml", "labell: [\n")
    assert scene.gatekeeper.label(scene.run.snapshot.issue) == "mergewright"
    assert scene.gatekeeper.runs_per_day(scene.run.snapshot.issue) is None


def test_label_and_quota_of_the_repositorys_configuration_are_read_at_once(scene):
    text = "label: robot please\nlimits: {runs_per_day: 2}\n"
    samples.put_file(scene.repository, ".github/mergewright.yml", text)
    issue = scene.run.snapshot.issue
    assert scene.gatekeeper.label(issue) == "robot please"
    before = scene.asked()
    assert scene.gatekeeper.runs_per_day(issue) == 2
    assert scene.asked() == before


def test_a_ruleset_that_lets_us_through_is_no_objection(either):
    samples.push_branch(either.repository)
    kinds = ["creation", "update", "required_signatures"]
    either.world.add_rule(either.repository, "mergewright/*", kinds, exempt=[either.login])
    rules = either.forge.rules(either.run, BRANCH)
    assert (rules.refused, rules.signed) == (None, True)


def test_a_ruleset_that_lets_somebody_else_through_is_an_objection(either):
    either.world.add_rule(either.repository, "mergewright/*", ["creation"], exempt=["ann"])
    rules = either.forge.rules(either.run, BRANCH)
    assert "does not let us create branches of this name" in rules.refused
    assert either.asked("GET", "*/rulesets/*") == 1


def test_a_branch_of_an_earlier_run_is_not_refused_for_a_ruleset_that_allows_it(scene):
    samples.push_branch(scene.repository)
    scene.world.add_rule(scene.repository, "mergewright/*", ["required_signatures"])
    assert scene.forge.rules(scene.run, BRANCH).refused is None


def test_a_server_without_rulesets_has_no_rules(scene):
    scene.fault("refuse", "GET", "rules/branches/*", status=404, body={"message": "Not Found"})
    assert scene.forge.rules(scene.run, BRANCH).refused is None


def test_a_clone_address_on_another_server_gets_no_token(scene):
    facts = {
        "id": scene.repository.id, "full_name": scene.name, "archived": False,
        "default_branch": "main", "clone_url": "http://elsewhere.example/shop/store.git",
    }  # fmt: skip
    scene.fault("refuse", "GET", f"/api/v3/repos/{scene.name}", status=200, body=facts)
    with pytest.raises(AccessLost, match=r"http://elsewhere\.example"):
        scene.forge.remote(scene.run)


@pytest.mark.parametrize(
    "place", ["{host}:1", "{host}", "person:word@{host}:{port}", "@{host}:{port}", "{host}:x"]
)
def test_a_clone_address_on_another_port_or_with_a_user_gets_no_token(scene, place):
    api = urlsplit(scene.world.base_url)
    facts = {
        "id": scene.repository.id, "full_name": scene.name, "archived": False,
        "default_branch": "main",
        "clone_url": f"http://{place.format(host=api.hostname, port=api.port)}/shop/store.git",
    }  # fmt: skip
    scene.fault("refuse", "GET", f"/api/v3/repos/{scene.name}", status=200, body=facts)
    with pytest.raises(AccessLost, match="no token is sent there") as refused:
        scene.forge.remote(scene.run)
    assert "word" not in str(refused.value)


def test_the_adapter_fulfils_the_ports(scene):
    forge: Forge = scene.forge
    gatekeeper: Gatekeeper = scene.gatekeeper
    for port, made in ((Forge, forge), (Gatekeeper, gatekeeper)):
        for name in vars(port):
            if not name.startswith("_"):
                assert callable(getattr(made, name))


def test_a_plan_is_shown_with_its_number_and_what_may_be_said_of_it(scene):
    steps = ("Add a `totals` view, @maria.", "Show it <b>in</b> the menu. " + "x" * 70_000)
    plan = Plan(
        recipe="", title="Show totals per month", parameters="{}", steps=steps,
        files=("shop/views.py",), tests=(AcceptanceTest(name="tests/t.py::test_a", shows="a"),),
        risks=("Slow on large tables",), lines=1400,
    )  # fmt: skip
    scene.forge.begin(scene.run)
    scene.forge.await_approval(scene.run, plan, plan.number)
    scene.forge.await_approval(scene.run, plan, plan.number)
    (comment,) = scene.own_comments()
    assert f"waits for a word on its plan `{plan.number}`" in comment.body
    assert f"`/mergewright approve {plan.number}`" in comment.body
    assert len(comment.body) <= 65_000
    assert "@maria" not in comment.body
    assert "<b>" not in comment.body
    short = plan.model_copy(update={"steps": steps[:1]})
    scene.forge.await_approval(scene.run, short, short.number)
    for words in (
        "- Files: `shop/views.py`", "- Tests: `tests/t.py::test_a`", "- About 1,400 lines",
        "- Risk: Slow on large tables", "The words of the plan are a model's",
    ):  # fmt: skip
        assert words in comment.body
    # The run goes on in the same comment.
    scene.forge.mark(scene.run, marks("running"))
    scene.forge.deliver(scene.run, outcome(Reason.NEW_FAILURES, "red"))
    assert len(scene.own_comments()) == 1
    assert plan.number not in comment.body
