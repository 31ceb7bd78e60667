"""A turn is asked within the budget; a model that stalls is stopped."""

import json
from pathlib import Path

import pytest

from agent.editing.turns import find_end
from agent.errors import BudgetSpent, TimeSpent
from agent.llm.budget import Budget, SpendingCaps, require_budget
from agent.models.chat import (
    ModelTurn,
    ToolCall,
    ToolResult,
    ToolTurn,
    Usage,
    UserTurn,
    WorstCase,
)
from agent.models.model_account import ModelAccount
from agent.models.record import replace
from agent.settings import Settings
from repo_config.schema import RepoConfig
from tests.fakes import make_reply


def require(limits, usd, worst, seconds=60.0):
    spent, reply = ModelAccount(), make_reply()
    usage = Usage(input_tokens=21)
    spent.count_reply("editor", replace(reply, cost_usd=usd, usage=usage))
    require_budget(spent, worst, limits, seconds, purpose="turn 4 of edit 1")


@pytest.mark.parametrize(
    ("limits", "usd", "worst", "words"),
    [
        (
            SpendingCaps(usd=1.0), 0.75, WorstCase(tokens=10, usd=0.26),
            ("$0.2600", "$0.2500 of $1.00", "limits.usd, MERGEWRIGHT_MODEL_USD", "$1.0100 in total"),
        ),
        (
            SpendingCaps(tokens=30), 0.0, WorstCase(tokens=10, usd=0.0),
            ("10 tokens", "9 of 30", "MERGEWRIGHT_MODEL_TOKENS"),
        ),
        (
            SpendingCaps(usd=1.0), 0.0, WorstCase(tokens=10, usd=None),
            ("no known price", "MERGEWRIGHT_MODEL_PRICES"),
        ),
    ],
)  # fmt: skip
def test_what_could_go_over_is_not_asked(limits, usd, worst, words):
    with pytest.raises(BudgetSpent) as raised:
        require(limits, usd, worst)
    for word in words:
        assert word in raised.value.message


@pytest.mark.parametrize(
    ("asked", "set_by_operator", "wanted"),
    [({}, {}, (5.0, None)), ({"usd": 20.0}, {"model_usd": 1.5, "model_tokens": 400}, (1.5, 400))],
)
def test_the_lower_of_operator_and_repository_counts(asked, set_by_operator, wanted):
    config = RepoConfig.model_validate({"limits": asked}, strict=False)
    settings, (usd, tokens) = Settings(home=Path("/h"), **set_by_operator), wanted
    assert Budget(settings).find_limits(config) == SpendingCaps(usd=usd, tokens=tokens)
    doubled = SpendingCaps(usd=usd * 2, tokens=tokens and tokens * 2)
    assert Budget(settings, 2).find_limits(config) == doubled


def turn(name, argument, answer="", *, failed=False):
    call = ToolCall(call_id="c", name=name, arguments=json.dumps({"x": argument}))
    content = answer or str(argument)
    result = ToolResult(call_id="c", name=name, content=content, failed=failed)
    return ModelTurn(reply=replace(make_reply(), calls=(call,))), ToolTurn(results=(result,))


SILENT = ModelTurn(reply=make_reply(text="Hm.")), UserTurn(text="Call a tool.")


@pytest.mark.parametrize(
    ("make_turn", "most", "why"),
    [
        (lambda n: turn("bash", n), 30, "it used all its 30 turns"),
        (lambda n: turn("bash", "cat a.py"), 3, "nothing new"),
        # One edit, and the edit that takes it back.
        (lambda n: turn("edit", n % 2, "done"), 4, "nothing new"),
        (lambda n: turn("edit", n, "no such file", failed=True), 3, "nothing new"),
        (lambda n: turn("bash", n if n % 3 else 0), 30, "it used all its 30 turns"),
        (lambda n: SILENT, 3, "without calling a tool"),
    ],
    ids=["new things", "the same turn", "alternation", "failures", "some again", "no call"],
)
def test_three_turns_alike_end_a_conversation(make_turn, most, why):
    messages = (UserTurn(text="Go."),)
    while not (end := find_end(messages, 30)):
        messages = (*messages, *make_turn(len(messages) // 2))
    assert len(messages) // 2 == most
    assert why in end


def test_with_too_little_time_left_nobody_is_asked():
    with pytest.raises(TimeSpent, match="limits.minutes"):
        require(SpendingCaps(), 0.0, WorstCase(tokens=1, usd=0.0), 9.4)
