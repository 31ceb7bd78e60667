"""Ask a model once: within the budget, on record, as one durable step.

A reply that is on record is never asked for again. What is written into the ledger is redacted;
what is sent is not, since edits have to match files to the letter.
"""

from __future__ import annotations

import hashlib
import json

from agent import cleaning
from agent.chat import ChatRequest, Message, Reply, Role, ToolSpec
from agent.domain import Record
from agent.editing import budget
from agent.editing.budget import Limits, Spent
from agent.editing.job import Job
from agent.errors import ModelRefused
from agent.ports import ChatModel
from agent.services import Services

#: Characters of a reply; nobody writes an edit of this length, and each is sent again and again.
_MOST = 500_000
#: Of a reply; each has to be answered, though a few dozen at most are carried out.
_MOST_CALLS = 200
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
    prompts: dict[str, str]
    """sha256 of each prompt file that the request is made of, by name."""
    told: int
    """Messages that an earlier turn of the conversation has sent already."""


def reply(
    job: Job,
    turn: Turn,
    role: Role,
    system: str,
    tools: tuple[ToolSpec, ...],
    messages: tuple[Message, ...],
) -> Reply:
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
        job.require_proofs()
    request = ChatRequest(
        role=role,
        category=job.category,
        model=job.first_in_line(role),
        system=system,
        tools=tools,
        messages=messages,
        must_call=True,
    )
    name = f"{turn.conversation} {turn.number} reply"
    most = job.limits.within(
        job.step.seconds_left,
        kept=job.step.kept,
        here=job.base.run.snapshot is None,
    )
    answer = job.step(name, _ask, request, turn, job.spent, most, job.models, job.svc)
    # What is not taken has been paid for all the same, so it is on record and counted first.
    job.take(role, answer)
    if answer.finish == "refused":
        said = job.svc.redactor(answer.text)
        words = cleaning.terminal(" ".join(said.split()))[:_MOST_WORDS]
        raise ModelRefused(f"{answer.model} refused to answer. {words}".strip())
    _require_measure(answer, _purpose(turn))
    return answer


def _ask(
    request: ChatRequest,
    turn: Turn,
    spent: Spent,
    most: Limits,
    models: ChatModel,
    svc: Services,
) -> Reply:
    budget.require(spent, models.worst(request), most, purpose=_purpose(turn))
    digest = request.digest
    _record_question(request, digest, turn, models, svc)
    answer = models.reply(request, svc.stopped, svc.hear, most.seconds)
    kept = svc.redactor.inside(answer)
    facts = {"conversation": turn.conversation, "turn": turn.number, "digest": digest}
    redacted = {"redacted": True} if kept != answer else {}
    svc.record("model.answered", {**facts, **redacted, "reply": kept.model_dump(mode="json")})
    svc.say(_told(turn, answer))
    return answer


def _purpose(turn: Turn) -> str:
    return f"turn {turn.number} of {turn.conversation}"


def _require_measure(answer: Reply, purpose: str) -> None:
    """Refuse what nobody would write; it would be sent again and again."""
    texts = (text for call in answer.calls for text in (call.call_id, call.name, call.arguments))
    length, count = len(answer.text) + sum(map(len, texts)), len(answer.calls)
    for found, most, what in ((length, _MOST, "characters"), (count, _MOST_CALLS, "calls")):
        if found > most:
            raise ModelRefused(
                f"{answer.model} answered {purpose} with {found:,} {what}; {most:,} are the most."
            )


def _record_question(
    request: ChatRequest, digest: str, turn: Turn, models: ChatModel, svc: Services
) -> None:
    new = request.messages[turn.told :]
    kept = svc.redactor.inside(new)
    facts = {
        "conversation": turn.conversation,
        "turn": turn.number,
        "role": request.role,
        "model_chain": models.chain(request.role, request.category),
        "digest": digest,
        "system_sha256": _sha256(request.system),
        "tools_sha256": _sha256(json.dumps([tool.model_dump() for tool in request.tools])),
        "prompts": turn.prompts,
        "messages": [message.model_dump(mode="json") for message in kept],
        "most_tokens": request.most_tokens,
    }
    if turn.number == 1:
        facts["system"] = svc.redactor(request.system)
    redacted = {"redacted": True} if kept != new else {}
    svc.record("model.asked", {**facts, **redacted})


def _told(turn: Turn, answer: Reply) -> str:
    """Say a reply in one line of ours; what a model writes is not in it."""
    calls = f"{len(answer.calls)} call{'s' * (len(answer.calls) != 1)}"
    if answer.finish == "refused":
        calls = "it refused to answer"
    price = "" if answer.cost_usd is None else f", ${answer.cost_usd:.4f}"
    told = (
        f"{turn.conversation}, turn {turn.number}: {calls}, {answer.usage.tokens:,} tokens{price},"
        f" {answer.seconds:.1f} s by {answer.model}"
    )
    # In one line: a terminal shows the last one of a step.
    return "; ".join((told, *answer.stands_in))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
