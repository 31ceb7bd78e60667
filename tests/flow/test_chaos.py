"""Runs while their worker is killed again and again: nothing is lost, nothing is done twice."""

from __future__ import annotations

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
from tests.deep import deep
from tests.folders import data_folder

SEED = 1
KINDS = ("add-field", "logging", "unclear")


@pytest.fixture(scope="module")
def folder(store: Path) -> Iterator[Path]:
    """A folder that rooms can reach, with the environments that are there already."""
    with data_folder("chaos") as made:
        (store / "environments").mkdir(mode=0o755, exist_ok=True)
        yield made


@pytest.fixture(scope="module")
def ground(store: Path, folder: Path) -> Iterator[Ground]:
    with laid_out(folder, environments=store / "environments") as made:
        yield made


@pytest.fixture(scope="module")
def campaign(ground: Ground, folder: Path) -> Campaign:
    """One that knows what comes of each kind of ticket without kills."""
    tickets = Tickets(ground, folder / "repositories", repositories=2)
    made = Campaign(ground, tickets, SEED, print)
    made.undisturbed(KINDS)
    return made


@pytest.mark.parametrize(
    ("moments", "at_random"),
    # What was done and is not on record yet is the moment at which anything could be done twice.
    [((When.EFFECT,), 12), deep(AROUND, 40)],
    ids=["once at each", "three times at each"],
)
def test_PF1_kill_9_at_every_step_and_at_random_loses_nothing_and_doubles_nothing(
    ground: Ground, campaign: Campaign, moments: tuple[When, ...], at_random: int
):
    before = campaign.kills.total()
    campaign.at_every_step("add-field", moments)
    killed = len(moments) * len(campaign.steps["add-field"])
    assert campaign.kills.total() - before == killed
    campaign.at_random(at_random, 6)
    verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
    assert verdict.well, "\n".join((verdict.line(), *verdict.words))
    assert campaign.missed == []
    assert campaign.kills.total() - before == killed + at_random


@pytest.mark.parametrize(
    ("fault", "strike", "what", "count"),
    [
        ("publish", Point("publish", When.EFFECT), "pull request", "double"),
        ("comment", Point("announce", When.EFFECT), "comment", "double"),
        ("report", None, "check", "lost"),
    ],
)
def test_PF1_a_service_that_is_broken_on_purpose_is_noticed(
    ground: Ground, campaign: Campaign, fault: str, strike: Point | None, what: str, count: str
):
    assert fault in BREAKS
    workers = Workers(ground.environ, ground.workers.log, fault)
    with closing(workers):
        faulty = Campaign(replace(ground, workers=workers), campaign.tickets, SEED, print)
        ticket = faulty.one("logging", strike)
    verdict = judge.Verdict()
    found = effects.of(ground, ticket)
    judge.compare(verdict, ticket.name, campaign.expected["logging"], found)
    assert getattr(verdict, count) > 0, verdict.line()
    assert len(found[what]) != len(campaign.expected["logging"][what])
