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


def test_edits_that_change_something_are_work():
    found = turns_until_stopped(lambda watch, n: turn(watch, "edit", n, "done", state=str(n)))
    assert found == (None, "")


def test_the_same_test_after_each_edit_is_work():
    def each(watch, n):
        if n % 2:
            turn(watch, "edit", n, "done", state=str(n))
        else:
            turn(watch, "run_test", "t", f"red in line {n}", state=str(n - 1))

    assert turns_until_stopped(each) == (None, "")


def test_the_same_turn_over_and_over_is_stopped():
    found = turns_until_stopped(lambda watch, n: turn(watch, "read", "a.py"))
    assert found == (3, "the same turn came 3 times in a row")


def test_two_turns_in_alternation_are_stopped():
    def each(watch, n):
        # One edit, and the edit that takes it back.
        turn(watch, "edit", n % 2, "done", state=str(n % 2))

    assert turns_until_stopped(each) == (6, "two turns came in alternation, three times")


def test_longer_circles_are_stopped():
    number, words = turns_until_stopped(lambda watch, n: turn(watch, "read", n % 4))
    assert (number, words) == (12, "8 turns in a row brought nothing new")


def test_calls_that_only_fail_are_stopped():
    number, words = turns_until_stopped(
        lambda watch, n: turn(watch, "read", n, "no such file", failed=True)
    )
    assert (number, words) == (9, "8 turns in a row brought nothing new")


def test_replies_without_a_call_are_stopped():
    found = turns_until_stopped(lambda watch, n: watch.turn((), (), "s"))
    assert found == (3, "the model answered 3 times without calling a tool; another model may do")


def test_there_is_a_warning_before():
    watch = Watch()
    turn(watch, "read", "a.py")
    assert watch.warning == ""
    turn(watch, "read", "a.py")
    assert "otherwise you are stopped" in watch.warning
