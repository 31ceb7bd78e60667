"""Each call that a run makes is refused once: what people see, and what is left.

`make test-deep ARGS="-s -k refused"` prints the table.
"""

import re
import time

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
        time.sleep(1.1)  # within a second a delivery of the same content is a duplicate
        told.label()
        return "label"
    told.comment("/mergewright retry")
    return "retry"


def go_through(told: Story, method: str, path: str, status: int, seconds: float) -> str:
    """Refuse a call of a run once, or for so long; return a line of the table."""
    count = None if seconds else 1
    fault = told.fault("answer", method, path, status=status, count=count)
    told.label()
    if seconds:
        time.sleep(seconds)
        told.stage.world.faults.remove()
    await_(lambda: is_settled(told), f"what becomes of {told.name}", 300)
    told.stage.world.faults.remove()
    seen, way = describe(told, fault), go_on(told)
    try:
        (pull,) = await_(lambda: told.pulls() or None, "a pull request", 120)
    except AssertionError:
        pytest.fail(f"{method} {path}: {seen}; {way}; {told.list_decided()}")
    await_(lambda: is_settled(told), "the end", 120)
    assert told.branches() == [pull.pull.head_ref], "nothing is there twice"
    assert len([text for text in told.comments() if "mergewright:status" in text.body]) == 1
    return f"{status} | {method} {path} | {seen} | {way}"


@pytest.mark.parametrize(
    ("status", "seconds"),
    # What is refused for another reason is not asked for again within a run: once is enough.
    [(401, 0), (403, 0), (404, 0), (422, 0), (502, 0), (401, 60), (502, 60)],
)
def test_a_refused_call_loses_nothing_and_does_nothing_twice(story, status, seconds):
    plain = story()
    plain.label()
    plain.assert_ready()
    calls = list_calls(plain)
    assert len(calls) > 12
    # One after the other: each story's repository takes the name of the last one's.
    for method, path in calls:
        print(go_through(story(), method, path, status, seconds))
