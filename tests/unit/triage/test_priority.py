"""What labels say of an issue's place in the queue."""

from __future__ import annotations

import pytest

from agent.triage import priority


@pytest.mark.parametrize(
    ("label", "level"),
    [
        ("priority: critical", 2),
        ("priority/urgent", 2),
        ("P0", 2),
        ("urgent", 2),
        ("blocker", 2),
        ("prio:highest", 2),
        ("Severity: Critical", 2),
        ("priority: high", 1),
        ("Priority-High", 1),
        ("high priority", 1),
        ("P1", 1),
        ("p1 - high", None),
        ("priority: P1 - high", 1),
        ("🔥 priority: high", 1),
        ("Pri: 1", 1),
        ("priority: medium", 0),
        ("P2", 0),
        ("priority: low", -1),
        ("low-priority", -1),
        ("P3", -1),
        ("importance: minor", -1),
        ("priority: nice to have", -1),
        ("mergewright", None),
        ("bug", None),
        ("high", None),
        ("low hanging fruit", None),
        ("minor", None),
        ("priority", None),
        ("priority: unknown", None),
        ("mergewright: working", None),
        ("python 1", None),
        ("principal: high", None),
    ],
)
def test_what_a_label_says(label, level):
    assert priority.of((label,)) == priority.Priority(level or 0, "" if level is None else label)


def test_of_several_the_highest_counts():
    assert priority.of(("bug", "priority: low", "P1")) == priority.Priority(1, "P1")
    assert priority.of(()) == priority.Priority(0)


def test_every_level_has_a_name():
    assert set(priority.NAMES) == {2, 1, 0, -1}
