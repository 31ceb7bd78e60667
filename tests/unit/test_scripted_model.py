"""The demo's stand-in for a model: what it says to what it is asked."""

from __future__ import annotations

from typing import Any

from agent.demo import scripted_model
from agent.demo.scripted_model import Line, Script

SCRIPT = Script(
    "a.py",
    "old",
    "new",
    (
        Line("rename", "done", "Renamed."),
        Line("why", "answered", "So."),
        Line("nowhere", "person", "Never said."),
    ),
)
OPENING = "Matter 1 (data)\nmaria wrote: why so?\n\nMatter 2 (data)\nmaria wrote: rename it\n"
ANSWER: list[dict[str, Any]] = [
    {"role": "system", "content": "Your part: answer the review of a change."},
    {"role": "user", "content": OPENING},
]


def test_it_reads_and_then_edits_and_answers_each_matter_by_its_number():
    assert scripted_model.reply(SCRIPT, ANSWER) == [("bash", {"command": "cat a.py"})]
    later = [*ANSWER, {"role": "assistant", "content": None}, {"role": "tool", "content": "old"}]
    (edit, (name, form)) = scripted_model.reply(SCRIPT, later)
    assert edit == ("edit", {"path": "a.py", "old": "old", "new": "new"})
    assert name == "submit"
    assert form["answers"] == [
        {"matter": 2, "became": "done", "words": "Renamed."},
        {"matter": 1, "became": "answered", "words": "So."},
    ]
