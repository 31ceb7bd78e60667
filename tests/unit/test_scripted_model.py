"""The demo's stand-in for a model: what it says to what it is asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

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
    assert scripted_model.reply(SCRIPT, ANSWER) == [("read", {"path": "a.py"})]
    later = [*ANSWER, {"role": "assistant", "content": None}, {"role": "tool", "content": "old"}]
    (edit, (name, form)) = scripted_model.reply(SCRIPT, later)
    assert edit == ("edit", {"path": "a.py", "old": "old", "new": "new"})
    assert name == "finish"
    assert form["answers"] == [
        {"matter": 2, "became": "done", "words": "Renamed."},
        {"matter": 1, "became": "answered", "words": "So."},
    ]


@pytest.mark.parametrize(
    ("part", "calls"),
    [
        (
            "Your part: review the diff against ticket",
            [("submit_review", {"approve": True, "remarks": []})],
        ),
        ("Your part: the plan.", []),
    ],
)
def test_it_approves_what_it_reviews_and_has_nothing_for_other_parts(part, calls):
    asked = [{"role": "system", "content": part}, {"role": "user", "content": OPENING}]
    assert scripted_model.reply(SCRIPT, asked) == calls


def test_it_speaks_as_a_provider_does():
    with scripted_model.serving(SCRIPT) as environ:
        url = f"{environ['OPENAI_BASE_URL']}/chat/completions"
        told = [
            httpx.post(url, json={"model": "m", "messages": messages}, trust_env=False).json()
            for messages in (ANSWER, [{"role": "user", "content": "Hello."}])
        ]
    first, second = (one["choices"][0] for one in told)
    assert first["finish_reason"] == "tool_calls"
    assert first["message"]["tool_calls"][0]["function"] == {
        "name": "read",
        "arguments": '{"path": "a.py"}',
    }
    assert second["message"]["content"] == "The script has nothing for this."
    assert all(one["usage"]["total_tokens"] > 0 for one in told)
