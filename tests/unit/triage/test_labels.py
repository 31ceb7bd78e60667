"""What labels say of an issue's place in the queue."""

from __future__ import annotations

import pytest

from agent.triage import labels


@pytest.mark.parametrize(
    ("label", "level"),
    [
        ("priority: critical", 2),
        ("P0", 2),
        ("high priority", 1),
        ("priority: P1 - high", 1),
        ("priority: low", -1),
        ("P3", -1),
        ("high", None),
        ("low hanging fruit", None),
    ],
)
def test_what_a_label_says(label, level):
    assert labels.read_priority((label,)) == labels.Priority(
        level or 0, "" if level is None else label
    )


def test_of_several_the_highest_counts():
    assert labels.read_priority(("bug", "priority: low", "P1")) == labels.Priority(1, "P1")
    assert labels.read_priority(()) == labels.Priority(0)


def test_every_level_has_a_name():
    assert set(labels.NAMES) == {2, 1, 0, -1}
