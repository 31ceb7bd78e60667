"""All that a model was shown stays, until most of its context window is used."""

from agent.editing.memory import shorten_messages
from agent.models.chat import ModelTurn, ToolResult, ToolTurn, Usage, UserTurn
from agent.models.record import replace
from tests.fakes import make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import bash, submit

WINDOW = 200_000
#: Of our scripted models, by the tokens of providers.
CHARACTERS_A_TOKEN = 4


def turn(number, messages, *calls, content):
    """Add a turn whose reply is counted as a provider counts it."""
    sent = sum(len(message.model_dump_json()) for message in messages)
    calls = calls or (bash(f"cat file_{number}.py"),)
    reply = replace(
        make_reply(*calls),
        usage=Usage(input_tokens=sent // CHARACTERS_A_TOKEN, output_tokens=50),
        sent_bytes=sent,
    )
    named = (replace(call, call_id=f"{number}-{at}") for at, call in enumerate(reply.calls))
    reply = replace(reply, calls=tuple(named))
    results = tuple(
        ToolResult(call_id=call.call_id, name=call.name, content=content) for call in reply.calls
    )
    return (*messages, ModelTurn(reply=reply), ToolTurn(results=results))


def contents(messages):
    return [
        result.content
        for message in messages
        if isinstance(message, ToolTurn)
        for result in message.results
    ]


def test_a_long_conversation_stays_within_the_window_and_is_cut_seldom():
    messages, cuts, characters = (UserTurn(text="Go."),), 0, 0
    for number in range(300):
        messages = turn(number, messages, content=f"{number}:".ljust(10_000, "x"))
        characters += 10_000
        before, messages = messages, shorten_messages(messages, WINDOW)
        cuts += messages != before
        sent = sum(len(message.model_dump_json()) for message in messages)
        assert sent // CHARACTERS_A_TOKEN < 0.62 * WINDOW
        assert contents(messages)[-1] == contents(before)[-1], "it was not shown yet"
    # Each cut makes place for a third of the window: 3 million characters need no more.
    assert characters / CHARACTERS_A_TOKEN / (0.3 * WINDOW) - 2 <= cuts <= 13


def test_what_binds_stays_and_old_answers_to_forms_go_last():
    plan, first, second = "plan " * 900, "first " * 900, "second " * 900
    messages = turn(0, (UserTurn(text="Go."),), desks.plan(), content=plan)
    messages = turn(1, messages, bash("cat shop/prices.py"), content="p" * 9_000)
    messages = turn(2, messages, submit(), content=first)
    messages = turn(3, messages, submit(), content=second)
    for number in range(4, 8):
        messages = turn(number, messages, content="x" * 9_000)
    # All of it is about 11,000 tokens.
    kept = contents(shorten_messages(messages, 16_000))
    assert (kept[0], kept[3], kept[-1]) == (plan, second, "x" * 9_000)
    assert "9,000 characters omitted; full text: call again" in kept[1]
    assert "5,400 characters omitted; full text: it was about an earlier change" in kept[2]
