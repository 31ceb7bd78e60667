"""The loop: request a reply, carry out its calls, and repeat until a form is submitted.

Each reply is a durable step, and so is the work of its calls; messages are made from the results of
these steps. So a run that resumes after a kill sends the same messages and repeats no request.
"""

from dataclasses import dataclass

from agent.editing import forms, memory, turns
from agent.editing.run_context import RunContext
from agent.editing.tools import ToolExecutor
from agent.editing.turns import Turn
from agent.errors import EditFailed
from agent.models.change import Change
from agent.models.chat import (
    CallResults,
    ChatRequest,
    Message,
    ModelTurn,
    Reply,
    Role,
    ToolTurn,
    UserTurn,
)
from agent.models.record import replace
from agent.models.step import StepName

_CUT = "Your reply was cut off: it reached the maximum of tokens. Write less at a time."
_IDLE = "This turn brought nothing new. After another one you are stopped: try something else."


class ConversationOver(EditFailed):
    """No turns are left, or the model repeats itself; the message is part of a sentence."""


@dataclass
class Conversation:
    name: StepName
    """Prefix of the names of its steps, unique in the run."""
    role: Role
    prompt: str
    run_context: RunContext
    tools: ToolExecutor
    change: Change
    """The change after the last calls."""
    messages: tuple[Message, ...]
    """Messages of ours and of the model alternate; the first is ours."""
    most_turns: int = 100

    @property
    def next_turn(self) -> int:
        """Number of the next turn, from 1."""
        return len(self.messages) // 2 + 1

    def ask(self) -> forms.Form:
        """Return the next submitted form.

        Raises:
            ConversationOver: No turns are left, or the model repeats itself.
            BudgetSpent: The next request could cost more than is left.
            ModelRefused: The model refuses.
            ModelUnavailable: No model answered.
        """
        while True:
            if why := turns.find_end(self.messages, self.most_turns):
                raise ConversationOver(why)
            turn = Turn(self.name, self.next_turn)
            window = turns.find_window(self.role, self.run_context)
            self.messages = memory.shorten_messages(self.messages, window)
            reply = self._request_reply(turn)
            once, name = self.run_context.once, turn.named("calls")
            done = once(name, self.tools.carry_out, reply, self.change, turn)
            self.change = done.change or self.change
            self._add_messages(reply, done)
            if done.form_name:
                return self.tools.read_form(done)

    def answer(self, words: str) -> None:
        """Answer the last submitted form if it has no answer.

        The answer is a step: it states the minutes and money left, which differ if a run resumes.
        """
        last = self.messages[-1]
        if not isinstance(last, ToolTurn) or all(result.content for result in last.results):
            return
        name = Turn(self.name, self.next_turn - 1).named("answer")
        answer = self.run_context.once(name, _return_words, words)
        results = tuple(
            result if result.content else replace(result, content=answer) for result in last.results
        )
        self.messages = (*self.messages[:-1], replace(last, results=results))

    def _request_reply(self, turn: Turn) -> Reply:
        request = ChatRequest(
            role=self.role,
            model=turns.choose_model(self.role, self.run_context),
            system=self.prompt,
            tools=self.tools.specs,
            messages=self.messages,
            must_call=True,
        )
        return turns.request_reply(turn, request, self.run_context)

    def _add_messages(self, reply: Reply, done: CallResults) -> None:
        names = ", ".join(f"`{spec.name}`" for spec in self.tools.specs)
        notes = [_CUT * (reply.finish == "length"), done.text]
        notes.append("" if reply.calls else f"Call a tool: {names}.")
        answer = ToolTurn(results=done.results) if reply.calls else UserTurn(text="")
        messages = (*self.messages, ModelTurn(reply=reply), answer)
        notes.append(_IDLE * bool(turns.count_idle(messages)))
        text = "\n".join(filter(None, notes))
        self.messages = (*messages[:-1], replace(answer, text=text))


def _return_words(words: str) -> str:
    return words
