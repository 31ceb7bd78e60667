"""A turn is asked within the budget, with old results cut; a model that stalls is stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.editing import turns
from agent.editing.turns import StallWatch, trim_messages
from agent.errors import BudgetSpent, TimeSpent
from agent.llm.budget import Budget, SpendingCaps, require_budget
from agent.models.chat import ModelTurn, ToolCall, ToolResult, ToolTurn, Usage, UserTurn, WorstCase
from agent.models.model_account import ModelAccount
from agent.settings import Settings
from repo_config.schema import RepoConfig
from tests.fakes import make_reply

LONG = "first line\n" + "x" * 2_000


def require(limits, usd, worst, seconds=60.0):
    spent, reply = ModelAccount(), make_reply()
    usage = Usage(input_tokens=21)
    spent.count_reply("editor", reply.model_copy(update={"cost_usd": usd, "usage": usage}))
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
    [
        ({}, {}, (5.0, None)),
        ({"usd": 20.0}, {"model_usd": 1.5, "model_tokens": 400}, (1.5, 400)),
    ],
)
def test_the_lower_of_operator_and_repository_counts(asked, set_by_operator, wanted):
    config = RepoConfig.model_validate({"limits": asked}, strict=False)
    settings, (usd, tokens) = Settings(home=Path("/h"), **set_by_operator), wanted
    assert Budget(settings).find_limits(config) == SpendingCaps(usd=usd, tokens=tokens)
    doubled = SpendingCaps(usd=usd * 2, tokens=tokens and tokens * 2)
    assert Budget(settings, 2).find_limits(config) == doubled


def conversation(turns, content=LONG):
    messages = [UserTurn(text="Go.")]
    for number in range(1, turns + 1):
        result = ToolResult(call_id="c0", name="bash", content=f"{number} {content}")
        messages += [ModelTurn(reply=make_reply(("bash", {}))), ToolTurn(results=(result,))]
    return tuple(messages)


def number_whole(messages):
    """Number the turns whose results are whole in a request with these messages."""
    returned = [message for message in trim_messages(messages) if isinstance(message, ToolTurn)]
    return [
        number
        for number, one in enumerate(returned, 1)
        if "characters cut" not in one.results[0].content
    ]


def test_answers_are_cut_once_the_old_ones_are_too_much_and_the_longest_first():
    few = conversation(turns.MOST_OLD // len(LONG) + 3)
    assert trim_messages(few) == few
    longest = "first line\n" + "y" * 5_000
    mixed = (*conversation(1, longest), *conversation(1, "z" * 900)[1:])
    mixed += conversation(3, "short")[1:]
    assert number_whole(mixed) == [1, 2, 3, 4, 5]
    more = (*mixed[:-6], *conversation(1, "z" * 800)[1:], *mixed[-6:])
    assert number_whole(more) == [2, 3, 4, 5, 6]


def test_cuts_come_in_batches_so_that_the_prefix_stays_the_same():
    cuts = 0
    for count in range(1, 40):
        before = trim_messages(conversation(count))
        now = trim_messages(conversation(count + 1))
        cuts += now[: len(before)] != before
    assert 0 < cuts <= 12


def test_what_cannot_be_called_again_is_not_offered_and_what_binds_is_never_cut():
    def answer(name, text):
        result = ToolResult(call_id="c0", name=name, content=text)
        return ModelTurn(reply=make_reply((name, {}))), ToolTurn(results=(result,))

    plan = "agreed\n" + "tests: python -m pytest\n" * 300
    first, second = "1. " + "finding\n" * 500, "2. " + "finding\n" * 500
    messages = (
        UserTurn(text="Go."), *answer("plan", plan), *answer("submit", first),
        *answer("submit", second), *conversation(9)[1:],
    )  # fmt: skip
    found = [
        message.results[0].content
        for message in trim_messages(messages)
        if isinstance(message, ToolTurn)
    ]
    assert found[0] == plan
    assert found[1].endswith("characters cut; of an earlier change]")
    assert found[2] == second
    assert found[3].endswith("characters cut; call again]")


def add(watch, name, argument, answer="", digest="s", *, failed=False):
    call = ToolCall(call_id="c", name=name, arguments=json.dumps({"x": argument}))
    result = ToolResult(call_id="c", name=name, content=answer or str(argument), failed=failed)
    watch.add_turn((call,), (result,), digest)


@pytest.mark.parametrize(
    ("each", "turns"),
    [
        (lambda watch, n: add(watch, "read", n), None),
        (lambda watch, n: add(watch, "read", "a.py"), 3),
        # One edit, and the edit that takes it back.
        (lambda watch, n: add(watch, "edit", n % 2, "done", str(n % 2)), 4),
        (lambda watch, n: add(watch, "read", n, "no such file", failed=True), 9),
        (lambda watch, n: watch.add_turn((), (), "s"), 3),
    ],
    ids=["one new thing after the other", "the same turn", "alternation", "failures", "no call"],
)
def test_a_model_that_gets_nowhere_is_stopped_and_warned_before(each, turns):
    watch, warned = StallWatch(), False
    for number in range(1, 101):
        each(watch, number)
        if watch.stall:
            break
        warned = warned or bool(watch.warning)
    assert (number if watch.stall else None) == turns
    assert warned == (turns is not None)


def test_with_too_little_time_left_nobody_is_asked():
    with pytest.raises(TimeSpent, match="limits.minutes"):
        require(SpendingCaps(), 0.0, WorstCase(tokens=1, usd=0.0), 9.4)
