"""What becomes of a pull request of ours in the hands of people: real git, simulated GitHub."""

import time
from contextlib import closing

import pytest

from agent.conversation.events import ConversationEvent
from agent.models.code_host import NewPullRequest
from agent.models.outcome import Outcome, ReviewState, ThreadOutcome
from agent.models.record import replace
from agent.models.run import Reason, RunState
from agent.publishing import status
from agent.service import pull_outcomes
from agent.store.sql_run_store import SqlRunStore
from tests.integration import github_samples as samples
from tests.integration.github_samples import BRANCH, Scene
from tests.outcomes import make_outcome
from tests.simulator import actions


class Opened:
    """A run that has opened a pull request, and what people do with it."""

    def __init__(self, scene: Scene, store: SqlRunStore, folder) -> None:
        self.scene, self.store, self.folder = scene, store, folder
        self.commit = samples.push_branch(scene.repository, text="x = 1\ny = 2\n")
        proposal = NewPullRequest(
            branch=BRANCH, commit=self.commit, base_branch="main", title="Add a field",
            body="Closes #1", summary="",
        )  # fmt: skip
        self.pull = scene.code_host.publish_pull_request(scene.run, proposal)
        self.run = store.add_run(scene.run, time.time())
        store.claim_run(time.time(), most=9)
        self.finish(self.run.run_id, commit=self.commit, digest="d")

    def finish(self, run_id, **more):
        outcome = make_outcome(
            run_id=run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Ready.",
            pull_request=self.pull, **more,
        )  # fmt: skip
        self.store.finish_run(run_id, outcome, time.time())

    def people(self, state):
        """Close it or open it again, and let the handler see it."""
        with self.scene.world.lock:
            (issue,) = self.scene.repository.pulls()
            actions.set_state(issue, state, self.scene.world.user("ann"))
        self.look()

    def look(self, age=0.0, **more):
        happened = replace(ConversationEvent(
            repository=self.scene.name, repository_id=self.scene.repository.id,
            number=self.pull.number,
        ), **more)  # fmt: skip
        return pull_outcomes.handle_event(
            happened, self.scene.intake_api, self.store, now=time.time(), quiet=0.0,
            received_at=time.time() - age,
        )  # fmt: skip

    def check(self, **more):
        """Send the delivery that says that a check of the last commit is over."""
        return self.look(**{"number": None, "commit": self.commit, **more})

    @property
    def state(self):
        return self.store.get_run(self.run.run_id).state

    def follow_ups(self):
        found = self.store.follow_ups(self.run.run_id)
        return [(one.run.follow_up.kind, one.state) for one in found]


@pytest.fixture
def opened(world, tmp_path):
    with closing(SqlRunStore(tmp_path)) as store:
        yield Opened(samples.scene(world, tmp_path), store, tmp_path)


def test_a_closed_pull_request_ends_its_run_and_an_opened_one_is_open_again(opened):
    status.announce(opened.scene.run, opened.scene.desk)
    opened.people("closed")
    assert opened.state is RunState.CLOSED
    (comment,) = opened.scene.own_comments()
    assert f"#{opened.pull.number} was closed.** Nothing more to do." in comment.body
    assert opened.look().outcome == "ignored", "once"
    opened.people("open")
    assert opened.state is RunState.OPEN
    assert f"#{opened.pull.number} is open again" in comment.body


def test_what_a_newer_run_closes_waits_for_its_record_and_leaves_it_the_status_comment(opened):
    newer = replace(opened.scene.run, run_id="20991120-120000-0123456789abcdef")
    later = opened.store.add_run(newer, time.time())
    opened.store.claim_run(time.time(), most=9)
    opened.store.set_state(later.run_id, RunState.PUBLISHING)
    with opened.scene.world.lock:
        (issue,) = opened.scene.repository.pulls()
        actions.set_state(issue, "closed", opened.scene.world.user("ann"))
    assert opened.look().outcome == "postponed"
    ended = Outcome.for_stopped_run(later.run_id, Reason.UNFIT, "So.")
    opened.store.finish_run(later.run_id, ended, time.time())
    status.report_outcome(newer, ended, opened.scene.desk)
    assert opened.look().outcome == "heard"
    assert opened.state is RunState.CLOSED
    assert "So." in opened.scene.own_comments()[0].body
    (earlier,) = opened.store.list_earlier_pulls(later)
    assert earlier.commit is None, "its plan is not on record"


@pytest.mark.parametrize("more", [{"number": 4711}, {"repository_id": 4711}, {"number": None}])
def test_other_pull_requests_and_other_events_are_left_alone(opened, more):
    assert opened.look(**more).outcome == "ignored"
    assert opened.state is RunState.OPEN


