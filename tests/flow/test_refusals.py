"""Each call that a run makes is refused once: what people see, and what is left.

`make test-deep ARGS="-s -k refused"` prints the table.
"""

import re

import pytest

from tests.faulty_github import Fault
from tests.flow.github_stories import Story, await_

pytestmark = pytest.mark.deep
_VARIABLE = re.compile(r"/(?:[0-9a-f]{40}|[0-9]+|mergewright[^/]*)(?=/|$)")


def list_calls(told: Story) -> list[tuple[str, str]]:
    """List the calls below the repository that a whole run makes: method and pattern."""
    top = f"/api/v3/repos/{told.name}/"
    asked = (one for one in told.requests() if one.path.startswith(top))
    calls = (
        (one.method, _VARIABLE.sub("/*", f"/{one.path.removeprefix(top)}")[1:]) for one in asked
    )
    return list(dict.fromkeys(calls))


def is_settled(told: Story) -> bool | None:
    """True: the run has ended, or its label was turned away; None: neither yet."""
    runs = told.runs()
    if runs and runs[-1].outcome is not None:
        return True
    turned_away = any(outcome == "ignored" for outcome, _ in told.list_decided())
    return True if turned_away and not runs else None


def describe(told: Story, fault: Fault) -> str:
    """Say what people see of it."""
    runs, comments = told.runs(), told.comments()
    if not runs:
        return "no run; " + "; ".join(reason for _, reason in told.list_decided())
    outcome, waits = runs[-1].outcome, f", {runs[-1].wait_count} waits" * bool(runs[-1].wait_count)
    seen = re.sub(r"<!--.*?-->", "", comments[-1].body).split("\n") if comments else ["no comment"]
    shown = " ".join(filter(None, seen))[:110]
    return f"{outcome.reason.value if outcome else 'at work'}{waits}, hit {fault.hits}: {shown}"


def go_on(told: Story) -> str:
    """Do what the end asks for; return what that was."""
    if told.pulls():
        return "-"
    if not told.runs():
        told.unlabel()
        told.label()
        return "label"
    told.comment("/mergewright retry")
    return "retry"


@pytest.mark.parametrize("status", [401])
def test_a_refused_call_loses_nothing_and_does_nothing_twice(story, stage, status):
    plain = story()
    plain.label()
    plain.assert_ready()
    calls = list_calls(plain)
    assert len(calls) > 12
    told = {}
    for method, path in calls:
        one = story()
        told[method, path] = one, one.fault("answer", method, path, status=status)
        one.label()
    for one, _ in told.values():
        await_(lambda one=one: is_settled(one), f"what becomes of {one.name}", 300)
    stage.world.faults.remove()
    rows = {call: (describe(one, fault), go_on(one)) for call, (one, fault) in told.items()}
    for one, _ in told.values():
        await_(lambda one=one: one.pulls() or None, f"a pull request of {one.name}", 300)
        await_(lambda one=one: is_settled(one), f"the end of {one.name}", 300)
    for (method, path), (seen, way) in rows.items():
        print(f"{status} | {method} {path} | {seen} | {way}")
    for one, _ in told.values():
        (pull,) = one.pulls()
        assert one.branches() == [pull.pull.head_ref], "nothing is there twice"
        assert len([text for text in one.comments() if "mergewright:status" in text.body]) == 1
