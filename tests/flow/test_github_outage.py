"""GitHub is away for long. Intake and dispatch take their turns here, so that a test is no longer
than what is done in it: whenever there is nothing to do but wait, the service's clock is put
forward. That clock is all that is shortened; what the code host is asked, the waits and the patience
are those of the service.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent import wiring
from agent.demo.play import MAINTAINER, OWNER, REPORTER, Service, Stage
from agent.demo.simulator import serving
from agent.demo.simulator.world import World
from agent.github import access
from agent.github.connection import Pacing
from agent.models.outcome import Outcome, StoredRun
from agent.models.run import Remember, Run
from agent.models.ticket import Delivery
from agent.runs import executor, waiting
from agent.runs.executor import RunSupport
from agent.runs.waiting import PastWait
from agent.service import deliveries, dispatch
from agent.service.dispatch import Bounds, Carrier, Dispatcher
from agent.service.intake import Request
from agent.service.pause import Switch
from agent.services import Execution
from agent.settings import Settings
from agent.steps import Cancellation
from agent.store.engine import Engine
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from tests.deep import deep
from tests.flow import github_stories
from tests.flow.github_stories import Story
from tests.integration.simulator_samples import Received, receiver
from webhooks import admission as signatures
from webhooks import events as github_events
from webhooks.events import Ignored

pytestmark = pytest.mark.index

SECRET = "shared by GitHub and the listener"
TEN_MINUTES = 600.0
HOURS = 3600.0


def delivery(came: Received) -> Delivery | None:
    """Make of a request what the listener keeps of it; None: nothing for the intake."""
    given = {name.lower(): value for name, value in came.headers.items()}
    signature = signatures.read_signature(given[signatures.SIGNATURE_HEADER.lower()])
    signatures.verify_signature(SECRET.encode(), came.body, signature)
    event = given["x-github-event"]
    parsed = github_events.parse_event(event, came.body)
    if isinstance(parsed, Ignored) or not isinstance(parsed.about, Request):
        return None
    return Delivery(
        delivery_id=given["x-github-delivery"],
        event=event,
        action="labeled",
        content_key=parsed.about.content_key,
        received_at=time.time(),
        body=parsed.about.model_dump_json().encode(),
    )


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead


@dataclass
class Turns:
    """The service, whose loops take their turns one after the other."""

    stage: Stage
    came: list[Received]
    clock: Clock
    intake: deliveries.Intake
    dispatcher: Dispatcher
    read: int = field(default=0)

    def go_on(self, seconds: float) -> None:
        """Let so much time pass for the service."""
        end = self.clock.time() + seconds
        step = min(60.0, max(1.0, seconds / 200))
        while self.clock.time() < end:
            if not self._turn():
                self.clock.ahead += step

    def finish(self) -> None:
        """Go on until a run has ended, for an hour at most."""
        end = self.clock.time() + HOURS
        while self.clock.time() < end and not self._over():
            if not self._turn():
                self.clock.ahead += 5.0

    def _over(self) -> bool:
        return any(not one.active for one in self.stage.store.list_latest(10))

    def _turn(self) -> bool:
        assert self.stage.world.hooks.drain()
        new = self.came[self.read :]
        self.read += len(new)
        heard = [one for each in new if (one := delivery(each)) is not None]
        self.stage.inbox.append(heard)
        moved = bool(heard) | self.intake.turn() | self.dispatcher.turn()
        if self.stage.store.under_way():
            time.sleep(0.02)  # what a run does takes its real time
            return True
        return moved


@pytest.fixture
def turns(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Turns]:
    """A simulated GitHub and a service of this process; environments are those of other tests."""
    clock = Clock()
    for module in (deliveries, waiting, dispatch):
        monkeypatch.setattr(module, "read_clock", clock.time)
    world = World(tmp_path / "github")
    for login in (MAINTAINER, REPORTER):
        world.add_user(login)
    world.add_user(OWNER, "Organization")
    key, data = tmp_path / "app.pem", tmp_path / "data"
    key.touch(mode=0o600)
    data.mkdir()
    with receiver() as (hook, came), serving.running(world) as address:
        app = world.add_app("mergewright", OWNER, hook_url=hook, hook_secret=SECRET)
        key.write_text(app.private_key)
        world.install(app, OWNER)
        settings = Settings(
            home=store,
            github_url=f"{address}/api/v3",
            github_app_id=app.id,
            github_private_key_file=key,
            onboarding="off",
        )
        # Between two questions about the same the real service waits for seconds.
        quick = Pacing(first_wait=0.01, seconds_between_writes=0.0, mark_seconds=0.0)
        way = access.connect_to_github(settings, pacing=quick)
        make = wiring.on_github(settings, way)
        inbox, runs = Inbox(data), SqlRunStore(data)

        def deliver(run: Run, outcome: Outcome) -> Outcome:
            return make(Execution(say=lambda line: None)).code_host.report_outcome(run, outcome)

        stage = Stage(world, address, app, Service({}, hook, tmp_path / "log"), data, runs, inbox)

        def carried(stored: StoredRun, remember: Remember, cancellation: Cancellation) -> Outcome:
            waited = PastWait(stored.begin_with, stored.wait_count)
            keeping = RunSupport(remember, cancellation, waited)
            return executor.carry_run(stored.run, settings, make, keeping)[0]

        switch = Switch(data)
        carrier = Carrier(runs, carried, switch)
        engine = Engine(data, carrier)
        dispatcher = Dispatcher(
            runs, engine, carrier, bounds=Bounds(switch, most=2), deliver=deliver
        )
        engine.launch()
        intake = deliveries.Intake(inbox, runs, wiring.make_intake_api(settings, way))
        yield Turns(stage, came, clock, intake, dispatcher)
        engine.drain(20)
        engine.close()
        inbox.close()
        runs.close()


def begin(turns: Turns, folder: Path) -> Story:
    return github_stories.tell(turns.stage, folder)


def refuse_all(told: Story, after: int = 0) -> None:
    """Let the API answer with 502 for good, once so many requests have passed."""
    told.fault("answer", path="/api/*", status=502, count=None, after=after)


def asked(told: Story) -> int:
    return sum(one.fault is not None for one in told.requests(path="*"))


@pytest.mark.parametrize("after", [26, deep(0), deep(10)])
def test_GH3_ten_minutes_of_5xx_leave_what_a_run_would_have_left(turns, tmp_path, after):
    told = begin(turns, tmp_path)
    refuse_all(told, after)
    told.label()
    turns.go_on(TEN_MINUTES)
    assert [one.active for one in told.runs()] == [True] * bool(after)
    assert 4 <= asked(told) < 200
    turns.stage.world.faults.remove()
    turns.finish()
    told.assert_ready()
    assert len(told.runs()) == 1
