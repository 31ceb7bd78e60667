"""Models that say what they said before: each request is answered from a ledger, by its digest.

Implements `ports.ChatModel` without a provider and without a key. A request that is not the one
that was asked then stops everything, with what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from pydantic import TypeAdapter

from agent.chat import Answered, Asked, ChatRequest, Message, Reply, Returned, Role, Worst
from agent.ports import Flag
from agent.recorded import Question, Recording, Turn
from agent.redaction import REMOVED, Redactor

_AROUND = 60


class Differs(BaseException):
    """The run does not go as it went before. No stage may take it for an error of its own."""

    def __init__(self, where: str, what: str) -> None:
        """Say it in one sentence.

        Args:
            where: The turn of a conversation, or a step, in words.
            what: What differs.
        """
        super().__init__(f"{where}: {what}")
        self.where, self.what = where, what


class RecordEnds(BaseException):
    """The record has no more: the run ended here, or nobody knows how it went on."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class RecordedModels:
    """The models of one run that is done again."""

    def __init__(self, recording: Recording, redactor: Redactor) -> None:
        """Take what was said."""
        self._recording = recording
        self._redactor = redactor
        self._at = ("", 0)
        self.answered = 0
        """Requests that were answered so far."""

    def expect(self, conversation: str, number: int) -> None:
        """Say which turn the next request is."""
        self._at = conversation, number

    def chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        """List who was to answer then."""
        for turn in self._recording.turns:
            if turn.question is not None and turn.question.role == role:
                return turn.question.chain
        terms = self._recording.results.get("terms") or {}
        triage = self._recording.results.get("triage") or {}
        roles = terms.get("roles") or (["editor"] if triage.get("recipe") == "" else [])
        return ("recorded",) if role in roles else ()

    def missing(self, role: Role, category: str = "") -> str:
        """Say that nothing has to be set: nobody is asked."""
        return ""

    def worst(self, request: ChatRequest) -> Worst:
        """Say that it costs nothing: what it did cost was allowed then."""
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
            AgentError: As it was raised then.
            Differs: It is another request, or the record is not as it was written.
            RecordEnds: It was not answered then.
        """
        conversation, number = self._at
        where, step = told(conversation, number), f"{conversation} {number} reply"
        turn = self._recording.turn(conversation, number)
        if turn is not None and turn.question is not None:
            self._require_same(request, turn.question, turn)
        if turn is None or turn.answer is None:
            if (problem := self._recording.failure(step)) is not None:
                raise problem
            if turn is None and any(
                one.conversation == conversation for one in self._recording.turns
            ):
                raise Differs(where, "the conversation was over before this turn then")
            raise RecordEnds(where)
        reply = turn.answer.reply
        self._require_whole(where, step, turn)
        self.answered += 1
        if hear is not None and reply.text:
            hear(f"\n{reply.text}\n")
        return reply

    def _require_whole(self, where: str, step: str, turn: Turn) -> None:
        """Refuse a reply that is not what was answered, or of which something was taken out."""
        answer = turn.answer
        if answer is None:
            return
        reply = answer.reply
        if answer.redacted:
            said = (reply.text, *(call.arguments for call in reply.calls))
            # What only the provider reads is not sent to anybody here.
            if any(REMOVED in one for one in said):
                raise Differs(
                    where,
                    "a secret was taken out of the reply when it was recorded, and is kept"
                    " nowhere, so the run can be replayed up to here only",
                )
            return
        written = TypeAdapter(Reply).dump_json(reply)
        known = self._recording.digests.get(step)
        if known is not None and hashlib.sha256(written).hexdigest() != known:
            raise Differs(where, "the reply in the ledger is not the one that was given")

    def _require_same(self, request: ChatRequest, then: Question, turn: Turn) -> None:
        if request.digest == then.digest:
            return
        raise Differs(told(turn.conversation, turn.number), self._difference(request, then, turn))

    def _difference(self, request: ChatRequest, then: Question, turn: Turn) -> str:
        tools = json.dumps([tool.model_dump() for tool in request.tools])
        if request.role != then.role:
            return f"the {request.role} is asked; it was the {then.role}"
        if _sha256(request.system) != then.system_sha256:
            return (
                f"the fixed words differ, which are made of {', '.join(sorted(then.prompts))} and"
                f" the contract; they were recorded by Mergewright {self._recording.version}"
            )
        if _sha256(tools) != then.tools_sha256:
            return (
                "the tools that the model is told of differ; they were recorded by Mergewright"
                f" {self._recording.version}"
            )
        new = request.messages[-len(then.messages) :] if then.messages else ()
        now = "\n".join(_text(one) for one in self._redactor.inside(new))
        before = "\n".join(_text(one) for one in then.messages)
        if now != before:
            return f"what is said to the model differs{difference(before, now)}"
        if turn.number == 1 or then.redacted:
            return "the request differs from the one with this digest in the ledger"
        return "what was said in an earlier turn is not what the ledger says of it"


def told(conversation: str, number: int) -> str:
    """Name a turn in words."""
    return f"turn {number} of {conversation}"


def difference(before: str, now: str) -> str:
    """Show where two texts part; both are foreign words."""
    ends = enumerate(zip(before, now, strict=False))
    at = next((place for place, (one, two) in ends if one != two), min(len(before), len(now)))
    start = max(0, at - 20)
    then, new = (text[start : at + _AROUND] for text in (before, now))
    return f" at character {at + 1}: {then!r} then, {new!r} now"


def _text(message: Message) -> str:
    match message:
        case Asked(text=text):
            return text
        case Answered(reply=reply):
            return "\n".join((reply.text, *(call.arguments for call in reply.calls)))
        case Returned(results=results, text=text):
            return "\n".join((*(result.content for result in results), text))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
