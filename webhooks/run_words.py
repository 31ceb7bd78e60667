"""Words for people in place of the names by which a run's steps and states are stored. Pure."""

from __future__ import annotations

import re
from collections import Counter

#: The steps of a conversation with a model, after its name: its opening, and by turn what the model
#: replied and what its calls gave.
_OF_CONVERSATION = re.compile(r" (?:opening|\d+ (?P<part>reply|calls))\Z")
#: Shorter steps are left out.
_NOTICEABLE_SECONDS = 0.05


def label(name: str | None) -> str | None:
    """Write the name of a state or a step as words: `awaiting_approval` is Awaiting approval."""
    return name and name[:1].upper() + name[1:].replace("_", " ")


def list_steps(seconds: dict[str, float]) -> list[tuple[str, str]]:
    """Name the steps that took a while, in order; those of one conversation are one line.

    Returns:
        Of each step its words, and how long it took.
    """
    replies: Counter[str] = Counter()
    together: dict[str, float] = {}
    for name, took in seconds.items():
        ending = _OF_CONVERSATION.search(name)
        step = name[: ending.start()] if ending else name
        together[step] = together.get(step, 0.0) + took
        replies[step] += bool(ending and ending["part"] == "reply")
    told = []
    for name, took in together.items():
        many = replies[name]
        words = (label(name) or "") + f", {many} {'reply' if many == 1 else 'replies'}" * (many > 0)
        if took >= _NOTICEABLE_SECONDS:
            told.append((words, f"{took:.1f} s"))
    return told
