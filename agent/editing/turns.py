"""One turn of a conversation: a model is asked within the budget, and its reply is on record.

A reply that is on record is never asked for again. What is recorded is redacted; what
is sent is not, since edits have to match files to the letter.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.desk import Desk
from agent.errors import ModelRefused, ModelUnusable, TimeSpent
from agent.llm.budget import SpendingCaps
from agent.models.chat import (
    LEAST_SECONDS,
    ChatModel,
    ChatRequest,
    Message,
    ModelTurn,
    Reply,
    Role,
    ToolTurn,
)
from agent.models.model_use import format_usd
from agent.models.record import replace
from agent.models.step import Once, StepName
from agent.text import sanitise
from agent.text.check_summary import format_count

_MOST_REFUSAL = 300
#: So many turns alike, or without a call, end a conversation.
_MOST_ALIKE = 3


@dataclass(frozen=True)
class Turn:
    conversation: StepName
    number: int
    """1-based."""

    def named(self, part: str) -> StepName:
        """Name the step of a part of it."""
        return self.conversation.named(f"{self.number} {part}")

    @property
    def facts(self) -> dict[str, object]:
        return {"conversation": self.conversation, "turn": self.number}


@dataclass(frozen=True)
class ModelTurns:
    """Asks the models of a run for the turns of its conversations."""

    once: Once
    desk: Desk
    caps: SpendingCaps
    find_seconds_left: Callable[[], float]
    """What models may still use of the run's minutes."""
    begin: Callable[[], object] = lambda: None
    """Called before each request."""

    @property
    def models(self) -> ChatModel:
        """The models of the run; ModelUnusable: none is configured any more."""
        if self.desk.models is None:
            raise ModelUnusable(
                "No model is configured; set MERGEWRIGHT_MODEL or MERGEWRIGHT_MODEL_EDITOR."
            )
        return self.desk.models

    def choose_model(self, role: Role) -> str:
        """Name the model that is asked next; empty: the first of the chain."""
        return self.desk.facts.account.choose_model(role, self.models.list_chain(role))

    def find_window(self, role: Role) -> int:
        """Return the tokens of the context of the model that is asked next."""
        chain = self.models.list_chain(role)
        return self.models.find_window(self.choose_model(role) or next(iter(chain), ""))

    def describe_money_left(self) -> str:
        """Say what models may still cost; empty: there is no limit."""
        spent, caps = self.desk.facts.account, self.caps
        usd = "" if caps.usd is None else f", {format_usd(max(0.0, caps.usd - spent.usd))}"
        tokens = self._count_tokens_left()
        return usd if tokens is None else f"{usd}, {max(0, tokens):,} tokens"

    def _count_tokens_left(self) -> int | None:
        most = self.caps.tokens
        return None if most is None else most - self.desk.facts.account.tokens

    def request_reply(self, name: StepName, turn: Turn, request: ChatRequest) -> Reply:
        """Have the next reply, from the record where there is one.

        Raises:
            AgentError: As `ChatModel.reply` does.
            BudgetSpent: The request could cost more than is left.
        """
        reply = self.once(name, self._request_reply, request, turn)
        # A refusal has been paid for as well.
        self.desk.facts.account.count_reply(request.role, reply)
        if reply.finish == "refused":
            said = self.desk.redactor(reply.text)
            words = sanitise.strip_terminal_codes(" ".join(said.split()))[:_MOST_REFUSAL]
            raise ModelRefused(f"{reply.model} refused to answer. {words}".strip())
        return reply

    def _request_reply(self, request: ChatRequest, turn: Turn) -> Reply:
        models, desk, seconds = self.models, self.desk, self.find_seconds_left()
        if seconds < LEAST_SECONDS:
            raise TimeSpent(
                f"Only {seconds:.0f} s are left (limits.minutes) before request {turn.number} of"
                f" {turn.conversation}; it needs at least {LEAST_SECONDS:.0f} s."
            )
        left = self._count_tokens_left()
        request = replace(request, most_usd=self.caps.usd, tokens_left=left)
        facts = {**turn.facts, "digest": request.digest}
        # The last one is ours; all before it were sent with the reply before, or are that reply.
        new = [request.messages[-1].model_dump(mode="json")]
        words = {"messages": new} | ({"system": request.system} if turn.number == 1 else {})
        desk.events.note(
            "model",
            "model.asked",
            **facts,
            role=request.role,
            model_chain=models.list_chain(request.role),
            **desk.redactor.redact_record(words),
        )
        self.begin()
        reply = models.reply(request, desk.stopped, seconds)
        redacted = desk.redactor.redact_record(reply.model_dump(mode="json"))
        desk.events.note("model", "model.answered", **facts, reply=redacted)
        desk.say(_summarize_reply(turn, reply))
        return reply


def _summarize_reply(turn: Turn, reply: Reply) -> str:
    """Describe a reply in one line, without the model's words."""
    refused = reply.finish == "refused"
    calls = "it refused to answer" if refused else format_count(len(reply.calls), "call")
    price = "" if reply.cost_usd is None else f", ${reply.cost_usd:.4f}"
    line = (
        f"{turn.conversation}, turn {turn.number}: {calls}, {reply.usage.tokens:,} tokens{price},"
        f" {reply.seconds:.1f} s by {reply.model}"
    )
    return "; ".join((line, *(f"no answer from {why}" for why in reply.passed_over)))


def find_end(messages: tuple[Message, ...], most_turns: int) -> str:
    """Say why a conversation is over; empty: it goes on."""
    replies = [message.reply for message in messages if isinstance(message, ModelTurn)]
    if len(replies) >= _MOST_ALIKE and not any(reply.calls for reply in replies[-_MOST_ALIKE:]):
        why = f"the model answered {_MOST_ALIKE} times without calling a tool; try another model"
    elif count_idle(messages) >= _MOST_ALIKE - 1:
        why = "the last turns brought nothing new"
    elif len(replies) >= most_turns:
        why = f"it used all its {most_turns} turns"
    else:
        return ""
    cut = sum(reply.finish == "length" for reply in replies)
    return why + f"; {cut} of its replies were cut off at the maximum of tokens" * bool(cut)


def count_idle(messages: tuple[Message, ...]) -> int:
    """Count the last turns whose calls and results are those of an earlier turn.

    Of a call that was not carried out only the answer counts, however it was worded.
    """
    earlier, count = set[object](), 0
    for asked, answer in zip(messages[1::2], messages[2::2], strict=False):
        if isinstance(asked, ModelTurn) and isinstance(answer, ToolTurn):
            whole = tuple(
                (call.name, "" if result.failed else call.arguments, result.content)
                for call, result in zip(asked.reply.calls, answer.results, strict=False)
            )
            count = count + 1 if whole in earlier else 0
            earlier.add(whole)
    return count
