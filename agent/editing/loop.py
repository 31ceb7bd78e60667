"""The loop: ask, carry out what is called, ask again, until a form is handed in.

Each reply is a durable step, each batch of calls another; all that is said is made of their
results, so a run that goes on after a kill says the same and asks for nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.editing import asking
from agent.editing.asking import Turn
from agent.editing.run_context import RunContext
from agent.editing.stall import Watch
from agent.editing.tools import ToolExecutor
from agent.editing.trimming import trim_messages
from agent.editing.turn_records import CallResults, OpeningMessage
from agent.models.change import Change
from agent.models.chat import (
    MOST_TOKENS,
    Answered,
    Asked,
    ChatRequest,
    Message,
    Reply,
    Returned,
    Role,
)

MOST_TURNS = 100
_CUT = f"Your reply was cut off: it may have {MOST_TOKENS:,} tokens. Write less at a time."


@dataclass(frozen=True)
class SubmittedForm:
    """A form that a model hands in; without a name its conversation is over, for a reason."""

    name: str = ""
    form: str = ""
    """As JSON."""
    why: str = ""


@dataclass
class Conversation:
    """What is said between us and one model about one change."""

    name: str
    """Unique in the run, with the numbers of its turns."""
    role: Role
    prompt: str
    """Its first words, the same in each request."""
    tools: ToolExecutor
    opening: OpeningMessage
    change: Change
    """As the last calls have left it."""
    most_turns: int = MOST_TURNS
    include: tuple[str, ...] = ()
    """Ignored files that belong to the change."""
    _number: int = 0
    """Of the last turn under this name."""
    _count: int = 0
    _said: tuple[Message, ...] = ()
    _told: int = 0
    """Messages that were sent already."""
    _cut_off: int = 0
    _watch: Watch = field(default_factory=Watch)
    _open: tuple[Reply, CallResults] | None = None
    """The reply whose form is not answered yet, and what became of its calls."""
    _why: str = ""
    """It is over."""

    def next_form(self, run_context: RunContext) -> SubmittedForm:
        """Ask until a form is handed in, or the conversation is over.

        Raises:
            BudgetSpent: The next request could cost more than is left.
            ModelRefused: The model will not go on.
            ModelUnavailable: Nobody answered.
        """
        self._said = self._said or (Asked(text=self.opening.text),)
        while not self._why:
            reply, done = self._ask(run_context)
            if done.handed:
                self._open = reply, done
                return SubmittedForm(done.handed, done.form)
            self._say(reply, done)
        return SubmittedForm(why=self._why)

    def answer(self, words: str, run_context: RunContext, *, accepted: bool = False) -> None:
        """Answer the form that was handed in last; what is said is a step, for replays."""
        if self._open is None:
            return
        (reply, done), self._open = self._open, None
        said = run_context.step(f"{self.name} {self._number} answer", _make_message, words).text
        answer = {"content": said, "failed": not accepted}
        results = list(done.results)
        results[done.at] = results[done.at].model_copy(update=answer)
        self._say(reply, done.model_copy(update={"results": tuple(results)}))

    def go_on_as(self, name: str) -> None:
        """Give the turns that follow another name; what was said stays said."""
        self.name, self._number = name, 0

    def _ask(self, run_context: RunContext) -> tuple[Reply, CallResults]:
        """Have the next reply, and its calls carried out."""
        self._number, self._count = self._number + 1, self._count + 1
        turn = Turn(conversation=self.name, number=self._number, told=self._told)
        request = ChatRequest(
            role=self.role,
            category=run_context.decision.category,
            model=run_context.first_in_line(self.role),
            system=self.prompt,
            tools=self.tools.specs,
            messages=trim_messages(self._said, self._count),
            must_call=True,
        )
        reply = asking.request_reply(run_context, turn, request)
        self._told = len(self._said) + 1
        given = reply, self.change, self.include, turn
        done = run_context.step(f"{self.name} {self._number} calls", self.tools.carry_out, *given)
        self.change = run_context.latest = done.change or self.change
        self._cut_off += reply.finish == "length"
        self._watch.turn(reply.calls, done.results, self.change.digest)
        ended = f"it had its {self.most_turns} turns" if self._count >= self.most_turns else ""
        if why := self._watch.circles or ended:
            cut = f"; {self._cut_off} of its replies were cut off at {MOST_TOKENS:,} tokens"
            self._why = why + cut * bool(self._cut_off)
        return reply, done

    def _say(self, reply: Reply, done: CallResults) -> None:
        """Add a reply and its answers to what was said."""
        names = ", ".join(f"`{spec.name}`" for spec in self.tools.specs)
        more = self._watch.warning if reply.calls else f"Call a tool: {names}."
        text = "\n".join(filter(None, (_CUT * (reply.finish == "length"), done.text, more)))
        answer = Returned(results=done.results, text=text) if reply.calls else Asked(text=text)
        self._said = (*self._said, Answered(reply=reply), answer)


def _make_message(words: str) -> OpeningMessage:
    return OpeningMessage(text=words)