def test_a_red_check_of_our_last_commit_has_a_follow_up(opened):
    for _ in range(2):
        assert opened.check().outcome == "heard"
    assert opened.follow_ups() == [("ci", RunState.RECEIVED)]
    assert opened.state is RunState.OPEN


def test_checks_of_other_commits_have_none(opened):
    assert opened.check(commit="f" * 40).outcome == "ignored"
    assert opened.follow_ups() == []


def test_a_pull_request_that_is_closed_has_its_follow_up_stopped(opened):
    opened.check()
    claimed = opened.store.claim_run(time.time() + 61, most=9)
    opened.people("closed")
    assert opened.state is RunState.CLOSED
    stopped = opened.store.get_run(claimed.run.run_id)
    assert f"#{opened.pull.number}" in stopped.stop_request
    assert stopped.stop_reason is Reason.SUPERSEDED
    assert opened.check().outcome == "ignored"


def test_a_base_that_conflicts_by_now_is_merged_until_that_is_left_to_people(opened):
    def push(text):
        samples.push_branch(opened.scene.repository, branch="main", text=text)
        return opened.look(number=None, branch="main")

    assert opened.look(number=None, branch="main").outcome == "ignored"
    assert push("x = 1\nz = 3\n").outcome == "heard"
    assert opened.follow_ups() == [("update", RunState.RECEIVED)]
    assert opened.look(number=None, branch="other").outcome == "ignored"
    claimed = opened.store.claim_run(time.time() + 61, most=9)
    left = ThreadOutcome(
        thread_id="1", place="issue", about="", kind="human", text="", last_comment_id=0
    )
    opened.finish(claimed.run.run_id, review_state=ReviewState(threads=(left,)))
    assert push("x = 1\nz = 4\n").outcome == "ignored"
    assert opened.follow_ups() == [("update", RunState.OPEN)]


def test_a_base_that_adds_a_migration_where_ours_does_is_merged(opened, monkeypatch):
    def push(path):
        samples.put_file(opened.scene.repository, path, "x = 1\n")
        return opened.look(number=None, branch="main").outcome

    folders = ("till/migrations",)
    made = {"commit": opened.commit, "digest": "d", "branch": BRANCH}
    opened.finish(opened.run.run_id, **made, migration_folders=folders)
    assert push("till/models.py") == "ignored"
    assert push("till/migrations/0002_tint.py") == "heard"
    assert opened.follow_ups() == [("update", RunState.RECEIVED)]
    claimed = opened.store.claim_run(time.time() + 61, most=9)
    assert opened.check().outcome == "postponed"
    assert opened.look(number=None, branch="main", age=60.0).outcome == "heard"
    first = opened.store.get_run(opened.run.run_id)
    assert first.follow_up_requests is None, "what merges the push is at work"
    ended = Outcome.for_stopped_run(claimed.run.run_id, Reason.CONFLICT, "Both add migrations.")
    opened.store.finish_run(claimed.run.run_id, ended, time.time())
    monkeypatch.setattr(opened.scene.intake_api, "app_id", 7)
    ours = opened.look(number=None, commit=opened.commit, app_id=7)
    assert ours.outcome == "ignored", "the red check is our own word on it"
    assert opened.check().outcome == "heard"


def test_a_push_is_decided_once_more_after_a_run_that_has_not_seen_it(opened):
    store, run = opened.store, opened.scene.run
    issue = replace(run.snapshot.issue, number=2, issue_id=2)
    other = replace(run, run_id=f"{run.run_id}2", snapshot=replace(run.snapshot, issue=issue))
    store.add_run(other, time.time())
    assert opened.look(number=None, branch="main").outcome == "ignored", "it will read it"
    store.claim_run(time.time(), most=9)
    store.set_state(other.run_id, RunState.PLANNING)
    assert opened.look(number=None, branch="main").outcome == "postponed"
    assert opened.look(number=None, branch="main", age=9_000.0).outcome == "ignored"
    opened.finish(other.run_id)
    assert opened.look(number=None, branch="main").outcome == "ignored"


def test_a_push_does_not_wait_for_ever_for_what_github_does_not_know(opened, monkeypatch):
    api = opened.scene.intake_api
    known = api.read_pull

    def read_pull(pull):
        return replace(known(pull), conflicts=None)

    monkeypatch.setattr(api, "read_pull", read_pull)
    assert opened.look(number=None, branch="main").outcome == "postponed"
    assert opened.look(number=None, branch="main", age=3600.0).outcome == "ignored"
