"""The loop: ask, carry out what is called, ask again, until a form is handed in that is accepted.

Each reply is a durable step, each batch of calls another; all that is said is made of their
results, so a run that goes on after a kill says the same and asks for nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from agent.chat import MOST_TOKENS, Answered, Asked, Message, Reply, Returned, Role
from agent.domain import Change, Record
from agent.editing import asking
from agent.editing.asking import Turn
from agent.editing.called import Objection, Opening
from agent.editing.desk import Desk, F
from agent.editing.job import Job
from agent.editing.prompting import Prompt
from agent.editing.stall import Watch
from agent.editing.trimming import trimmed

MOST_TURNS = 60
_CUT = f"Your reply was cut off: it may have {MOST_TOKENS:,} tokens. Write less at a time."


@dataclass(frozen=True)
class Conversation(Generic[F]):
    """What is said to whom, where, and about what."""

    name: str
    """Unique in the run."""
    role: Role
    prompt: Prompt
    opening: Opening
    desk: Desk[F]
    change: Change
    """That it begins with."""
    most_turns: int = MOST_TURNS
    most_objections: int = 3
    """After so many to what was handed in, it is over."""

    @property
    def reminder(self) -> str:
        """What is said to a reply without a call."""
        return f"Call a tool. When you are done, call `{self.desk.form_name}`."

    def enough_of(self, objections: tuple[Objection, ...]) -> str:
        """Say that there were too many; empty: there were not."""
        number = len(objections)
        return f"{number} times it was not accepted" if number >= self.most_objections else ""


class Ended(Record):
    """How a conversation ended."""

    change: Change
    form: str = ""
    """What was handed in, as JSON; empty: nothing that was accepted."""
    why: str = ""
    """Without a form: why it was ended, in words."""
    objection: Objection | None = None
    """The last one to what was handed in."""


def converse(about: Conversation[F], job: Job) -> Ended:
    """Talk with a model until it hands its form in, turns in circles or has had its turns.

    Raises:
        BudgetSpent: The next request could cost more than is left.
        ModelRefused: The model will not go on.
        ModelUnavailable: Nobody answered.
    """
    said: tuple[Message, ...] = (Asked(text=about.opening.text),)
    change, watch, told, tools = about.change, Watch(), 0, about.desk.specs
    objections: tuple[Objection, ...] = ()
    cut_off = 0
    for number in range(1, about.most_turns + 1):
        turn = Turn(conversation=about.name, number=number, prompts=about.prompt.files, told=told)
        messages = trimmed(said, number)
        reply = asking.reply(job, turn, about.role, about.prompt.system, tools, messages)
        told = len(said) + 1
        done = job.step(f"{about.name} {number} calls", about.desk.carry_out, reply, change, turn)
        change = job.latest = done.change or change
        if done.form:
            return Ended(change=change, form=done.form)
        objections += done.objections
        watch.turn(reply.calls, done.results, change.digest)
        cut_off += reply.finish == "length"
        if why := watch.circles or about.enough_of(objections):
            why += _of_length(cut_off)
            return Ended(change=change, why=why, objection=next(iter(objections[::-1]), None))
        words = _words(reply, watch.warning if reply.calls else about.reminder)
        answer = Returned(results=done.results, text=words) if reply.calls else Asked(text=words)
        said = (*said, Answered(reply=reply), answer)
    return Ended(change=change, why=f"it had its {about.most_turns} turns{_of_length(cut_off)}")


def _of_length(cut_off: int) -> str:
    """Say how many replies had no end, after a reason; empty: each had."""
    if not cut_off:
        return ""
    was = "reply was" if cut_off == 1 else "replies were"
    return f"; {cut_off} {was} cut off at {MOST_TOKENS:,} tokens (finish_reason: length)"


def _words(reply: Reply, words: str) -> str:
    """Say what is said to a reply besides, first of all why its end is missing."""
    if reply.finish != "length":
        return words
    return f"{_CUT} {words}".rstrip()
