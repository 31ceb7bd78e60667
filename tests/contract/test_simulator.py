"""The simulator answers as GitHub's description says, on every route, and so do its hooks."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.demo.simulator import calls, serving
from agent.demo.simulator.world import World
from tests.contract import hub, operations, recording, schemas, sessions
from webhooks import events as github_events
from webhooks.events import Ignored


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Run every session once: what was visited and delivered, and how each session ended."""
    world = World(tmp_path_factory.mktemp("simulator"))
    problems: dict[str, Exception] = {}
    with serving.running(world) as base_url, recording.JudgedClient(base_url) as client:
        # Deliveries go to the simulator itself, which refuses them: they are judged, not heard.
        made = hub.build(world, tmp_path_factory.mktemp("files"), client, f"{base_url}/nowhere")
        for name, session in sessions.AREAS.items():
            try:
                session(made)
            except Exception as problem:
                problems[name] = problem
        world.hooks.drain()
        yield Told(client, list(world.hooks.log), problems)


class Told:
    def __init__(self, client, deliveries, problems):
        self.client = client
        self.deliveries = deliveries
        self.problems = problems


def registered() -> list[str]:
    return [str(one) for one in calls.OPERATIONS]


def test_every_route_is_an_operation_of_github_and_every_operation_has_a_route():
    assert sorted(registered()) == sorted(operations.OPERATIONS)


@pytest.mark.parametrize("area", sorted(sessions.AREAS))
def test_every_answer_of_a_session_is_one_that_github_could_give(told, area):
    if area in told.problems:
        raise told.problems[area]


def test_no_route_is_left_unvisited(told):
    assert set(registered()) - set(told.client.visited) == set()
    assert told.client.judged > 2 * len(registered())


def test_every_payload_that_was_delivered_fits_the_schema_of_its_event(told):
    faults = [
        fault for one in told.deliveries for fault in schemas.hook_faults(one.event, one.body)
    ]
    assert list(dict.fromkeys(faults)) == []


def test_the_sessions_cause_every_event_that_we_listen_to(told):
    sent = Counter((one.event, one.action) for one in told.deliveries)
    events = {event for event, _ in sent}
    assert events >= set(github_events.READS)
    assert sent["issues", "labeled"] > 1
    for action in ("opened", "synchronize", "edited", "closed"):
        assert sent["pull_request", action]
    kept = {
        one.event
        for one in told.deliveries
        if not isinstance(github_events.parse_event(one.event, one.body), Ignored)
    }
    assert kept == set(github_events.READS), "the listener reads what the sessions cause"
