"""A turn is bounded by the budget; a model that stalls is stopped."""

import json
from pathlib import Path

import pytest

from agent.editing.turns import find_end
from agent.llm.budget import Budget, SpendingCaps
from agent.models.chat import ModelTurn, ToolCall, ToolResult, ToolTurn, UserTurn
from agent.models.record import replace
from agent.settings import Settings
from repo_config.schema import RepoConfig
from tests.fakes import make_reply


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
