"""Conversations with a model as records: JSON both ways, the same for every provider.

A conversation is a tuple of messages that only grows at its end. `Reply.raw` has what a provider
must get back unchanged (signatures of thoughts, ids); only `agent.llm` reads it.
"""

import hashlib
from typing import Annotated, Any, Literal, NamedTuple, Protocol, cast, get_args

from pydantic import Field

from agent.models.change import Change
from agent.models.record import Record
from agent.models.sandbox import Flag

Role = Literal["editor", "reviewer"]
#: Maximum tokens of one reply, thought included.
MOST_TOKENS = 32_768
LEAST_TOKENS = 4_096
"""Minimum tokens of one reply when little money is left: enough for thought and an edit."""
LEAST_SECONDS = 10.0
"""Minimum time for a request; with less, the reply would be billed and arrive too late."""


def get_provider(name: str) -> str:
    """Return the provider in a model's name, without the protocol: `openai` of `openai-chat:x`."""
    return name.partition(":")[0].removesuffix("-chat").removesuffix("-responses")


Thinking = Literal["off", "on", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How much a model thinks before it answers. off: not at all, or as little as it can; on: the
provider's default."""


def split_level(name: str) -> tuple[str, Thinking | None]:
    """Split `provider:name@high` into model and level; None: the provider decides."""
    model, _, level = name.rpartition("@")
    return (model, cast(Thinking, level)) if level in get_args(Thinking) else (name, None)


class ToolSpec(Record):
    name: str
    description: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments, an object."""


class ToolCall(Record):
    """One call of a tool as the model wrote it; untrusted."""

    call_id: str
    name: str
    arguments: str
    """JSON as it was received; it may be invalid."""


class ToolResult(Record):
    call_id: str
    name: str
    content: str
    failed: bool = False
    """Whether the call was refused or failed; the content says how to correct it."""


class Usage(Record):
    input_tokens: int = 0
    """All tokens of the request, those from the provider's cache included."""
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Reply(Record):
    model: str
    """`provider:name` of the model that answered; with `@level` where thinking is set."""
    text: str
    calls: tuple[ToolCall, ...] = ()
    finish: Literal["stop", "calls", "length", "refused"]
    """length: it was cut at its maximum of tokens."""
    usage: Usage
    cost_usd: float | None
    """None: no price is known."""
    seconds: float
    raw: str
    """The reply as pydantic-ai wrote it, for later requests."""
    lost_tokens: int = 0
    """Maximum tokens of failed tries before this reply; `cost_usd` includes them."""
    sent_bytes: int = 0
    """Size of its request; see `ChatRequest.sent_bytes`."""
    passed_over: tuple[str, ...] = ()
    """Models of the chain that did not answer, each with the reason."""


class UserTurn(Record):
    kind: Literal["asked"] = "asked"
    text: str


class ModelTurn(Record):
    kind: Literal["answered"] = "answered"
    reply: Reply


class ToolTurn(Record):
    """Results of the previous reply's calls, one for each call, in the same order."""

    kind: Literal["returned"] = "returned"
    results: tuple[ToolResult, ...]
    text: str = ""


Message = Annotated[UserTurn | ModelTurn | ToolTurn, Field(discriminator="kind")]


class ChatRequest(Record):
    """A request for one reply; stable parts come first, so that providers can cache them."""

    role: Role
    model: str = ""
    """`provider:name` that answered this role last in the run; empty: the first of the chain."""
    system: str
    tools: tuple[ToolSpec, ...] = ()
    messages: tuple[Message, ...]
    """The first and the last one are ours."""
    must_call: bool = False
    """Whether the reply must call a tool, if the provider has such an option."""
    most_tokens: int = MOST_TOKENS
    """Maximum tokens of the reply."""
    most_usd: float | None = None
    """Limit of the run's cost for this request, in US dollars; None: the run's own limit."""
    tokens_left: int | None = None
    """Maximum tokens of the request and its reply; None: no limit."""

    @property
    def digest(self) -> str:
        """sha256 over all that any model is shown: equal requests, equal digest."""
        return hashlib.sha256(self._shown).hexdigest()

    @property
    def sent_bytes(self) -> int:
        """Size of all that any model is shown, as JSON, without the thoughts in replies."""
        return len(self._shown)

    @property
    def _shown(self) -> bytes:
        hidden = Reply.model_fields.keys() - {"text", "calls"}
        of_messages = {"__all__": {"reply": hidden}}
        settings = dict.fromkeys(("model", "most_tokens", "most_usd", "tokens_left"), True)
        return self.model_dump_json(exclude={**settings, "messages": of_messages}).encode()


class WorstCase(NamedTuple):
    tokens: int
    usd: float | None
    """None: no price is known."""


class CallResults(Record):
    results: tuple[ToolResult, ...]
    """The result of a submitted form is empty until the form is answered."""
    change: Change | None
    """The change after the calls, against the base commit; None: it did not change."""
    form_name: str = ""
    """Tool of the submitted form; empty: none was submitted."""
    form: str = ""
    """Arguments of the submitted form, as JSON."""
    text: str = ""


class ChatModel(Protocol):
    """The models of a run, by role. Stateless: a request names the model that answered last."""

    def list_chain(self, role: Role) -> tuple[str, ...]:
        """List the models of a role as `provider:name`, in order; empty: none is configured."""
        ...

    def explain_missing(self, role: Role) -> str:
        """Explain why no model of a chain can be used; empty: one can.

        No request is sent, so a key that the provider refuses is not noticed.
        """
        ...

    def find_window(self, model: str) -> int:
        """Return the maximum tokens of a request with its reply, for `provider:name`."""
        ...

    def estimate_worst(self, request: ChatRequest) -> WorstCase:
        """Return the maximum tokens and dollars of a request to the model that it names."""
        ...

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Send a request and wait for the whole reply.

        Args:
            stopped: When it is set, the wait ends within half a second.
            seconds: Time limit for all tries of all models, the pauses between them included: what
                is left of the run's minutes. None: only the models' own limits apply.

        Raises:
            TimeSpent: No reply came within `seconds`, or too little time is left for a retry.
            ModelUnavailable: No model answered: unreachable, rate limited or interrupted. `until`
                is the time of the next try, if the provider named one.
            ModelRequestRejected: The provider does not accept the form of the request, or it is
                longer than the context window of each model.
            ModelRefused: The provider refuses the content of the request.
            ModelUnusable: A key, name or address is wrong: the operator has to act.
            Cancelled: The run was stopped.
        """
        ...
