"""The conversation with models in one run, a page of turns at a time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.dashboard.run_record import iter_events
from agent.telemetry.run_events import find_events
from agent.text import sanitise

TURNS = 20
"""Maximum number of turns on one page."""
_LONGEST_TEXT = 6_000


@dataclass
class Call:
    """A call of a model: its arguments by name, and its result."""

    name: str
    arguments: dict[str, str]
    result: str = ""
    failed: bool = False

    @property
    def subject(self) -> str:
        """The first line of the first argument, such as a path or a command."""
        first = next(iter(self.arguments.values()), "").strip()
        return first.partition("\n")[0][:160]

    @property
    def details(self) -> dict[str, str]:
        """The arguments that the subject does not show completely."""
        return {
            name: text
            for at, (name, text) in enumerate(self.arguments.items())
            if at or text.strip() != self.subject
        }


@dataclass
class ShownTurn:
    """A request of ours, and the model's reply."""

    conversation: str
    number: int
    role: str
    asked: list[str] = field(default_factory=list)
    model: str = ""
    answer: str = ""
    calls: list[Call] = field(default_factory=list)
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = None


def show_text(text: object) -> str:
    """Make a text inert, and cut its middle if it is too long for a page."""
    plain = sanitise.strip_terminal_codes(str(text or ""))
    return sanitise.shorten_middle(plain, _LONGEST_TEXT, where="the signed log")


def read_turns(folder: Path | None, page: int) -> tuple[list[ShownTurn], int]:
    """Read a page (from 1) of turns, in the order of requests; also return the number of pages."""
    events: dict[str, list[dict[str, Any]]] = {}
    if folder is not None:
        for event in iter_events(find_events(folder), without=(b'"event": "github write"',)):
            if str(event.get("event")).startswith("model."):
                key = f"{event.get('conversation')} {event.get('turn')}"
                if event["event"] == "model.asked":
                    # The request is repeated, so its earlier reply no longer counts.
                    events.pop(key, None)
                events.setdefault(key, []).append(event)
    pages = max(1, -(-len(events) // TURNS))
    chosen = list(events.values())[(page - 1) * TURNS : page * TURNS]
    return list(map(_make_turn, chosen)), pages


def _make_turn(events: Sequence[dict[str, Any]]) -> ShownTurn:
    first = events[0]
    number = first.get("turn")
    turn = ShownTurn(
        show_text(first.get("conversation")),
        number if isinstance(number, int) else 0,
        show_text(first.get("role")),
    )
    for event in events:
        match event["event"]:
            case "model.asked":
                # Results are shown with the calls of the previous turn.
                texts = (message.get("text") for message in event.get("messages", ()))
                turn.asked = [show_text(text) for text in texts if text]
            case "model.answered":
                _add_reply(event.get("reply") or {}, turn)
            case "model.called":
                results = event.get("results") or ()
                for call, result in zip(turn.calls, results, strict=False):
                    call.result = show_text(result.get("content"))
                    call.failed = bool(result.get("failed"))
    return turn


def _make_call(call: dict[str, Any]) -> Call:
    name, raw = show_text(call.get("name")), call.get("arguments")
    try:
        arguments = json.loads(raw or "{}")
    except (ValueError, TypeError):
        arguments = raw
    if not isinstance(arguments, dict):
        return Call(name, {"arguments": show_text(raw)})
    texts = (
        value if isinstance(value, str) else json.dumps(value, indent=1)
        for value in arguments.values()
    )
    return Call(name, dict(zip(map(show_text, arguments), map(show_text, texts), strict=True)))


def _add_reply(reply: dict[str, Any], turn: ShownTurn) -> None:
    usage = reply.get("usage") or {}
    turn.model = show_text(reply.get("model"))
    turn.answer = show_text(reply.get("text"))
    turn.calls = [_make_call(call) for call in reply.get("calls") or ()]
    turn.seconds = float(reply.get("seconds") or 0.0)
    turn.tokens_in = int(usage.get("input_tokens") or 0)
    turn.tokens_out = int(usage.get("output_tokens") or 0)
    turn.usd = reply.get("cost_usd")
