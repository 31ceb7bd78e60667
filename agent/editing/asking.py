"""Ask a model once: within the budget, on record, as one durable step.

A reply that is on record is never asked for again. What is written into the ledger is redacted;
what is sent is not, since edits have to match files to the letter.
"""

from __future__ import annotations

from agent.editing import budget
from agent.editing.run_context import RunContext
from agent.errors import ModelRefused
from agent.models.chat import ChatRequest, Reply
from agent.models.record import Record
from agent.text import sanitise
from agent.text.check_summary import count_things

#: The one reply that nothing is made ready for: from ticket and outline, to plan or to decline.
TRIAGE = ("plan", 1)
#: The conversation that makes the base ready.
SCOUT = "scout"
#: Of a refusal, in the words of the model.
_MOST_WORDS = 300


class Turn(Record):
    """Which request of which conversation it is."""

    conversation: str
    number: int
    """1-based."""
    told: int
    """Messages that an earlier turn of the conversation has sent already."""

    @property
    def facts(self) -> dict[str, object]:
        """Name it in an event of the ledger."""
        return {"conversation": self.conversation, "turn": self.number}

    @property
    def purpose(self) -> str:
        """Name it in words."""
        return f"turn {self.number} of {self.conversation}"


def request_reply(run_context: RunContext, turn: Turn, request: ChatRequest) -> Reply:
    """Have the next reply, from the record where there is one.

    Raises:
        BudgetSpent: The request could cost more than is left.
        TimeSpent: There was no reply within the minutes of the run, or there could be none.
        ModelRefused: The model will not answer.
        ModelUnavailable: Nobody answered.
        ModelUnusable: The operator has to act.
        RepositoryUnfit: Nothing that a model makes could be shown to be right.
    """
    if turn.conversation != SCOUT and (turn.conversation, turn.number) != TRIAGE:
        run_context.require_proofs()
    name = f"{turn.conversation} {turn.number} reply"
    answer = run_context.step(name, _ask_model, request, turn, run_context)
    # What is not taken has been paid for all the same, so it is on record and counted first.
    run_context.count_reply(request.role, answer)
    if answer.finish == "refused":
        said = run_context.svc.redactor(answer.text)
        words = sanitise.strip_terminal_codes(" ".join(said.split()))[:_MOST_WORDS]
        raise ModelRefused(f"{answer.model} refused to answer. {words}".strip())
    return answer


def _ask_model(request: ChatRequest, turn: Turn, run_context: RunContext) -> Reply:
    models, svc = run_context.models, run_context.svc
    seconds = max(0.0, run_context.step.seconds_left - run_context.reserved_seconds)
    worst = models.estimate_worst(request)
    budget.require_budget(
        run_context.usage, worst, run_context.limits, seconds, purpose=turn.purpose
    )
    _record_question(request, turn, run_context)
    answer = models.reply(request, svc.stopped, svc.hear, seconds)
    kept = svc.redactor.redact_record(answer)
    redacted = {"redacted": True} if kept != answer else {}
    facts = {**turn.facts, "digest": request.digest, "reply": kept.model_dump(mode="json")}
    svc.record("model.answered", {**facts, **redacted})
    svc.say(_summarize_reply(turn, answer))
    return answer


def _record_question(request: ChatRequest, turn: Turn, run_context: RunContext) -> None:
    redactor, new = run_context.svc.redactor, request.messages[turn.told :]
    kept = redactor.redact_record(new)
    facts = {
        **turn.facts,
        "digest": request.digest,
        "role": request.role,
        "model_chain": run_context.models.list_chain(request.role, request.category),
        "messages": [message.model_dump(mode="json") for message in kept],
    }
    if turn.number == 1:
        facts["system"] = redactor(request.system)
    redacted = {"redacted": True} if kept != new else {}
    run_context.svc.record("model.asked", {**facts, **redacted})


def _summarize_reply(turn: Turn, answer: Reply) -> str:
    """Say a reply in one line of ours; what a model writes is not in it."""
    calls = count_things(len(answer.calls), "call")
    if answer.finish == "refused":
        calls = "it refused to answer"
    price = "" if answer.cost_usd is None else f", ${answer.cost_usd:.4f}"
    said = (
        f"{turn.conversation}, turn {turn.number}: {calls}, {answer.usage.tokens:,} tokens{price},"
        f" {answer.seconds:.1f} s by {answer.model}"
    )
    # In one line: a terminal shows the last one of a step.
    return "; ".join((said, *answer.stands_in))
