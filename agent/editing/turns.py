"""One turn of a conversation: a model is asked within the budget, and its reply is on record.

A reply that is on record is never asked for again. What is written into the ledger is redacted;
what is sent is not, since edits have to match files to the letter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.desk import Desk
from agent.errors import ModelRefused, ModelUnusable
from agent.llm.budget import SpendingCaps, fit_request, require_budget
from agent.models.chat import (
    ChatModel,
    ChatRequest,
    Reply,
    Role,
    ToolCall,
    ToolResult,
    WorstCase,
)
from agent.models.model_use import format_usd
from agent.models.step import Once, StepName
from agent.text import sanitise
from agent.text.check_summary import format_count

_MOST_REFUSAL = 300
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
    """Calls of the conversation before it."""
    removed: int = 0
    """Characters of old results that the request leaves out for the first time."""
    is_repeated: bool = False
    """Whether the same turn was asked for before, and the request was too long."""

    @property
    def name(self) -> StepName:
        """Name of the step that requests the reply."""
        again = " shorter" * self.is_repeated
        return self.conversation.named(f"{self.number}{again} reply")

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
        if caps.tokens is None:
            return usd
        return f"{usd}, {max(0, caps.tokens - spent.tokens):,} tokens"

    def request_reply(self, turn: Turn, request: ChatRequest) -> Reply:
        """Have the next reply, from the record where there is one.

        Raises:
            AgentError: As `ChatModel.reply` does.
            BudgetSpent: The request could cost more than is left.
        """
        reply = self.once(turn.name, self._request_reply, request, turn)
        # A refusal has been paid for as well.
        self.desk.facts.account.count_reply(request.role, reply)
        if reply.finish == "refused":
            said = self.desk.redactor(reply.text)
            words = sanitise.strip_terminal_codes(" ".join(said.split()))[:_MOST_REFUSAL]
            raise ModelRefused(f"{reply.model} refused to answer. {words}".strip())
        return reply

    def _request_reply(self, request: ChatRequest, turn: Turn) -> Reply:
        models, desk, seconds = self.models, self.desk, self.find_seconds_left()
        purpose = f"request {turn.number} of {turn.conversation}"

        def require(request: ChatRequest) -> WorstCase:
            worst, spent = models.estimate_worst(request), desk.facts.account
            return require_budget(spent, worst, self.caps, seconds, purpose=purpose)

        request, worst = fit_request(request, require)
        facts = {**turn.facts, "digest": request.digest}
        new = [message.model_dump(mode="json") for message in request.messages[turn.sent :]]
        desk.record_words(
            "model.asked",
            {
                **facts,
                "role": request.role,
                "model_chain": models.list_chain(request.role),
                "removed_characters": turn.removed,
                "most_tokens": request.most_tokens,
                "reserved_usd": worst.usd,
            },
            messages=new,
            **({"system": request.system} if turn.number == 1 else {}),
        )
        if turn.removed:
            desk.say(
                f"{turn.conversation}: {turn.removed:,} characters of old results were removed,"
                " since the conversation fills most of the model's context window"
            )
        self.begin()
        reply = models.reply(request, desk.stopped, seconds)
        desk.record_words("model.answered", facts, reply=reply.model_dump(mode="json"))
        desk.say(_summarize_reply(turn, reply, worst))
        return reply


def _summarize_reply(turn: Turn, reply: Reply, worst: WorstCase) -> str:
    """Describe a reply in one line, without the model's words."""
    refused = reply.finish == "refused"
    calls = "it refused to answer" if refused else format_count(len(reply.calls), "call")
    price = "" if reply.cost_usd is None else f", ${reply.cost_usd:.4f}"
    price += f" of ${worst.usd:.4f} reserved" if price and worst.usd is not None else ""
    line = (
        f"{turn.conversation}, turn {turn.number}: {calls}, {reply.usage.tokens:,} tokens{price},"
        f" {reply.seconds:.1f} s by {reply.model}"
    )
    return "; ".join((line, *(f"no answer from {why}" for why in reply.passed_over)))


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
