"""What was said between us and models in one run, a page of turns at a time."""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.dashboard import diffs
from agent.dashboard.diffs import DiffLine
from agent.dashboard.run_record import iter_events
from agent.telemetry.run_events import find_events
from agent.text import sanitise

TURNS = 20
"""Of one page."""
#: Characters of one text, and of all texts of one turn.
_LONGEST_TEXT, _LONGEST_TURN = 6_000, 20_000

_GAP = DiffLine("hunk", "…")


@dataclass
class Call:
    """What a model called: its arguments by name, or the lines of a diff."""

    name: str
    arguments: dict[str, str]
    lines: list[DiffLine] = field(default_factory=list)
    result: str = ""
    failed: bool = False

    @property
    def subject(self) -> str:
        """What it is about, on one line: a path, a command's first line."""
        first = next(iter(self.arguments.values()), "").strip()
        return first.partition("\n")[0][:160]

    @property
    def details(self) -> dict[str, str]:
        """The arguments that the subject does not show whole."""
        return {
            name: text
            for at, (name, text) in enumerate(self.arguments.items())
            if at or text.strip() != self.subject
        }


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
        for event in iter_events(find_events(folder), without=(b'"event": "github write"',)):
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


def _make_call(call: dict[str, Any], turn: ShownTurn) -> Call:
    name, raw = sanitise.strip_terminal_codes(str(call.get("name"))), call.get("arguments")
    try:
        given = json.loads(raw or "{}")
    except (ValueError, TypeError):
        given = raw
    if not isinstance(given, dict):
        return Call(name, {"arguments": turn.show(raw)})
    before, after = given.get("old"), given.get("new", given.get("text"))
    if isinstance(given.get("path"), str) and isinstance(after, str):
        old, new = turn.show(before).split("\n") if before else [], turn.show(after).split("\n")
        lines = list(difflib.unified_diff(old, new, lineterm="", n=3))[3:]
        diff = [
            DiffLine(diffs.KINDS[line[0]], line[1:]) if line[0] in diffs.KINDS else _GAP
            for line in lines
        ]
        return Call(name, {"path": turn.show(given["path"])}, diff)
    arguments = {
        turn.show(key): turn.show(value if isinstance(value, str) else json.dumps(value, indent=1))
        for key, value in given.items()
    }
    return Call(name, arguments)


def _take_reply(reply: dict[str, Any], turn: ShownTurn) -> None:
    usage = reply.get("usage") or {}
    turn.model = sanitise.strip_terminal_codes(str(reply.get("model") or ""))
    turn.answer = turn.show(reply.get("text"))
    turn.calls = [_make_call(call, turn) for call in reply.get("calls") or ()]
    turn.seconds = float(reply.get("seconds") or 0.0)
    turn.tokens_in = int(usage.get("input_tokens") or 0)
    turn.tokens_out = int(usage.get("output_tokens") or 0)
    turn.usd = reply.get("cost_usd")
