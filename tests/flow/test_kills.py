"""What befalls the service's processes: kills, absence, sandboxes that die; and what they leave."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.demo import play
from agent.demo.play import MAINTAINER, Service, Stage
from tests.chaos import effects, judge
from tests.chaos.broken import BREAKS
from tests.chaos.campaign import Campaign
from tests.chaos.ground import Ground, Workers, laid_out
from tests.chaos.points import AROUND, Point, When
from tests.chaos.tickets import Tickets
from tests.flow.github_stories import Story
from tests.folders import data_folder

#: Nothing that a recipe knows: such a run is over in a moment.
PLAIN = {"title": "Make it faster", "body": "It is slow.\n"}


@pytest.fixture
def polled(stage: Stage, story, built_home: Path, tmp_path: Path) -> Iterator[Story]:
    """An issue in a repository of somebody who has no App; the service for it is not started."""
    world = stage.world
    for login in ("robot", "nobodys"):
        if login not in world.users:
            world.add_user(login)
    told = story(owner="nobodys", **PLAIN)
    world.grant(told.repository, "robot", "write")
    token, secret = tmp_path / "token", tmp_path / "secret"
    for path, text in ((token, world.token_for("robot")), (secret, "0f" * 32)):
        path.touch(mode=0o600)
        path.write_text(text)
    port, health = play._free_port(), play._free_port()
    environ = {
        "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3",
        "MERGEWRIGHT_GITHUB_TOKEN_FILE": str(token),
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE": str(secret),
        "MERGEWRIGHT_LISTEN_PORT": str(port),
        "MERGEWRIGHT_HEALTH_PORT": str(health),
        "MERGEWRIGHT_HOME": str(built_home),
        "MERGEWRIGHT_REPOSITORIES": f"nobodys/gone, {told.name}",
        "MERGEWRIGHT_RECONCILE_MINUTES": "0.05",
    }
    service = Service(environ, tmp_path / "service.log")
    try:
        yield replace(told, stage=replace(stage, service=service, home=built_home))
    finally:
        service.stop()


@pytest.mark.deep
def test_labels_and_comments_are_found_without_any_webhook_and_count_once(polled):
    told, service = polled, polled.stage.service
    service.start()
    told.label()
    assert told.ended().reason.value == "no_recipe"
    time.sleep(4)  # one more look
    told.edit(body="It is slower still.\n")
    time.sleep(1.1)  # GitHub's times have seconds
    told.comment("/mergewright retry", by="carl")
    word = told.comment("/mergewright retry")
    told.ended(2)
    assert [one.content for one in word.reactions] == ["+1"]
    service.stop()
    service.start()
    time.sleep(6)
    assert len(told.runs()) == 2
    snapshot = told.runs()[1].run.snapshot
    assert (snapshot.actor, snapshot.body) == (MAINTAINER, "It is slower still.\n")
    assert "Traceback" not in service.log.read_text()


@pytest.fixture(scope="module")
def ground(store: Path) -> Iterator[Ground]:
    (store / "environments").mkdir(mode=0o755, exist_ok=True)
    with data_folder("chaos") as folder, laid_out(folder, store / "environments") as made:
        yield made


@pytest.fixture(scope="module")
def campaign(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """One that knows what comes of a small ticket without kills."""
    tickets = Tickets(ground, tmp_path_factory.mktemp("repositories"))
    made = Campaign(ground, tickets, 1, print)
    made.undisturbed(("logging",))
    return made


def assert_well(ground: Ground, campaign: Campaign) -> None:
    verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
    assert verdict.well, "\n".join((verdict.line(), *verdict.words))
    assert campaign.missed == []


def test_PF1_kill_9_after_two_effects_before_their_record_does_nothing_twice(ground, campaign):
    assert {"announce", "publish"} < {*campaign.steps["logging"]}
    campaign.steps["logging"] = ["announce", "publish"]
    campaign.at_every_step("logging", (When.EFFECT,))
    assert campaign.kills.total() == 2
    assert_well(ground, campaign)


def test_PF1_kill_9_at_every_write_around_a_call_for_a_person_calls_once(ground, campaign):
    campaign.undisturbed(("unclear",))
    (comment,) = campaign.expected["unclear"]["comment"]
    assert " call=" in comment
    before = campaign.kills.total()
    writes = {"POST issues/N/comments", "DELETE issues/comments/N"}
    campaign.writes["unclear"] = [one for one in campaign.writes["unclear"] if one in writes]
    campaign.at_every_write("unclear")
    assert campaign.kills.total() - before == len(writes)
    assert_well(ground, campaign)


@pytest.mark.deep
def test_PF1_kill_9_at_every_step_and_at_random_loses_nothing_and_doubles_nothing(ground, campaign):
    campaign.undisturbed(("add-field", "unclear"))
    before = campaign.kills.total()
    campaign.at_every_step("add-field", AROUND)
    campaign.at_random(12, 6)
    assert campaign.kills.total() - before == 3 * len(campaign.steps["add-field"]) + 12
    assert_well(ground, campaign)


@pytest.mark.deep
def test_PF1_a_service_that_is_broken_on_purpose_is_noticed(ground, campaign):
    assert "publish" in BREAKS
    with closing(Workers(ground.environ, ground.workers.log, "publish")) as workers:
        faulty = Campaign(replace(ground, workers=workers), campaign.tickets, 1, print)
        ticket = faulty.one("logging", Point("publish", When.EFFECT))
    verdict = judge.Verdict()
    judge.compare(verdict, ticket.name, campaign.expected["logging"], effects.of(ground, ticket))
    assert verdict.double > 0, verdict.line()
