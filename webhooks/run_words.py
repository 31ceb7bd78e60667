"""Words for people in place of the names by which a run's steps and states are kept. Pure."""

from __future__ import annotations

import re
from collections import Counter

#: By the first word of a step's name.
_STEPS = {
    "read": "Read the issue",
    "announce": "Tell of the run on the issue",
    "triage": "Find out what is asked for",
    "checkout": "Fetch the code",
    "onboard": "Ask for a configuration",
    "clarify": "Hold the request against the code",
    "environment": "Build the environment",
    "baseline": "Run the checks without the change",
    "terms": "Choose the models",
    "plan": "Plan the change",
    "approval": "See whether the plan is to be approved",
    "tests": "Write tests that fail first",
    "edit": "Make the change",
    "policy": "Hold the change against the rules",
    "checks": "Run the checks with the change",
    "repair": "Mend what the checks found",
    "review": "Second look at the change",
    "judge": "Choose between the candidates",
    "changelog": "Enter it in the changelog",
    "compare": "Hold both results against each other",
    "proof": "Show that the new tests fail without the change",
    "decide": "Decide what becomes of it",
    "publish": "Hand over the result",
    "deliver": "Tell of the end on the issue",
    "earlier": "Look at the attempt before",
    "settle": "See what is for a person",
    "suggestions": "Apply what people suggest",
    "answer": "Answer what is asked",
}
#: Of steps that are read by more than their first word.
_WHOLE = {
    "read config": "Read the configuration",
    "read pull": "Read the pull request",
    "read threads": "List what is asked",
}
_STATES = {
    "received": "Waiting for its turn",
    "triaging": "Reading the issue",
    "preparing": "Preparing code, environment and checks",
    "planning": "Planning the change",
    "awaiting_approval": "Waiting for approval of the plan",
    "editing": "Making the change",
    "checking": "Running the checks with the change",
    "reviewing": "Looking at the result",
    "publishing": "Handing over the result",
    "open": "Done: its pull request is open",
    "following_up": "Answering the review",
    "merged": "Merged",
    "closed": "Closed without merging",
    "declined": "Declined",
    "needs_human": "For a person to go on",
    "failed": "Not done",
    "cancelled": "Ended before it was done",
}
#: The steps of a conversation with a model, after its name: its opening, and by turn what the model
#: replied and what its calls gave.
_OF_CONVERSATION = re.compile(r" (?:opening|\d+ (?P<part>reply|calls))")
#: Shorter steps are left out.
_NOTICEABLE_SECONDS = 0.05


def state(name: str | None) -> str | None:
    """Say where a run is; a state that is not known is given as it is."""
    return None if name is None else _STATES.get(name, name)


def steps(seconds: dict[str, float]) -> list[tuple[str, str]]:
    """Name the steps that took a while, in order; what was done again carries its number.

    Returns:
        Of each step its words, and how long it took.
    """
    told = []
    replies, together = _by_conversation(seconds)
    for name, took in together.items():
        kind, _, number = name.partition(" ")
        words = _WHOLE.get(name, _STEPS.get(kind, name))
        if took >= _NOTICEABLE_SECONDS:
            again = f" ({number})" if number.isdecimal() and number != "1" else ""
            many = replies.get(name, 0)
            turns = f", {many} {'reply' if many == 1 else 'replies'}" if many else ""
            told.append((words + again + turns, f"{took:.1f} s"))
    return told


def _by_conversation(seconds: dict[str, float]) -> tuple[Counter[str], dict[str, float]]:
    """Take what belongs to one conversation together, where it began.

    Returns:
        The number of replies by conversation, and the seconds of all steps.
    """
    replies: Counter[str] = Counter()
    together: dict[str, float] = {}
    for name, took in seconds.items():
        ending = _OF_CONVERSATION.search(name)
        begun = name[: ending.start()] if ending and ending.end() == len(name) else name
        together[begun] = together.get(begun, 0.0) + took
        if ending and ending["part"] == "reply":
            replies[begun] += 1
    return replies, together
