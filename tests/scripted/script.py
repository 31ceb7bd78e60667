"""What was sent to the model, and its reply, in one form for all wires."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One request, as the model sees it."""

    number: int
    """Counts all requests of the server, from 1."""
    wire: str
    """`chat`, `responses`, `anthropic` or `gemini`."""
    model: str
    stream: bool
    system: str
    tools: tuple[str, ...]
    """Their names."""
    messages: tuple[tuple[str, str], ...]
    """(`user`, `assistant`, `call` or `result`, text), in order."""
    key: str
    """What came as the key."""
    body: dict[str, Any]
    characters: int
    """Of the body as it was sent."""

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.messages)

    @property
    def last(self) -> str:
        return self.messages[-1][1] if self.messages else ""

    @property
    def turn(self) -> int:
        """Which reply of its conversation is asked for, from 1."""
        kinds = [kind for kind, _ in self.messages]
        ours = [
            kind
            for kind, before in zip(kinds, ["user", *kinds], strict=False)
            if kind in ("assistant", "call") and before not in ("assistant", "call")
        ]
        return len(ours) + 1


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    """A text goes out as it is, be it JSON or not."""
    call_id: str = ""
    """Empty: one of its own."""

    @property
    def text(self) -> str:
        """The arguments as they are sent."""
        arguments = self.arguments
        return arguments if isinstance(arguments, str) else json.dumps(arguments)


@dataclass(frozen=True)
class Said:
    text: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    """`length` or `refused`; empty: as the reply has it."""
    input_tokens: int | None = None
    """None: a fourth of the characters that were sent."""
    output_tokens: int | None = None
    cached_tokens: int = 0
    counted: bool = True
    """False: the server tells no tokens, as some do on the wire `chat`."""
    thought: str = ""
    """What comes before the text, signed where the wire has signatures."""

    @property
    def signature(self) -> str:
        return base64.b64encode(self.thought[:30].encode()).decode()


@dataclass(frozen=True)
class Fault:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    """Sent as it is; empty: an error in the words of the wire."""
    code: str = "server_error"
    """Of that error."""
    stall_seconds: float = 0.0
    """So long nothing comes after the first piece of a stream; then it is cut."""
    late: bool = False
    """The stream begins as others do, and the error comes in the midst of it."""
    cut: bool = False
    """The connection is closed in the midst of a reply."""
    over: bool = False
    """The same, but as if that had been all of it."""
    empty: bool = False
    """A reply without any content."""


Answer = Said | Fault
Script = Sequence[Answer] | Callable[[Seen], Answer]
