"""One turn of a conversation: asked within the budget, on record, from a history that is trimmed.

A reply that is on record is never asked for again. What is written into the ledger is redacted;
what is sent is not, since edits have to match files to the letter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.editing.run_context import RunContext
from agent.errors import ModelRefused
from agent.llm.budget import require_budget
from agent.models.chat import ChatRequest, Message, Reply, ToolCall, ToolResult, ToolTurn
from agent.models.step import Step, StepName
from agent.text import sanitise
from agent.text.check_summary import format_count

_MOST_REFUSAL = 300
#: Turns whose answers stay whole; characters of older ones with which a cut begins, and that it
#: leaves. A cut changes the prefix that providers cache, so several answers are cut at once.
_WHOLE_TURNS, MOST_OLD, _LEFT_OLD = 3, 6_500, 2_000
_SHORT_RESULT = 300
#: The answers that may be cut, each with what then stands in their place.
_CUTTABLE = {"bash": "call again", "submit": "of an earlier change"}
#: Turns in a row that may bring nothing new; a turn repeated word for word counts as several.
_MOST_IDLE, _REPEATED = 8, 4
_MOST_WITHOUT_CALL = 3


@dataclass(frozen=True)
class Turn:
    conversation: StepName
    number: int
    """1-based."""
    sent: int
    """Messages that an earlier turn of the conversation has sent already."""
    calls: int = 0
    """Calls before it, since the conversation or the work on its plan began."""

    @property
    def facts(self) -> dict[str, object]:
        return {"conversation": self.conversation, "turn": self.number}


def request_reply(run_context: RunContext, turn: Turn, request: ChatRequest) -> Reply:
    """Have the next reply, from the record where there is one.

    Raises:
        AgentError: As `ChatModel.reply` does.
        BudgetSpent: The request could cost more than is left.
        RepositoryUnfit: Nothing that a model makes could be shown to be right.
    """
    if turn.conversation.step not in (Step.PLAN, Step.SCOUT):
        run_context.require_proofs()
    name = turn.conversation.named(f"{turn.number} reply")
    reply = run_context.once(name, _ask_model, request, turn, run_context)
    # A refusal has been paid for as well.
    run_context.account.count_reply(request.role, reply)
    if reply.finish == "refused":
        said = run_context.desk.redactor(reply.text)
        words = sanitise.strip_terminal_codes(" ".join(said.split()))[:_MOST_REFUSAL]
        raise ModelRefused(f"{reply.model} refused to answer. {words}".strip())
    return reply


def _ask_model(request: ChatRequest, turn: Turn, run_context: RunContext) -> Reply:
    models, desk, seconds = run_context.models, run_context.desk, run_context.seconds_left
    purpose = f"turn {turn.number} of {turn.conversation}"
    worst = models.estimate_worst(request)
    require_budget(run_context.account, worst, run_context.limits, seconds, purpose=purpose)
    facts = {**turn.facts, "digest": request.digest}
    new = [message.model_dump(mode="json") for message in request.messages[turn.sent :]]
    desk.record_words(
        "model.asked",
        {**facts, "role": request.role, "model_chain": models.list_chain(request.role)},
        messages=new,
        **({"system": request.system} if turn.number == 1 else {}),
    )
    if turn.conversation.step is Step.PLAN:
        run_context.preparation.begin()
    reply = models.reply(request, desk.stopped, seconds)
    desk.record_words("model.answered", facts, reply=reply.model_dump(mode="json"))
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


def trim_messages(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Cut the longest of the old answers, once these are too much, until they are few.

    What is cut for some messages is cut for all that begin with them: the prefix stays the same
    between one cut and the next, also after a restart.
    """
    returned = [place for place, one in enumerate(messages) if isinstance(one, ToolTurn)]
    old: dict[tuple[int, int], int] = {}
    """Characters, by the place of the message and that of the result."""
    cut: set[tuple[int, int]] = set()
    judged: dict[tuple[int, int], int] = {}
    for place in returned[:-_WHOLE_TURNS]:
        for at, result in enumerate(_list_results(messages[place])):
            long = {(place, at): len(result.content)} if len(result.content) > _SHORT_RESULT else {}
            if result.name == "submit":
                # What the last one was answered is still open.
                old, judged = old | judged, long
            elif result.name in _CUTTABLE:
                old |= long
        if sum(old.values()) > MOST_OLD:
            for key in sorted(old, key=lambda one: (-old[one], one)):
                if sum(old.values()) <= _LEFT_OLD:
                    break
                cut.add(key)
                del old[key]
    return tuple(_cut_message(one, place, cut) for place, one in enumerate(messages))


def _list_results(message: Message) -> tuple[ToolResult, ...]:
    return message.results if isinstance(message, ToolTurn) else ()


def _cut_message(message: Message, place: int, cut: set[tuple[int, int]]) -> Message:
    if not isinstance(message, ToolTurn):
        return message
    results = (
        _cut_result(result) if (place, at) in cut else result
        for at, result in enumerate(message.results)
    )
    return message.model_copy(update={"results": tuple(results)})


def _cut_result(result: ToolResult) -> ToolResult:
    first = result.content.partition("\n")[0][:120]
    words = f"{first}\n[{len(result.content):,} characters cut; {_CUTTABLE[result.name]}]"
    return result.model_copy(update={"content": words})


@dataclass
class StallWatch:
    """Notices turns without effect, and turns without a call."""

    _known: set[object] = field(default_factory=set)
    """Answers to calls, digests of the change, and whole turns."""
    _idle: int = 0
    _without_call: int = 0

    def add_turn(
        self, calls: tuple[ToolCall, ...], results: tuple[ToolResult, ...], digest: str
    ) -> None:
        """Add a turn; a new digest of the change, or a new answer to a call, is progress."""
        self._without_call = 0 if calls else self._without_call + 1
        pairs = zip(calls, results, strict=False)
        whole = tuple((call.name, call.arguments, result.content) for call, result in pairs)
        worked = {said for said, result in zip(whole, results, strict=False) if not result.failed}
        more = _REPEATED if (whole, digest) in self._known else 1
        self._idle = 0 if {digest, *worked} - self._known else self._idle + more
        self._known |= {digest, (whole, digest), *worked}

    @property
    def stall(self) -> str:
        """Why the conversation has to end; empty: it goes on."""
        if self._without_call >= _MOST_WITHOUT_CALL:
            return (
                f"the model answered {self._without_call} times without calling a tool; try"
                " another model"
            )
        return "the last turns brought nothing new" if self._idle >= _MOST_IDLE else ""

    @property
    def warning(self) -> str:
        """Words for the model before it is stopped; empty: there is no need."""
        if not _MOST_IDLE // 2 <= self._idle < _MOST_IDLE:
            return ""
        return (
            "The last turns brought nothing new. Try something else, or finish with what you"
            " have; otherwise you will be stopped."
        )
