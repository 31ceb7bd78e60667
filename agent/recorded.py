"""What a ledger tells of a run, as somebody reads it who does the run again.

Where a part of a run was done more than once, what was done last counts. Texts are as the ledger
has them: secrets are taken out, and nobody can put them in again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from agent.chat import Message, Reply, ToolResult
from agent.domain import Outcome, Record, Run
from agent.errors import AgentError, Failure, LedgerUnusable, restored
from agent.ledger import verify

T = TypeVar("T")

#: As `run_ids.new` makes it; folders are named after it, and a file may be anybody's.
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{16}")


class Question(Record):
    """What a model was asked in one turn."""

    role: str
    chain: tuple[str, ...]
    digest: str
    system_sha256: str
    tools_sha256: str
    prompts: dict[str, str]
    most_tokens: int
    messages: tuple[Message, ...]
    """Those that no earlier turn of the conversation has."""
    redacted: bool = False


class Answer(Record):
    """What it answered."""

    reply: Reply
    redacted: bool = False


class Work(Record):
    """What its calls came to."""

    results: tuple[ToolResult, ...]
    change_digest: str
    """Of the whole change after them."""
    redacted: bool = False
    altered: bool = False
    """Whether its line in the ledger is another one than the next line follows."""


class Turn(Record):
    """One turn of one conversation; None: the run did not come to it."""

    conversation: str
    number: int
    question: Question | None = None
    answer: Answer | None = None
    work: Work | None = None


class Recording(Record):
    """One run, as its ledger tells of it."""

    run: Run
    redacted: bool
    """Whether something was taken out of how it began."""
    log: str
    """Where people were told that its log is."""
    version: str
    turns: tuple[Turn, ...]
    """In the order in which they were asked."""
    results: dict[str, Any]
    """What steps returned, by their names, as far as the ledger has it."""
    digests: dict[str, str]
    """sha256 of what they returned."""
    failures: dict[str, Failure]
    """How steps failed that did not return."""
    outcome: Outcome | None
    """How it ended; None: the ledger has no end."""
    text: str | None
    """What was handed over with it."""
    problems: tuple[str, ...]
    """Where the ledger is not as it was written."""
    closes: bool = False
    """Whether a closing line covers the end; older versions wrote none."""

    def turn(self, conversation: str, number: int) -> Turn | None:
        """Find a turn."""
        return next(
            (one for one in self.turns if (one.conversation, one.number) == (conversation, number)),
            None,
        )

    def failure(self, step: str) -> AgentError | None:
        """Make the error again with which a step ended; None: it did not, or nobody knows."""
        found = self.failures.get(step)
        return restored(found) if found else None


def read(path: Path) -> Recording:
    """Read a ledger.

    Raises:
        LedgerUnusable: It is none, does not say how the run began, or names what is no run.
    """
    events = list(_events(path))
    begun = next((one for one in reversed(events) if one["event"] == "begun"), None)
    if begun is None:
        raise LedgerUnusable(
            f"{path} does not say how the run began. It was written by an older version of"
            " Mergewright, or its process was killed at once; such a run cannot be replayed."
        )
    turns: dict[tuple[str, int], dict[str, Any]] = {}
    results, digests, failures = dict[str, Any](), dict[str, str](), dict[str, Any]()
    ended: dict[str, Any] = {}
    for event in events:
        match event:
            case {"event": "begun"}:
                ended = {}
            case {"event": "done", "step": step}:
                digests[step] = event["result_sha256"]
                results.pop(step, None)
                failures.pop(step, None)
                if "result" in event:
                    results[step] = event["result"]
            case {"event": "failed", "step": step, "failure": failure}:
                failures[step] = failure
            case {"event": "ended"}:
                ended = event
            case {"event": "model.asked" | "model.answered" | "model.called" as kind}:
                _take_turn(turns, kind, event)
    try:
        run = Run.model_validate(begun["run_record"])
        if not _RUN_ID.fullmatch(run.run_id):
            raise LedgerUnusable(
                f"{path}: {run.run_id!r} is no id of a run, so this is no ledger of Mergewright's."
            )
        return Recording(
            run=run,
            redacted=begun.get("redacted", False),
            log=begun["log"],
            version=begun["version"],
            turns=tuple(Turn.model_validate(one) for one in turns.values()),
            results=results,
            digests=digests,
            failures=failures,
            outcome=Outcome.model_validate(ended["outcome"]) if ended else None,
            text=ended.get("text"),
            problems=tuple(verify(path, begun["run"])),
            closes=begun.get("closes", False),
        )
    except (ValidationError, KeyError, TypeError) as problem:
        raise LedgerUnusable(
            f"{path} holds what this version of Mergewright does not understand: {problem}"
        ) from problem


def _take_turn(turns: dict[tuple[str, int], dict[str, Any]], kind: str, event: Any) -> None:
    key = (event["conversation"], event["turn"])
    redacted = event.get("redacted", False)
    if kind == "model.asked":
        # It is asked anew, so what came of it before no longer counts.
        turns.pop(key, None)
        names = ("role", "digest", "system_sha256", "tools_sha256", "prompts", "most_tokens")
        question = {name: event[name] for name in (*names, "messages")}
        chain = event["model_chain"]
        turns[key] = {
            "conversation": key[0],
            "number": key[1],
            "question": {**question, "chain": chain, "redacted": redacted},
        }
        return
    found = turns.setdefault(key, {"conversation": key[0], "number": key[1]})
    if kind == "model.answered":
        found["answer"] = {"reply": event["reply"], "redacted": redacted}
    else:
        facts = {name: event[name] for name in ("results", "change_digest")}
        found["work"] = {**facts, "redacted": redacted, "altered": event["altered"]}


def _events(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise LedgerUnusable(f"{path} cannot be read as a ledger: {problem}.") from problem
    events = [_event(line) for line in lines]
    for number, (line, event) in enumerate(zip(lines, events, strict=True), 1):
        if event is not None:
            following = events[number] if number < len(events) else None
            written = hashlib.sha256(line.encode()).hexdigest()
            yield {
                **event,
                "altered": following is not None and following.get("previous") != written,
            }
        elif number < len(lines):
            # Half a line at the end is what a process that is killed leaves.
            raise LedgerUnusable(f"{path}, line {number} is no event of a ledger.")


def _event(line: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict) and {"run", "step", "event"} <= event.keys():
            return event
    return None


def result(recording: Recording, step: str, kind: type[T]) -> T | None:
    """Return what a step returned; None: the ledger does not have it."""
    if step not in recording.results:
        return None
    try:
        return TypeAdapter(kind).validate_json(json.dumps(recording.results[step]))
    except ValidationError as problem:
        raise LedgerUnusable(f"What the ledger has of {step!r} is not understood.") from problem
