"""A model that turns in circles is noticed, one that works is left alone."""

from __future__ import annotations

import json

from agent.chat import ToolCall, ToolResult
from agent.editing.stall import Watch


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


def test_the_same_turn_over_and_over_is_stopped():
    found = turns_until_stopped(lambda watch, n: turn(watch, "read", "a.py"))
    assert found[0] == 3


def test_two_turns_in_alternation_are_stopped():
    def each(watch, n):
        # One edit, and the edit that takes it back.
        turn(watch, "edit", n % 2, "done", state=str(n % 2))

    assert turns_until_stopped(each)[0] == 6


def test_calls_that_only_fail_are_stopped():
    found = turns_until_stopped(
        lambda watch, n: turn(watch, "read", n, "no such file", failed=True)
    )
    assert found[0] == 9


def test_replies_without_a_call_are_stopped():
    found = turns_until_stopped(lambda watch, n: watch.turn((), (), "s"))
    assert found[0] == 3


def test_there_is_a_warning_before():
    watch = Watch()
    turn(watch, "read", "a.py")
    assert watch.warning == ""
    turn(watch, "read", "a.py")
    assert watch.warning
