"""Models that say what they said before: each request is answered from a ledger.

Implements `ChatModel` without a provider and without a key. A request that is not the one
that was asked then stops everything.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.models.chat import ChatRequest, Reply, Role, Worst
from agent.models.sandbox import Flag
from agent.telemetry.run_recording import Recording, Turn
from agent.text.redaction import REMOVED, Redactor

_AROUND = 60


class Differs(BaseException):
    """The run does not go as it went before. No stage may take it for an error of its own."""


class RecordedModels:
    """The models of one run that is carried out again."""

    def __init__(self, recording: Recording, redactor: Redactor) -> None:
        self._recording = recording
        self._redactor = redactor
        self.at = ""
        """The turn that is asked for next, as in `edit 1 2`."""
        self.answered = 0
        """Requests that were answered so far."""

    def list_chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        for turn in self._recording.turns.values():
            if turn.role == role:
                return turn.model_chain
        terms = self._recording.results.get("terms") or {}
        triage = self._recording.results.get("triage") or {}
        roles = terms.get("roles") or (["editor"] if triage.get("recipe") == "" else [])
        return ("recorded",) if role in roles else ()

    def explain_missing(self, role: Role, category: str = "") -> str:
        return ""

    def estimate_worst(self, request: ChatRequest) -> Worst:
        return Worst(tokens=0, usd=0.0)

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        hear: Callable[[str], None] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Answer as it was answered, at once: how much time was left then says nothing of now.

        Raises:
            Differs: It is another request, or there is no whole reply to it on record.
        """
        turn = self._recording.turns.get(self.at)
        if turn is None or turn.reply is None:
            raise Differs(f"the record ends before {self.at}")
        if request.digest != turn.digest:
            raise Differs(f"{self.at}: {self._difference(request, turn)}")
        reply = turn.reply
        # What only the provider reads is sent to nobody here.
        words = (reply.text, *(call.arguments for call in reply.calls))
        if turn.redacted and any(REMOVED in text for text in words):
            raise Differs(f"the record ends at {self.at}: a secret was taken out of the reply")
        self.answered += 1
        return reply

    def _difference(self, request: ChatRequest, turn: Turn) -> str:
        new = request.messages[-len(turn.messages) :] if turn.messages else ()
        now = "\n".join(one.model_dump_json() for one in self._redactor.redact_record(new))
        then = "\n".join(one.model_dump_json() for one in turn.messages)
        if now == then:
            return "the prompt, the tools or an earlier turn differs"
        return f"what is said to the model differs{show_difference(then, now)}"


def show_difference(then: str, now: str) -> str:
    """Show where two texts part; both are foreign words."""
    pairs = enumerate(zip(then, now, strict=False))
    at = next((place for place, (one, two) in pairs if one != two), min(len(then), len(now)))
    before, after = (text[max(0, at - 20) : at + _AROUND] for text in (then, now))
    return f" at character {at + 1}: {before!r} then, {after!r} now"
