"""Words that no webhook tells of, in the simulated GitHub and with the real inbox, store and handler."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from structlog.testing import capture_logs

from agent.conversation import events
from agent.conversation.events import Comment, Event
from agent.demo.simulator import actions
from agent.demo.simulator.records import Comment as StoredComment
from agent.demo.simulator.records import Issue
from agent.github.polling import Changed, GithubChanges
from agent.models.code_host import NewPullRequest
from agent.models.outcome import Outcome
from agent.models.run import Reason, RunState
from agent.models.ticket import Delivery
from agent.service import polling
from agent.service.deliveries import Intake
from agent.service.polling import Polling
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from tests.integration import github_samples as samples
from tests.integration.github_samples import BRANCH, Scene

LATER = 3
"""Seconds after which times without fractions can be told apart for certain."""


class Ahead(GithubChanges):
    """Has the clock of the simulated world, whose answers carry that of this machine."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene.access, scene.settings)
        self.world = scene.world

    def list_changed(self, repository: str, since: str | None) -> Changed:
        found = super().list_changed(repository, since)
        now = datetime.fromtimestamp(self.world.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return found.model_copy(update={"now": now})


class Heard:
    """A repository whose conversations are listened to, without any webhook."""

    def __init__(self, scene: Scene, inbox: Inbox, store: SqlRunStore) -> None:
        self.scene, self.inbox, self.store = scene, inbox, store
        self.listener = self.another()
        self.intake = Intake(inbox, store, scene.intake_api)

    def another(self) -> Polling:
        """One that begins with what is remembered, as after a restart."""
        gate = self.scene.intake_api
        return Polling(Ahead(self.scene), gate, self.inbox, self.store, (), seconds=1)

    def look(self) -> list[Delivery]:
        """Look once; give what lies in the inbox."""
        self.listener.listen(self.scene.name)
        return list(self.inbox.list_unread(1_000))

    def later(self, seconds: float = LATER) -> None:
        """Let time pass at GitHub."""
        self.scene.world.clock_offset += seconds

    def write(self, body: str, by: str = "ann", on: Issue | None = None) -> StoredComment:
        world = self.scene.world
        with world.lock:
            subject = on or self.scene.issue
            return actions.comment(subject, world.user(by), body)

    def words(self) -> list[tuple[str, str]]:
        """Look, and give the author and words of each comment that is new."""
        new = self.look()
        for one in new:
            self.inbox.settle(one.delivery_id, "ignored", "looked at by a test")
        found = [events.read_event(one.body) for one in new]
        return [(one.author, one.body) for one in found if isinstance(one, Comment)]


@pytest.fixture
def heard(world, tmp_path) -> Iterator[Heard]:
    scene = samples.scene(world, tmp_path, app=False)
    with closing(Inbox(tmp_path)) as inbox, closing(SqlRunStore(tmp_path)) as store:
        made = Heard(scene, inbox, store)
        made.write("said before anybody listened")
        made.later()
        (label,) = made.look()
        assert label.event == "issues"
        inbox.settle(label.delivery_id, "ignored", "looked at by a test")
        made.later()
        yield made


def test_what_people_write_is_heard_once_however_often_is_looked(heard):
    heard.write("/mergewright help")
    heard.write("no word to us", by="stranger")
    heard.write("/mergewright stop", by="helper[bot]")
    assert heard.words() == [("ann", "/mergewright help"), ("stranger", "no word to us")]
    for _ in range(3):
        assert heard.words() == []
        heard.later()
    heard.listener = heard.another()
    assert heard.words() == []


@pytest.mark.deep
def test_another_worker_hears_what_was_said_since_the_last_look_of_the_one_before(
    world, tmp_path, postgresql
):
    scene, url = samples.scene(world, tmp_path, app=False), postgresql.create_database()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with (
        closing(Inbox(tmp_path / "first", url)) as inbox,
        closing(Inbox(tmp_path / "second", url)) as other,
        closing(SqlRunStore(tmp_path, url)) as store,
    ):
        first, second = Heard(scene, inbox, store), Heard(scene, other, store)
        (label,) = first.look()
        inbox.settle(label.delivery_id, "ignored", "looked at by a test")
        first.later()
        first.write("/mergewright help")
        first.later()
        assert second.words() == [("ann", "/mergewright help")]


def test_TC4_a_comment_that_was_edited_is_known_by_that_and_an_old_one_is_not_heard(heard):
    comment = heard.write("what a day")
    heard.words()
    heard.later(60)
    young = heard.write("/mergewright plan")
    heard.later(5)
    for one in (comment, young):
        one.body, one.updated = "/mergewright stop", heard.scene.world.now()
    heard.scene.issue.updated = heard.scene.world.now()
    (delivery,) = heard.look()
    told = events.read_event(delivery.body)
    assert isinstance(told, Comment)
    assert (told.comment_id, told.edited) == (young.id, True)


def test_TC2_what_is_heard_goes_through_the_lane(heard):
    refused = heard.write("/mergewright help", by="stranger")
    word = heard.write("/mergewright help")
    heard.look()
    heard.intake.turn()
    assert [one.content for one in word.reactions] == ["+1"]
    assert refused.reactions == []
    assert len(heard.scene.own_comments()) == 1
    heard.later()
    # Our own answer is heard as well, and is nobody's command.
    heard.look()
    heard.intake.turn()
    assert len(heard.scene.own_comments()) == 1


def test_WH3_a_word_that_a_webhook_tells_as_well_counts_once(heard):
    heard.write("/mergewright help")
    (polled,) = heard.look()
    told = Delivery(
        delivery_id="a-guid", event="issue_comment", action="created",
        content_key=polled.content_key, received_at=time.time(), body=polled.body,
    )  # fmt: skip
    heard.inbox.append([told])
    assert len(heard.inbox.list_unread()) == 1


def test_TC8_a_flood_of_words_is_heard_to_its_end(heard):
    for number in range(110):
        heard.write(f"word {number}", by="stranger")
    heard.write("/mergewright stop")
    found = heard.words()
    assert len(found) == 111
    assert found[-1] == ("ann", "/mergewright stop")


def test_what_cannot_be_read_holds_up_no_other_and_is_read_again(heard, monkeypatch):
    monkeypatch.setattr(polling, "_FIRST_WAIT", 0.3)
    scene = heard.scene
    other = actions.open_issue(scene.repository, scene.world.user("ann"), "Another", "Text", [])
    heard.write("/mergewright help")
    heard.later()
    heard.write("/mergewright plan", on=other)
    refused = scene.fault("answer", "GET", "issues/1/comments", status=403, count=2)
    with capture_logs() as logged:
        assert heard.words() == [("ann", "/mergewright plan")]
        assert heard.words() == []
    assert [one["event"] for one in logged if one["log_level"] == "error"] == ["issue not read"]
    assert refused.hits == 1
    # Also after a restart.
    heard.listener = heard.another()
    heard.later(600)
    assert heard.words() == []
    time.sleep(0.3)
    assert heard.words() == [("ann", "/mergewright help")]


def opened(heard: Heard) -> Issue:
    """A pull request of ours, whose run is over."""
    scene = heard.scene
    commit = samples.push_branch(scene.repository)
    scene.code_host.announce_start(scene.run)
    proposal = NewPullRequest(
        branch=BRANCH, commit=commit, base_branch="main", title="Add a field", body="Closes #1",
        summary="",
    )  # fmt: skip
    pull = scene.code_host.publish_pull_request(scene.run, proposal)
    run = heard.store.add_run(scene.run, time.time())
    heard.store.claim_run(time.time(), most=9)
    outcome = Outcome(
        run_id=run.run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Ready.",
        pull_request=pull,
    )  # fmt: skip
    heard.store.finish_run(run.run_id, outcome, time.time())
    heard.words()
    heard.later()
    return scene.repository.issues[pull.number]


def test_a_pull_request_of_ours_is_listened_to_and_another_is_not(heard, tmp_path):
    ours = opened(heard)
    heard.write("/mergewright explain", on=ours)
    assert heard.words() == [("ann", "/mergewright explain")]
    heard.write("/mergewright stop", on=ours)
    (tmp_path / "another").mkdir()
    with closing(SqlRunStore(tmp_path / "another")) as nothing:
        heard.store = nothing
        heard.listener = heard.another()
        assert heard.words() == []


def test_a_review_of_ours_is_heard_with_its_verdict_and_its_remarks(heard):
    ours = opened(heard)
    world = heard.scene.world
    where = f"{world.base_url}/api/v3/repos/{heard.scene.name}/pulls/{ours.number}/reviews"
    token = {"Authorization": f"token {world.token_for('ann')}"}
    remark = {"path": "new.py", "line": 1, "side": "RIGHT", "body": "Why?"}
    for event, body in (("REQUEST_CHANGES", "Not so."), ("COMMENT", "")):
        given = {"event": event, "body": body, "comments": [remark]}
        assert httpx.post(where, json=given, headers=token, timeout=10).is_success
    found = [events.read_event(one.body) for one in heard.look()]
    words = [(one.place, one.verdict, one.body) for one in found if isinstance(one, Comment)]
    assert words == [
        ("review", "changes_requested", "Not so."), ("inline", "", "Why?"), ("inline", "", "Why?"),
    ]  # fmt: skip
    assert len(found) == len(words), "a verdict without words is none"
    assert heard.words() != []
    heard.later()
    assert heard.words() == []


def test_the_end_of_a_pull_request_is_told_once(heard):
    ours = opened(heard)
    world = heard.scene.world
    with world.lock:
        actions.set_state(ours, "closed", world.user("ann"))
    (delivery,) = heard.look()
    told = events.read_event(delivery.body)
    assert isinstance(told, Event)
    assert (told.event, told.number) == ("pull_request.closed", ours.number)
    heard.intake.turn()
    assert heard.store.list_latest(1)[0].state is RunState.CLOSED
    heard.later()
    assert heard.look() == []
