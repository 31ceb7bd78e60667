"""Word of how runs end, against receivers on loopback."""

import json

import pytest

from agent.errors import SettingsInvalid
from agent.models.outcome import Outcome, PullRequest
from agent.models.record import replace
from agent.models.run import FollowUp, Reason, RunState
from agent.runs import notifications
from agent.settings import Settings
from tests.processes import Silent, answering
from tests.run_samples import run


@pytest.fixture
def receiver():
    told: list[str] = []

    class Handler(Silent):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(json.loads(sent)["message"])
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

    with answering(Handler) as port:
        yield f"json://127.0.0.1:{port}", told


def ended(state: RunState, reason: Reason, pull: PullRequest | None = None) -> Outcome:
    return Outcome(run_id="r3", state=state, reason=reason, sentence="S", pull_request=pull)


def test_every_receiver_that_answers_hears_of_an_end_once(receiver, tmp_path):
    address, told = receiver
    (tmp_path / "to").write_text(f"{address}/broken, json://127.0.0.1:9/gone\n{address}/b\n")
    settings = Settings(home=tmp_path, notify=tmp_path / "to")
    pull = PullRequest(number=4, url="https://h/o/r/pull/4")
    words = notifications.describe_end(run(3), ended(RunState.OPEN, Reason.READY, pull))
    notifications.send(settings, words).join(60)
    assert told == ["o/r#3: pull request opened: Add a field\nhttps://h/o/r/pull/4"] * 2


def test_of_a_stopped_run_and_of_a_follow_up_nothing_is_said():
    assert notifications.describe_end(run(3), ended(RunState.CANCELLED, Reason.CANCELLED)) == ""
    about = FollowUp(of="r3", pull=4, round=1, kind="review")
    follow_up = replace(run(3), follow_up=about)
    assert notifications.describe_end(follow_up, ended(RunState.FAILED, Reason.INTERNAL)) == ""


def test_a_wrong_address_is_named_by_its_place_alone(tmp_path):
    settings = Settings(home=tmp_path, notify="json://h, nonsense://secret")
    with pytest.raises(SettingsInvalid, match="entry 2") as problem:
        notifications.load_receivers(settings)
    assert "secret" not in problem.value.message
