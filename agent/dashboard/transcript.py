"""What was said between us and models in one run, a page of turns at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.dashboard.run_record import iter_events
from agent.text import sanitise

TURNS = 20
"""Of one page."""
#: Characters of one text, and of all texts of one turn: a page stays below a megabyte.
_LONGEST_TEXT, _LONGEST_TURN = 6_000, 24_000


@dataclass
class Call:
    name: str
    arguments: str
    result: str = ""
    failed: bool = False


@dataclass
class ShownTurn:
    """What we said, and what the model answered."""

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
    space: int = _LONGEST_TURN

    def show(self, text: object) -> str:
        """Make a text inert, and cut it to what there is space for."""
        plain = sanitise.strip_terminal_codes(str(text or ""))
        allowed = max(0, min(_LONGEST_TEXT, self.space))
        self.space -= min(len(plain), allowed)
        if len(plain) <= allowed:
            return plain
        return f"{plain[:allowed]}…\n({len(plain) - allowed:,} characters omitted)"


def read_turns(folder: Path | None, page: int) -> tuple[list[ShownTurn], int]:
    """Read a page of turns, from 1, as they were asked; return them and the number of pages."""
    events: dict[str, list[dict[str, Any]]] = {}
    if folder is not None:
        for event in iter_events(folder / "ledger.jsonl", without=(b'"event": "github write"',)):
            if str(event.get("event")).startswith("model."):
                key = f"{event.get('conversation')} {event.get('turn')}"
                if event["event"] == "model.asked":
                    # It is asked anew, so what came of it before no longer counts.
                    events.pop(key, None)
                events.setdefault(key, []).append(event)
    pages = max(1, -(-len(events) // TURNS))
    chosen = list(events.values())[(page - 1) * TURNS : page * TURNS]
    return [_make_turn(one) for one in chosen], pages


def _make_turn(events: Iterable[dict[str, Any]]) -> ShownTurn:
    several = list(events)
    first = several[0]
    number = first.get("turn")
    turn = ShownTurn(
        sanitise.strip_terminal_codes(str(first.get("conversation") or "")),
        number if isinstance(number, int) else 0,
        sanitise.strip_terminal_codes(str(first.get("role") or "")),
    )
    for event in several:
        match event["event"]:
            case "model.asked":
                # What it returned is shown beside the calls of the turn before.
                texts = (one.get("text") for one in event.get("messages", ()))
                turn.asked = [turn.show(text) for text in texts if text]
            case "model.answered":
                _take_reply(event.get("reply") or {}, turn)
            case "model.called":
                results = event.get("results") or ()
                for call, result in zip(turn.calls, results, strict=False):
                    call.result = turn.show(result.get("content"))
                    call.failed = bool(result.get("failed"))
    return turn


def _take_reply(reply: dict[str, Any], turn: ShownTurn) -> None:
    usage = reply.get("usage") or {}
    turn.model = sanitise.strip_terminal_codes(str(reply.get("model") or ""))
    turn.answer = turn.show(reply.get("text"))
    turn.calls = [
        Call(sanitise.strip_terminal_codes(str(call.get("name"))), turn.show(call.get("arguments")))
        for call in reply.get("calls") or ()
    ]
    turn.seconds = float(reply.get("seconds") or 0.0)
    turn.tokens_in = int(usage.get("input_tokens") or 0)
    turn.tokens_out = int(usage.get("output_tokens") or 0)
    turn.usd = reply.get("cost_usd")
