"""What is said between us and a model, as records: JSON both ways, the same for every provider.

A conversation is a tuple of messages that only ever grows at its end. What a provider needs to be
given back as it was (signatures of thoughts, ids) travels in `Reply.raw`, which nobody else reads.
"""

import hashlib
import json
from itertools import chain
from typing import Annotated, Any, Literal, NamedTuple, Protocol, cast, get_args

from pydantic import Field

from agent.models.change import Change
from agent.models.record import Record
from agent.models.sandbox import Flag

Role = Literal["editor", "reviewer"]
#: Maximum tokens of one reply, thought included.
MOST_TOKENS = 32_768
LEAST_TOKENS = 4_096
"""Tokens of one reply where little money is left; fewer are too few for thought and edit."""
LEAST_SECONDS = 10.0
"""Nobody is asked where less is left for the reply: it would be paid for and come too late."""


def vendor(name: str) -> str:
    """Say whose a model is: the provider in its name, however it is spoken to."""
    return name.partition(":")[0].removesuffix("-chat").removesuffix("-responses")


Thinking = Literal["off", "on", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How hard a model thinks before it answers. off: not at all, or as little as it can; on: as its
provider has it."""


def split_level(name: str) -> tuple[str, Thinking | None]:
    """Split `provider:name@high`; None: no level is named, and the provider decides."""
    model, _, level = name.rpartition("@")
    return (model, cast(Thinking, level)) if level in get_args(Thinking) else (name, None)


class ToolSpec(Record):
    name: str
    description: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments, an object."""


class ToolCall(Record):
    """One call of a tool, as the model wrote it; nothing of it is to be trusted."""

    call_id: str
    name: str
    arguments: str
    """JSON as it came; it may be none."""


class ToolResult(Record):
    call_id: str
    name: str
    content: str
    failed: bool = False
    """The call was refused or went wrong; the content says how to do better."""


class Usage(Record):
    input_tokens: int = 0
    """All that was sent, with what came from the provider's cache."""
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
    """length: cut at the most tokens that were allowed."""
    usage: Usage
    cost_usd: float | None
    """None: no price is known."""
    seconds: float
    raw: str
    """The reply as the adapter keeps it, to be given back in later requests."""
    lost_tokens: int = 0
    """The most that tries without a reply used before it; the cost has them too."""
    sent_bytes: int = 0
    """Bytes of the request that it answers; see `ChatRequest.sent_bytes`."""
    passed_over: tuple[str, ...] = ()
    """Models that were to answer before this one, each with the reason why not."""


class UserTurn(Record):
    kind: Literal["asked"] = "asked"
    text: str


class ModelTurn(Record):
    kind: Literal["answered"] = "answered"
    reply: Reply


class ToolTurn(Record):
    """Results of the calls of the reply before, in their order; each call has one."""

    kind: Literal["returned"] = "returned"
    results: tuple[ToolResult, ...]
    text: str = ""


Message = Annotated[UserTurn | ModelTurn | ToolTurn, Field(discriminator="kind")]


class ChatRequest(Record):
    """One turn that is asked of a model: what is stable comes first, so that it can be cached."""

    role: Role
    model: str = ""
    """`provider:name` that answered this role last in this run; empty: the first in line."""
    system: str
    tools: tuple[ToolSpec, ...] = ()
    messages: tuple[Message, ...]
    """The first and the last are ours."""
    must_call: bool = False
    """Whether the reply has to call a tool, where the provider has such an option."""
    most_tokens: int = MOST_TOKENS
    """Maximum tokens of the reply."""
    most_usd: float | None = None
    """What the run may have cost with it; None: what the run may cost."""
    tokens_left: int | None = None
    """What it may use with its reply; None: no limit."""

    @property
    def digest(self) -> str:
        """sha256 over all that any model is shown: equal requests, equal digest."""
        return hashlib.sha256(self._shown).hexdigest()

    @property
    def sent_bytes(self) -> int:
        """Bytes of the texts that are sent, in UTF-8, without the thoughts in replies."""
        texts = chain([self.system], *map(_list_texts, (*self.tools, *self.messages)))
        return sum(len(text.encode(errors="surrogatepass")) for text in texts)

    @property
    def _shown(self) -> bytes:
        shown = self.model_dump(mode="json", exclude={"model", "most_usd", "tokens_left"})
        for message in shown["messages"]:
            if message["kind"] == "answered":
                reply = message["reply"]
                message["reply"] = {"text": reply["text"], "calls": reply["calls"]}
        words = json.dumps(shown, sort_keys=True, ensure_ascii=False)
        return words.encode(errors="surrogatepass")


def _list_texts(part: ToolSpec | UserTurn | ModelTurn | ToolTurn) -> list[str]:
    match part:
        case ToolSpec():
            return [part.name, part.description, json.dumps(part.parameters)]
        case UserTurn():
            return [part.text]
        case ModelTurn():
            calls = part.reply.calls
            return [part.reply.text, *(f"{call.name}{call.arguments}" for call in calls)]
        case ToolTurn():
            return [part.text, *(result.content for result in part.results)]


class WorstCase(NamedTuple):
    tokens: int
    usd: float | None
    """None: no price is known."""


class CallResults(Record):
    results: tuple[ToolResult, ...]
    """That of a form that was submitted is empty until it is answered."""
    change: Change | None
    """Against the base commit, after the calls; None: as it was before them."""
    form_name: str = ""
    """Tool of the form that was submitted; empty: none was."""
    form: str = ""
    """As JSON."""
    text: str = ""


class ChatModel(Protocol):
    """Models, by role. One for each run: it remembers nothing, requests say who answered last.

    Raises ModelUnavailable where no model of the chain answered in spite of bounded tries.
    """

    def list_chain(self, role: Role) -> tuple[str, ...]:
        """List who is to answer, as `provider:name`, the first first; empty: nobody is set."""
        ...

    def explain_missing(self, role: Role) -> str:
        """Say what has to be set before anybody of a chain can be asked; empty: nothing.

        Nobody is asked for that, so a key that is not accepted counts as one.
        """
        ...

    def find_window(self, model: str) -> int:
        """Return how many tokens a request and its reply may have with `provider:name`."""
        ...

    def estimate_worst(self, request: ChatRequest) -> WorstCase:
        """Say the most that a request can use if it is sent now."""
        ...

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask; wait for the whole reply.

        Args:
            stopped: Once it is set, the wait ends within half a second.
            seconds: What is left of the run's minutes: after so many the wait is over, with all
                tries of all models and the naps between them. None: no bound but the models' own.

        Raises:
            TimeSpent: There was no reply after `seconds`, or too few of them are left to try again.
            ModelUnavailable: Nobody answered: away, limited, or cut off; `until` says when to ask
                again where the provider said so.
            ModelRequestRejected: The provider does not accept the request as it is made.
            ContextFull: The request is longer than the context window of each model.
            ModelRefused: The provider will not have this asked.
            ModelUnusable: Key, name or address are wrong: the operator has to act.
            Cancelled: It was stopped.
        """
        ...
