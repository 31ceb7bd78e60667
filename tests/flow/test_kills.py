"""What befalls the service's processes: kills, absence, sandboxes that die; and what they leave."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import effects, judge
from tests.chaos.broken import BREAKS
from tests.chaos.campaign import Campaign
from tests.chaos.ground import Ground, Workers, laid_out
from tests.chaos.points import AROUND, Point, When
from tests.chaos.tickets import Tickets
from tests.folders import data_folder


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
    made.undisturbed(("small",))
    return made


def assert_well(ground: Ground, campaign: Campaign) -> None:
    verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
    assert verdict.well, "\n".join((verdict.line(), *verdict.words))
    assert campaign.missed == []


@pytest.mark.deep
def test_PF1_kill_9_at_every_write_around_a_call_for_a_person_calls_once(ground, campaign):
    campaign.undisturbed(("unclear",))
    (comment,) = campaign.expected["unclear"]["comment"]
    assert " call=" in comment
    before = campaign.kills.total()
    writes = {"POST issues/N/comments", "DELETE issues/comments/N"}
    campaign.writes["unclear"] = [write for write in campaign.writes["unclear"] if write in writes]
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
def test_PF1_kill_9_at_every_step_goes_on_with_an_empty_disk(campaign):
    """Each worker starts with what is durable by ARCHITECTURE's table, and nothing else."""
    with data_folder("empty-disk") as folder, laid_out(folder, has_new_disks=True) as ground:
        tickets = Tickets(ground, folder / "repositories")
        alone = Campaign(ground, tickets, 1, print)
        alone.undisturbed(("add-field",))
        alone.at_every_step("add-field", (When.RECORD,))
        assert_well(ground, alone)


@pytest.mark.deep
def test_PF1_a_service_that_is_broken_on_purpose_is_noticed(ground, campaign):
    assert "publish" in BREAKS
    with closing(Workers(ground.environ, ground.workers.log, "publish")) as workers:
        faulty = Campaign(replace(ground, workers=workers), campaign.tickets, 1, print)
        ticket = faulty.one("small", Point("publish", When.EFFECT))
    verdict = judge.Verdict()
    judge.compare(verdict, ticket.name, campaign.expected["small"], effects.of(ground, ticket))
    assert verdict.double > 0, verdict.line()
