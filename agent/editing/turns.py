"""One turn of a conversation: a request within the budget, and its recorded reply.

A recorded reply is never requested again. Records are redacted. Requests are not, since edits must
match the files exactly.
"""

from dataclasses import dataclass

from agent.editing.run_context import RunContext
from agent.errors import ModelRefused, ModelUnusable, TimeSpent
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
from agent.models.step import StepName
from agent.text import sanitise
from agent.text.check_summary import format_count

_MOST_REFUSAL = 300
#: Number of equal turns, or of turns without a call, that ends a conversation.
_MOST_ALIKE = 3


@dataclass(frozen=True)
class Turn:
    conversation: StepName
    number: int
    """1-based."""

    def named(self, part: str) -> StepName:
        """Return the name of a step of this turn."""
        return self.conversation.named(f"{self.number} {part}")

    @property
    def facts(self) -> dict[str, object]:
        return {"conversation": self.conversation, "turn": self.number}


def find_models(run_context: RunContext) -> ChatModel:
    """Return the models of the run. Raises ModelUnusable if none is configured any more."""
    if run_context.desk.models is None:
        raise ModelUnusable(
            "No model is configured; set MERGEWRIGHT_MODEL or MERGEWRIGHT_MODEL_EDITOR."
        )
    return run_context.desk.models


def choose_model(role: Role, run_context: RunContext) -> str:
    """Return the model that is asked next; empty: the first of the chain."""
    return run_context.account.choose_model(role, find_models(run_context).list_chain(role))


def find_window(role: Role, run_context: RunContext) -> int:
    """Return the context window of the model that is asked next, in tokens."""
    models = find_models(run_context)
    first = next(iter(models.list_chain(role)), "")
    return models.find_window(choose_model(role, run_context) or first)


def describe_money_left(run_context: RunContext) -> str:
    """Describe what models may still cost; empty: there is no limit."""
    caps, spent = run_context.caps, run_context.account
    usd = "" if caps.usd is None else f", {format_usd(max(0.0, caps.usd - spent.usd))}"
    tokens = _count_tokens_left(run_context)
    return usd if tokens is None else f"{usd}, {max(0, tokens):,} tokens"


def _count_tokens_left(run_context: RunContext) -> int | None:
    most = run_context.caps.tokens
    return None if most is None else most - run_context.account.tokens


def request_reply(turn: Turn, request: ChatRequest, run_context: RunContext) -> Reply:
    """Request the next reply, or read it from its record if there is one.

    Raises:
        AgentError: As `ChatModel.reply` does.
        BudgetSpent: The request could cost more than is left.
    """
    name = turn.named("reply")
    reply = run_context.once(name, _request_reply, request, turn, run_context)
    # A refusal is billed, too.
    run_context.account.count_reply(request.role, reply)
    if reply.finish == "refused":
        refusal = run_context.desk.redactor(reply.text)
        words = sanitise.strip_terminal_codes(" ".join(refusal.split()))[:_MOST_REFUSAL]
        raise ModelRefused(f"{reply.model} refused to answer. {words}".strip())
    return reply


def _request_reply(request: ChatRequest, turn: Turn, run_context: RunContext) -> Reply:
    models, desk = find_models(run_context), run_context.desk
    if (seconds := run_context.seconds_left) < LEAST_SECONDS:
        raise TimeSpent(
            f"Only {seconds:.0f} s are left (limits.minutes) before request {turn.number} of"
            f" {turn.conversation}; it needs at least {LEAST_SECONDS:.0f} s."
        )
    left = _count_tokens_left(run_context)
    request = replace(request, most_usd=run_context.caps.usd, tokens_left=left)
    facts = {**turn.facts, "digest": request.digest}
    # Only the last message is new: the others are in earlier records.
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
    run_context.preparation.begin()
    reply = models.reply(request, desk.stopped, seconds)
    redacted = desk.redactor.redact_record(reply.model_dump(mode="json"))
    desk.events.note("model", "model.answered", **facts, reply=redacted)
    desk.say(_summarize_reply(turn, reply))
    return reply


def _summarize_reply(turn: Turn, reply: Reply) -> str:
    """Describe a reply in one line, without its text."""
    refused = reply.finish == "refused"
    calls = "it refused to answer" if refused else format_count(len(reply.calls), "call")
    price = "" if reply.cost_usd is None else f", ${reply.cost_usd:.4f}"
    line = (
        f"{turn.conversation}, turn {turn.number}: {calls}, {reply.usage.tokens:,} tokens{price},"
        f" {reply.seconds:.1f} s by {reply.model}"
    )
    return "; ".join((line, *(f"no answer from {why}" for why in reply.passed_over)))


def find_end(messages: tuple[Message, ...], most_turns: int) -> str:
    """Explain why a conversation is over; empty: it is not."""
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
    """Count the last turns, in a row, that have the calls and results of an earlier turn.

    The arguments of calls that failed or were refused are not compared.
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
