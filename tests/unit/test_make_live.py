"""The comparison of third-party projects: what differs and is not on the list is wrong."""

from __future__ import annotations

from tests.live import comparison
from tests.live.comparison import ABSENT, Difference, Known

BARE = {"one": "passed", "two": "failed", "three": "passed"}


def test_outcomes_hold_that_are_alike_or_on_the_list_and_no_others():
    known = Known("project", ("two",), "failed", "passed", "it wants the network")
    assert comparison.compare(BARE, dict(BARE), ()).holds
    assert comparison.compare(BARE, {**BARE, "two": "passed"}, (known,)).holds
    stale = comparison.compare(BARE, dict(BARE), (known,))
    assert (stale.holds, len(stale.stale)) == (False, 1)
    wrong = comparison.compare(BARE, {"one": "failed", "two": "passed"}, (known,))
    assert not wrong.holds
    assert set(wrong.unknown) == {
        Difference("one", "passed", "failed"),
        Difference("three", "passed", ABSENT),
    }
