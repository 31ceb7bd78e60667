"""The loop: ask, carry out what is called, ask again, until a form is handed in.

Each reply is a durable step, each batch of calls another. All messages are made of their results.
So a run that resumes after a kill sends the same messages and repeats no request.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.editing import turns
from agent.editing.run_context import RunContext
from agent.editing.tools import ToolExecutor
from agent.editing.turns import StallWatch, Turn
from agent.models.change import Change
from agent.models.chat import (
    MOST_TOKENS,
    CallResults,
    ChatRequest,
    Message,
    ModelTurn,
    Reply,
    Role,
    ToolTurn,
    UserTurn,
)
from agent.models.step import StepName

MOST_TURNS = 100
_CUT = f"Your reply was cut off: the maximum is {MOST_TOKENS:,} tokens. Write less at a time."


@dataclass(frozen=True)
class SubmittedForm:
    """A form that a model hands in; without a name its conversation is over, for a reason."""

    name: str = ""
    form: str = ""
    """As JSON."""
    why: str = ""


@dataclass
class Conversation:
    name: StepName
    """Unique in the run, with the numbers of its turns."""
    role: Role
    prompt: str
    tools: ToolExecutor
    opening: str
    """Our first message."""
    change: Change
    """As the last calls have left it."""
    most_turns: int = MOST_TURNS
    include: tuple[str, ...] = ()
    """Ignored files that belong to the change."""
    _number: int = 0
    """Of the last turn under this name."""
    _count: int = 0
    _calls: int = 0
    """Calls since it began, or its plan was agreed."""
    _messages: tuple[Message, ...] = ()
    _sent: int = 0
    _cut_off: int = 0
    _watch: StallWatch = field(default_factory=StallWatch)
    _open: tuple[Reply, CallResults] | None = None
    """The reply whose form is not answered yet, and the results of its calls."""
    _following: SubmittedForm | None = None
    """The form that was handed in behind a plan, in the same reply."""
    _why: str = ""
    """Why it is over; empty: it goes on."""

    def next_form(self, run_context: RunContext) -> SubmittedForm:
        """Ask until a form is handed in, or the conversation is over.

        Raises:
            BudgetSpent: The next request could cost more than is left.
            ModelRefused: The model will not go on.
            ModelUnavailable: Nobody answered.
        """
        if self._following is not None:
            form, self._following = self._following, None
            return form
        self._messages = self._messages or (UserTurn(text=self.opening),)
        while not self._why:
            reply, done = self._take_turn(run_context)
            if done.handed:
                self._open = reply, done
                return SubmittedForm(done.handed, done.form)
            self._add_messages(reply, done)
        return SubmittedForm(why=self._why)

    def answer(self, words: str, run_context: RunContext, *, accepted: bool = False) -> None:
        """Answer the form that was handed in last; the answer is a step, for replays.

        Calls behind a plan that is accepted are carried out then.
        """
        if self._open is None:
            return
        (reply, done), self._open = self._open, None
        name = self.name.named(self._number)
        said = run_context.once(name.named("answer"), _return_words, words)
        results = list(done.results)
        update = {"content": said, "failed": not accepted}
        results[done.at] = results[done.at].model_copy(update=update)
        done = done.model_copy(update={"results": tuple(results)})
        if accepted:
            self._calls = 0
        if accepted and results[done.at + 1 :]:
            turn = self._make_turn()
            given = reply, self.change, self.include, turn, done
            done = run_context.once(name.named("rest"), self.tools.execute_calls, *given)
            self._take_results(reply, done, run_context)
            if done.handed:
                self._open = reply, done
                self._following = SubmittedForm(done.handed, done.form)
                return
        self._add_messages(reply, done)

    def rename(self, name: StepName) -> None:
        """Give the turns that follow another name; the messages stay."""
        self.name, self._number = name, 0

    def _take_turn(self, run_context: RunContext) -> tuple[Reply, CallResults]:
        self._number, self._count = self._number + 1, self._count + 1
        turn = self._make_turn()
        request = ChatRequest(
            role=self.role,
            model=run_context.choose_model(self.role),
            system=self.prompt,
            tools=self.tools.specs,
            messages=turns.trim_messages(self._messages),
            must_call=True,
        )
        reply = turns.request_reply(run_context, turn, request)
        self._sent = len(self._messages) + 1
        given = reply, self.change, self.include, turn
        done = run_context.once(
            self.name.named(f"{self._number} calls"), self.tools.execute_calls, *given
        )
        self._cut_off += reply.finish == "length"
        self._take_results(reply, done, run_context)
        ended = f"it used all its {self.most_turns} turns" if self._count >= self.most_turns else ""
        if why := self._watch.stall or ended:
            cut = f"; {self._cut_off} of its replies were cut off at {MOST_TOKENS:,} tokens"
            self._why = why + cut * bool(self._cut_off)
        return reply, done

    def _make_turn(self) -> Turn:
        numbers = {"number": self._number, "sent": self._sent, "calls": self._calls}
        return Turn(conversation=self.name, **numbers)

    def _take_results(self, reply: Reply, done: CallResults, run_context: RunContext) -> None:
        self.change = run_context.history.latest = done.change or self.change
        self._calls += len(reply.calls)
        self._watch.add_turn(reply.calls, done.results, self.change.digest)

    def _add_messages(self, reply: Reply, done: CallResults) -> None:
        names = ", ".join(f"`{spec.name}`" for spec in self.tools.specs)
        more = self._watch.warning if reply.calls else f"Call a tool: {names}."
        text = "\n".join(filter(None, (_CUT * (reply.finish == "length"), done.text, more)))
        answer = ToolTurn(results=done.results, text=text) if reply.calls else UserTurn(text=text)
        self._messages = (*self._messages, ModelTurn(reply=reply), answer)


def _return_words(words: str) -> str:
    return words
