"""What a run may spend on models is held before each request, with the worst it can cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.chat import Worst
from agent.editing.budget import Limits, Spent, limits, require
from agent.errors import BudgetSpent, TimeSpent, kept, restored
from agent.settings import Settings
from repo_config.schema import RepoConfig


@pytest.mark.parametrize(
    ("limits", "spent", "worst"),
    [
        (Limits(usd=1.0), Spent(usd=0.75), Worst(tokens=10, usd=0.25)),
        (Limits(calls=3), Spent(calls=2), Worst(tokens=10, usd=9.0)),
    ],
)
def test_what_fits_is_asked(limits, spent, worst):
    require(spent, worst, limits, purpose="turn 1 of plan")


@pytest.mark.parametrize(
    ("limits", "spent", "worst", "words"),
    [
        (
            Limits(usd=1.0),
            Spent(usd=0.75),
            Worst(tokens=10, usd=0.26),
            ("$0.2600", "$0.2500 of $1.00", "limits.usd, MERGEWRIGHT_MODEL_USD"),
        ),
        (
            Limits(calls=3),
            Spent(calls=3),
            Worst(tokens=10, usd=0.0),
            ("3 replies", "MERGEWRIGHT_MODEL_CALLS"),
        ),
    ],
)
def test_what_could_go_over_is_not_asked(limits, spent, worst, words):
    with pytest.raises(BudgetSpent) as raised:
        require(spent, worst, limits, purpose="turn 4 of edit 1")
    for one in (*words, "`mergewright runs retry`"):
        assert one in raised.value.message


def test_with_too_little_time_left_nobody_is_asked():
    require(Spent(), Worst(tokens=10, usd=0.0), Limits(seconds=10.0), purpose="turn 4 of edit 1")
    with pytest.raises(TimeSpent, match="limits.minutes"):
        require(Spent(), Worst(tokens=1, usd=0.0), Limits(seconds=9.4), purpose="turn 4 of edit 1")


@pytest.mark.parametrize(
    ("caps", "worst", "left", "least"),
    [
        (
            Limits(usd=0.01).times(2),
            Worst(tokens=10, usd=0.1),
            "$0.0200 of $0.02",
            "`MERGEWRIGHT_MODEL_USD` (and `limits.usd`, where it is set) to at least 0.10",
        ),
    ],
)
def test_where_as_much_again_is_not_enough_it_is_said_what_would_be(caps, worst, left, least):
    with pytest.raises(BudgetSpent) as raised:
        require(Spent(), worst, caps.within(60.0, kept=True, here=True), purpose="turn 1 of plan")
    problem = restored(kept(raised.value))
    assert left in problem.message
    assert least in problem.message
    assert least in problem.next_here
    assert "`mergewright run --resume {run}`" in problem.next_here


@pytest.mark.parametrize("caps", [Limits(calls=0), Limits(usd=0.1)])
def test_a_run_without_records_is_not_said_to_go_on(caps):
    worst = Worst(tokens=10, usd=0.2)
    with pytest.raises(BudgetSpent) as raised:
        require(Spent(), worst, caps.within(60.0, kept=False), purpose="turn 1 of plan")
    assert "anew" in raised.value.message
    with pytest.raises(TimeSpent, match="anew"):
        require(Spent(), worst, Limits().within(1.0, kept=False), purpose="turn 1 of plan")


def test_a_model_without_a_price_needs_a_cap_of_tokens():
    with pytest.raises(BudgetSpent, match=r"No price is known .*MERGEWRIGHT_MODEL_PRICES"):
        require(Spent(), Worst(tokens=10, usd=None), Limits(usd=1.0), purpose="turn 1 of plan")


@pytest.mark.parametrize(
    ("asked", "set_by_operator", "wanted"),
    [
        ({}, {}, Limits(usd=5.0, calls=200)),
        (
            {"usd": 20.0, "tokens": 900},
            {"model_usd": 1.5, "model_tokens": 400, "model_calls": 7},
            Limits(usd=1.5, tokens=400, calls=7),
        ),
    ],
)
def test_the_lower_of_operator_and_repository_counts(asked, set_by_operator, wanted):
    config = RepoConfig.model_validate({"limits": asked}, strict=False)
    assert limits(config, Settings(home=Path("/h"), **set_by_operator)) == wanted


def test_whoever_lets_a_run_go_on_grants_as_much_again():
    assert Limits(usd=1.0, tokens=10, calls=3).times(2) == Limits(
        usd=2.0, tokens=20, calls=6, grants=2
    )
    assert Limits(calls=3).times(3) == Limits(calls=9, grants=3)
