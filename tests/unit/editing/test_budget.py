"""What a run may spend on models is held before each request, with the worst it can cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.editing.budget import BudgetUsage, Limits, compute_limits, require_budget
from agent.errors import BudgetSpent, TimeSpent
from agent.models.chat import Worst
from agent.settings import Settings
from repo_config.schema import RepoConfig


@pytest.mark.parametrize(
    ("limits", "spent", "worst"),
    [
        (Limits(usd=1.0), BudgetUsage(usd=0.75), Worst(tokens=10, usd=0.25)),
        (Limits(tokens=30), BudgetUsage(tokens=20), Worst(tokens=10, usd=9.0)),
    ],
)
def test_what_fits_is_asked(limits, spent, worst):
    require_budget(spent, worst, limits, 60.0, purpose="turn 1 of plan")


@pytest.mark.parametrize(
    ("limits", "spent", "worst", "words"),
    [
        (
            Limits(usd=1.0),
            BudgetUsage(usd=0.75),
            Worst(tokens=10, usd=0.26),
            ("$0.2600", "$0.2500 of $1.00", "limits.usd, MERGEWRIGHT_MODEL_USD", "$1.0100 in all"),
        ),
        (
            Limits(tokens=30),
            BudgetUsage(tokens=21),
            Worst(tokens=10, usd=0.0),
            ("10 tokens", "9 of 30", "MERGEWRIGHT_MODEL_TOKENS"),
        ),
    ],
)
def test_what_could_go_over_is_not_asked(limits, spent, worst, words):
    with pytest.raises(BudgetSpent) as raised:
        require_budget(spent, worst, limits, 60.0, purpose="turn 4 of edit 1")
    for one in words:
        assert one in raised.value.message


def test_with_too_little_time_left_nobody_is_asked():
    require_budget(
        BudgetUsage(), Worst(tokens=10, usd=0.0), Limits(), 10.0, purpose="turn 4 of edit 1"
    )
    with pytest.raises(TimeSpent, match="limits.minutes"):
        require_budget(
            BudgetUsage(), Worst(tokens=1, usd=0.0), Limits(), 9.4, purpose="turn 4 of edit 1"
        )


def test_a_model_without_a_price_needs_a_cap_of_tokens():
    with pytest.raises(BudgetSpent, match=r"No price is known .*MERGEWRIGHT_MODEL_PRICES"):
        require_budget(
            BudgetUsage(),
            Worst(tokens=10, usd=None),
            Limits(usd=1.0),
            60.0,
            purpose="turn 1 of plan",
        )


@pytest.mark.parametrize(
    ("asked", "set_by_operator", "wanted"),
    [
        ({}, {}, Limits(usd=5.0)),
        (
            {"usd": 20.0, "tokens": 900},
            {"model_usd": 1.5, "model_tokens": 400},
            Limits(usd=1.5, tokens=400),
        ),
    ],
)
def test_the_lower_of_operator_and_repository_counts(asked, set_by_operator, wanted):
    config = RepoConfig.model_validate({"limits": asked}, strict=False)
    assert compute_limits(config, Settings(home=Path("/h"), **set_by_operator)) == wanted
    doubled = {name: most and most * 2 for name, most in wanted}
    assert compute_limits(config, Settings(home=Path("/h"), **set_by_operator), 2) == Limits(
        **doubled
    )
