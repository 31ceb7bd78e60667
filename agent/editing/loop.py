"""The loop: ask, carry out what is called, ask again, until a form is submitted.

Each reply is a durable step, each batch of calls another. All messages are made of their results.
So a run that resumes after a kill sends the same messages and repeats no request.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Protocol

from agent.editing import memory
from agent.editing.turns import ModelTurns, StallWatch, Turn
from agent.errors import ContextFull
from agent.models.change import Change
from agent.models.chat import (
    CallResults,
    ChatRequest,
    Message,
    ModelTurn,
    Reply,
    Role,
    ToolSpec,
    ToolTurn,
    UserTurn,
)
from agent.models.record import replace
from agent.models.step import StepName

MOST_TURNS = 100
_CUT = "Your reply was cut off: it reached the maximum of tokens. Write less at a time."


@dataclass(frozen=True)
class SubmittedForm:
    """A form that a model submits; without a name the conversation ends or pauses."""

    name: str = ""
    form: str = ""
    """As JSON."""
    why: str = ""
    """Why the conversation is over; empty without a name: it pauses, see `CallResults`."""


class Tools(Protocol):
    """What a model can call in a conversation: `agent.editing.tools`."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]: ...

    def execute_calls(
        self,
        reply: Reply,
        before: Change,
        include: tuple[str, ...],
        turn: Turn,
        planned: CallResults | None = None,
    ) -> CallResults: ...

    def close(self) -> None: ...


@dataclass
class Conversation:
    name: StepName
    """Unique in the run, with the numbers of its turns."""
    role: Role
    prompt: str
    turns: ModelTurns
    tools: Tools
    opening: str
    """Our first message."""
    change: Change
    """As the last calls have left it."""
    most_turns: int = MOST_TURNS
    include: tuple[str, ...] = ()
    """Ignored files that belong to the change."""
    _number: int = 0
    """Number of the last turn under this name."""
    _count: int = 0
    _calls: int = 0
    _messages: tuple[Message, ...] = ()
    _sent: int = 0
    _cut_off: int = 0
    _watch: StallWatch = field(default_factory=StallWatch)
    _open: tuple[Reply, CallResults] | None = None
    """The reply whose form is not answered yet, and the results of its calls."""
    _following: SubmittedForm | None = None
    """The form that was submitted behind a plan, in the same reply."""
    _why: str = ""
    """Why it is over; empty: it goes on."""

    def next_form(self) -> SubmittedForm:
        """Ask until a form is submitted, or the conversation is over or pauses.

        Raises:
            BudgetSpent: The next request could cost more than is left.
            ModelRefused: The model will not go on.
            ModelUnavailable: No model answered.
        """
        if self._following is not None:
            form, self._following = self._following, None
            return form
        self._messages = self._messages or (UserTurn(text=self.opening),)
        while not self._why:
            reply, done = self._run_turn()
            if done.handed:
                self._open = reply, done
                return SubmittedForm(done.handed, done.form)
            if done.pauses:
                self._open = reply, done
                return SubmittedForm()
            self._add_messages(reply, done)
        return SubmittedForm(why=self._why)

    def answer(self, words: str, *, accepted: bool = False) -> None:
        """Answer the form that was submitted last, or say why it paused.

        The answer is a step, for replays. Calls behind a plan that is accepted are carried out
        then.
        """
        if self._open is None:
            return
        (reply, done), self._open = self._open, None
        name = self.name.named(self._number)
        said = self.turns.once(name.named("answer"), _return_words, words)
        if not done.handed:
            text = "\n".join(filter(None, (done.text, said)))
            self._add_messages(reply, replace(done, text=text))
            return
        results = list(done.results)
        results[done.at] = replace(results[done.at], content=said, failed=not accepted)
        done = replace(done, results=tuple(results))
        if accepted and results[done.at + 1 :]:
            turn = dataclasses.replace(self._make_turn(), calls=self._calls - len(reply.calls))
            given = reply, self.change, self.include, turn, done
            done = self.turns.once(name.named("rest"), self.tools.execute_calls, *given)
            self._add_results(reply, done)
            if done.handed:
                self._open = reply, done
                self._following = SubmittedForm(done.handed, done.form)
                return
        self._add_messages(reply, done)

    def rename(self, name: StepName) -> None:
        """Give the turns that follow another name; the messages stay."""
        self.name, self._number = name, 0

    def _run_turn(self) -> tuple[Reply, CallResults]:
        self._number, self._count = self._number + 1, self._count + 1
        reply = self._request_reply()
        turn = self._make_turn()
        given = reply, self.change, self.include, turn
        name = self.name.named(f"{self._number} calls")
        done = self.turns.once(name, self.tools.execute_calls, *given)
        self._calls += len(reply.calls)
        self._cut_off += reply.finish == "length"
        self._add_results(reply, done)
        ended = f"it used all its {self.most_turns} turns" if self._count >= self.most_turns else ""
        if why := self._watch.stall or ended:
            cut = f"; {self._cut_off} of its replies were cut off at the maximum of tokens"
            self._why = why + cut * bool(self._cut_off)
        return reply, done

    def _request_reply(self) -> Reply:
        """Ask for the next reply; once more with a shorter conversation if this one is too long."""
        turn = self._shorten_messages(self._make_turn())
        try:
            reply = self.turns.request_reply(turn, self._make_request())
        except ContextFull:
            turn = self._shorten_messages(dataclasses.replace(turn, is_repeated=True))
            if not turn.removed:
                raise
            reply = self.turns.request_reply(turn, self._make_request())
        self._sent = len(self._messages) + 1
        return reply

    def _shorten_messages(self, turn: Turn) -> Turn:
        shorter = memory.shorten_messages(
            self._messages,
            self.turns.find_window(self.role),
            self.change.paths,
            is_rejected=turn.is_repeated,
        )
        removed = memory.count_characters(self._messages) - memory.count_characters(shorter)
        self._messages = shorter
        return dataclasses.replace(turn, removed=removed)

    def _make_request(self) -> ChatRequest:
        return ChatRequest(
            role=self.role,
            model=self.turns.choose_model(self.role),
            system=self.prompt,
            tools=self.tools.specs,
            messages=self._messages,
            must_call=True,
        )

    def _make_turn(self) -> Turn:
        return Turn(self.name, self._number, self._sent, self._calls)

    def _add_results(self, reply: Reply, done: CallResults) -> None:
        self.change = done.change or self.change
        self._watch.add_turn(reply.calls, done.results, self.change.digest)

    def _add_messages(self, reply: Reply, done: CallResults) -> None:
        names = ", ".join(f"`{spec.name}`" for spec in self.tools.specs)
        more = self._watch.warning if reply.calls else f"Call a tool: {names}."
        text = "\n".join(filter(None, (_CUT * (reply.finish == "length"), done.text, more)))
        answer = ToolTurn(results=done.results, text=text) if reply.calls else UserTurn(text=text)
        self._messages = (*self._messages, ModelTurn(reply=reply), answer)


def _return_words(words: str) -> str:
    return words
