"""What a ledger tells of a run, for those who carry the run out again.

Where a part of a run was done more than once, what was done last counts. Texts are as the ledger
has them: secrets are taken out, and nobody can put them in again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.errors import AgentError, Failure, LedgerUnusable, restore_error
from agent.models.chat import Reply
from agent.models.outcome import Outcome
from agent.models.record import Record
from agent.models.run import Run
from agent.telemetry.ledger import Seal, verify_ledger


class Turn(Record):
    role: str
    model_chain: tuple[str, ...]
    reply: Reply | None = None
    """None: the run did not come to it."""
    redacted: bool = False
    """Whether something was taken out of the reply."""
    change: str | None = None
    """Digest of the change after its calls; None: the run did not come to that."""


class Recording(Record):
    """One run, as its ledger tells of it."""

    run: Run
    redacted: bool = False
    """Whether something was taken out of how it began."""
    log: str
    """Where people were told that its log is."""
    turns: dict[str, Turn] = {}
    """By conversation and number, as in `edit 1 2`, in the order in which they were asked."""
    results: dict[str, Any] = {}
    """What steps returned, by their names, as far as the ledger has it."""
    failures: dict[str, Failure] = {}
    """How steps failed that did not return."""
    outcome: Outcome | None = None
    """How it ended; None: the ledger has no end."""
    text: str | None = None
    """What was handed over with it."""
    seal: Seal = Seal()
    """What that text says of the ledger."""
    problems: tuple[str, ...] = ()
    """Where the ledger is not as it was written."""

    def failure(self, step: str) -> AgentError | None:
        """Make the error again with which a step ended; None: it did not, or nobody knows."""
        found = self.failures.get(step)
        return restore_error(found) if found else None


def read_recording(path: Path) -> Recording:
    """Read the ledger in the folder of a run.

    Raises:
        LedgerUnusable: It is none, does not say how the run began, or is of another run.
    """
    facts: dict[str, Any] = {"turns": {}, "results": {}, "failures": {}}
    try:
        for event in _events(path):
            _take_event(event, facts)
        recording = Recording(
            problems=tuple(verify_ledger(path.read_bytes(), path.parent.name)), **facts
        )
    except (OSError, ValidationError, ValueError, KeyError, TypeError) as problem:
        raise LedgerUnusable(
            f"{path} is no ledger of a run that this version can follow: {problem}"
        ) from problem
    if recording.run.run_id != path.parent.name:
        raise LedgerUnusable(f"{path} is the ledger of another run, {recording.run.run_id!r}.")
    return recording


def _events(path: Path) -> list[dict[str, Any]]:
    """Read the events up to a line that is none, which is what a killed process leaves."""
    events = []
    for line in path.read_text(encoding="ascii").splitlines():
        try:
            digest = hashlib.sha256(line.encode()).hexdigest()
            events.append({**json.loads(line), "digest": digest})
        except ValueError:
            break
    return events


def _take_event(event: dict[str, Any], facts: dict[str, Any]) -> None:
    turns, step = facts["turns"], event["step"]
    turn = f"{event.get('conversation')} {event.get('turn')}"
    match event["event"]:
        case "begun":
            redacted = event.get("redacted", False)
            facts |= {"run": event["run_record"], "log": event["log"], "redacted": redacted}
            facts |= {"outcome": None, "text": None}
        case "done":
            facts["failures"].pop(step, None)
            facts["results"].pop(step, None)
            if "result" in event:
                facts["results"][step] = event["result"]
        case "failed" if "failure" in event:
            facts["failures"][step] = event["failure"]
        case "ended":
            facts |= {"outcome": event["outcome"], "text": event["text"]}
        case "sealed" if "key" in event:
            facts["seal"] = Seal(digest=event["digest"], key=event["key"])
        case "model.asked":
            # It is asked anew, so what came of it before no longer counts.
            turns.pop(turn, None)
            turns[turn] = {name: event[name] for name in ("role", "model_chain")}
        case "model.answered":
            redacted = event.get("redacted", False)
            turns[turn] |= {"reply": event["reply"], "redacted": redacted}
        case "model.called":
            turns[turn]["change"] = event["change_digest"]
