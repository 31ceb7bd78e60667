"""What becomes of a run whose pull request people merge, close or open again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from agent.conversation.events import Event
from agent.demo.simulator import actions
from agent.demo.simulator.world import World
from agent.models.code_host import NewPullRequest
from agent.models.outcome import Outcome
from agent.models.run import Reason, RunState
from agent.service import event_handler
from agent.service.comment_handler import Handled
from agent.service.intake import Ignored, PutOff
from agent.store.sql_store import SqlStore
from tests.integration import github_samples as samples
from tests.integration.github_samples import BRANCH, Scene


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    with samples.serving_world(tmp_path_factory.mktemp("world")) as made:
        yield made


class Proposed:
    """A run whose pull request waits for people."""

    def __init__(self, scene: Scene, store: SqlStore) -> None:
        self.scene, self.store = scene, store
        self.commit = samples.push_branch(scene.repository)
        scene.code_host.announce_start(scene.run)
        proposal = NewPullRequest(
            branch=BRANCH, commit=self.commit, base_branch="main", title="Add a field",
            body="Closes #1", summary="",
        )  # fmt: skip
        self.pull = scene.code_host.publish_pull_request(scene.run, proposal)
        self.run = store.add_run(scene.run, time.time())
        store.claim_run(time.time(), most=9)
        store.set_state(self.run.run_id, RunState.PUBLISHING)

    def finish(self) -> None:
        """End the run that has opened it."""
        outcome = Outcome(
            run_id=self.run.run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Ready.",
            pull_request=self.pull, commit=self.commit, change_digest="d",
        )  # fmt: skip
        outcome = self.scene.code_host.report_outcome(self.scene.run, outcome)
        self.store.finish_run(self.run.run_id, outcome, time.time())

    @property
    def issue(self):
        return self.scene.repository.issues[self.pull.number]

    @property
    def state(self) -> RunState:
        return self.store.get_run(self.run.run_id).state

    def people(self, state: str) -> None:
        """Close it or open it again."""
        world = self.scene.world
        with world.lock:
            actions.set_state(self.issue, state, world.user("ann"))

    def follow_ups(self) -> list[tuple[str, RunState]]:
        """What goes on with the pull request: about what, and where it is."""
        found = self.store.follow_ups(self.run.run_id)
        return [(one.run.follow_up.kind, one.state) for one in found]

    def look(
        self, event: str = "pull_request.closed", **more: object
    ) -> Handled | Ignored | PutOff:
        given = {
            "repository": self.scene.name, "repository_id": self.scene.repository.id,
            "number": self.pull.number, "event": event, "actor": "ann", **more,
        }  # fmt: skip
        happened = Event.model_validate(given)
        return event_handler.handle_event(
            happened, self.scene.intake_api, self.store, now=time.time(), quiet=60.0
        )


@pytest.fixture
def proposed(world, tmp_path) -> Iterator[Proposed]:
    with closing(SqlStore(tmp_path)) as store:
        made = Proposed(samples.scene(world, tmp_path), store)
        made.finish()
        yield made


def test_a_closed_pull_request_ends_its_run_and_an_opened_one_is_open_again(proposed):
    proposed.people("closed")
    assert isinstance(proposed.look(), Handled)
    assert proposed.state is RunState.CLOSED
    assert isinstance(proposed.look(), Ignored), "once"
    proposed.people("open")
    assert isinstance(proposed.look("pull_request.reopened"), Handled)
    assert proposed.state is RunState.OPEN


@pytest.mark.parametrize("more", [{"number": 4711}, {"repository_id": 4711}, {"number": None}])
def test_other_pull_requests_and_other_events_are_left_alone(proposed, more):
    proposed.people("closed")
    assert isinstance(proposed.look(**{"event": "pull_request.closed", **more}), Ignored)
    assert proposed.state is RunState.OPEN


# --- checks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("conclusion", ["failure", "action_required"])
def test_a_red_check_of_our_last_commit_has_a_follow_up(proposed, conclusion):
    def look() -> Handled | Ignored:
        return proposed.look(
            "check_run.completed", number=None, commit=proposed.commit, conclusion=conclusion
        )

    assert isinstance(look(), Handled)
    assert isinstance(look(), Handled), "joined"
    assert proposed.follow_ups() == [("ci", RunState.RECEIVED)]
    assert proposed.state is RunState.OPEN


@pytest.mark.parametrize(
    "more",
    [
        {"conclusion": "success"},
        {"conclusion": "cancelled"},
        {"commit": "f" * 40},
    ],
)
def test_other_checks_have_none(proposed, more):
    told = {"number": None, "commit": proposed.commit, "conclusion": "failure", **more}
    assert isinstance(proposed.look("check_suite.completed", **told), Ignored)
    assert proposed.follow_ups() == []


def test_a_pull_request_that_is_closed_has_its_follow_up_stopped(proposed):
    told = {"number": None, "commit": proposed.commit, "conclusion": "failure"}
    proposed.look("check_run.completed", **told)
    claimed = proposed.store.claim_run(time.time() + 61, most=9)
    proposed.people("closed")
    assert isinstance(proposed.look(), Handled)
    assert proposed.state is RunState.CLOSED
    stopped = proposed.store.get_run(claimed.run.run_id)
    assert f"#{proposed.pull.number}" in stopped.stop_request
    assert stopped.stop_reason is Reason.SUPERSEDED
    assert isinstance(proposed.look("check_run.completed", **told), Ignored)
