"""A model that turns in circles is noticed, one that works is left alone."""

from __future__ import annotations

import json

import pytest

from agent.editing.stall import Watch
from agent.models.chat import ToolCall, ToolResult


def turn(watch, name, argument, answer="", state="s", *, failed=False):
    call = ToolCall(call_id="c", name=name, arguments=json.dumps({"x": argument}))
    result = ToolResult(call_id="c", name=name, content=answer or str(argument), failed=failed)
    watch.turn((call,), (result,), state)


def turns_until_stopped(each, most=100):
    watch = Watch()
    for number in range(1, most + 1):
        each(watch, number)
        if watch.circles:
            return number, watch.circles
    return None, ""


def test_reading_one_new_thing_after_the_other_is_work():
    found = turns_until_stopped(lambda watch, n: turn(watch, "read", n))
    assert found == (None, "")


@pytest.mark.parametrize(
    ("each", "turns"),
    [
        (lambda watch, n: turn(watch, "read", "a.py"), 3),
        # One edit, and the edit that takes it back.
        (lambda watch, n: turn(watch, "edit", n % 2, "done", state=str(n % 2)), 4),
        (lambda watch, n: turn(watch, "read", n, "no such file", failed=True), 9),
        (lambda watch, n: watch.turn((), (), "s"), 3),
    ],
    ids=["the same turn", "two in alternation", "failures alone", "no call"],
)
def test_what_leads_nowhere_is_stopped(each, turns):
    assert turns_until_stopped(each)[0] == turns


def test_there_is_a_warning_before():
    watch = Watch()
    warned = []
    for _ in range(3):
        turn(watch, "read", "a.py")
        warned.append(bool(watch.warning))
    assert warned == [False, True, False]
