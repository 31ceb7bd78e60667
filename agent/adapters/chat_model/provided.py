"""Asks models over the network: the chain of a role, bounded tries, one reply.

Each model of a chain is asked until it answers or there is no point in asking it again; then the
next one is. What an answer is and what a failure means is the same for all providers, since
pydantic-ai tells their errors by kind.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import tenacity
from pydantic_ai import messages as parts
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.models import Model, infer_model
from pydantic_ai.settings import ModelSettings, merge_model_settings

from agent.adapters.chat_model import background, failures, messages
from agent.adapters.chat_model.failures import NotEver, NotNow
from agent.adapters.chat_model.prices import Prices
from agent.adapters.chat_model.routes import Routes
from agent.chat import LEAST_SECONDS, Answered, ChatRequest, Reply, Role, Usage, Worst
from agent.errors import (
    AgentError,
    Cancelled,
    ModelRefused,
    ModelRequestRejected,
    ModelUnavailable,
    ModelUnusable,
    TimeSpent,
)
from agent.ports import Flag

#: Nothing is to be printed by a library on the first request.
os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")

_TRIES = 4
#: Of these, for one reply and over all models, that a provider may charge for without a reply.
_PAID_TRIES = 2
#: Whoever asks us to wait for longer is left alone: the run waits, and not in a step.
_LONGEST_NAP = 60.0
#: Characters of a reply: nobody writes an edit of this length, whatever a server lets it write.
_MOST_CHARACTERS = 500_000
#: Texts and calls in one reply; each new one costs the library more than the one before.
_MOST_PARTS = 200
#: The wire adds names and marks to each message and tool.
_TOKENS_A_MESSAGE = 64

Hear = Callable[[str], None]


@dataclass(frozen=True)
class _Asking:
    """One reply that is asked for."""

    request: ChatRequest
    stopped: Flag | None
    hear: Hear | None
    seconds: float | None = None
    """What was left of the run's minutes when it was begun; None: no bound."""
    lost: list[Worst] = field(default_factory=list)
    """The most that each try without a reply may have been charged for."""
    begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        if self.seconds is None:
            return math.inf
        return max(0.0, self.begun + self.seconds - time.monotonic())

    def allows(self, nap: float = 0.0) -> bool:
        """Whether somebody can be asked once more after a nap of so many seconds."""
        return self.left - nap >= LEAST_SECONDS


class ProvidedModels:
    """Implements `ports.ChatModel` for the models that the operator names."""

    def __init__(
        self,
        routes: Routes,
        prices: Prices,
        *,
        stream: bool = True,
        silence_seconds: float = 120.0,
        reply_seconds: float = 1800.0,
        redacted: Callable[[str], str],
    ) -> None:
        """Take what is set; nothing is asked yet.

        Args:
            stream: Take replies piece by piece, as they are made.
            silence_seconds: So long a model may say nothing; the whole of a reply that is not
                streamed counts as one piece.
            reply_seconds: So long a streamed reply may take, however busy it is.
            redacted: Takes secrets out of words: providers repeat the key that they were sent.
        """
        self._routes, self._prices = routes, prices
        self._stream, self._silence, self._longest = stream, silence_seconds, reply_seconds
        self._redacted = redacted
        self._made: dict[str, Model] = {}
        self._open = AsyncExitStack()

    def close(self) -> None:
        """Close the connections that are open; whoever asks after that opens new ones."""
        self._made.clear()
        background.wait(self._open.aclose(), None)

    def ready(self) -> None:
        """Load what requests need of those who are asked first; nobody is asked.

        Who stands in for them costs the memory of another provider only once it has to.
        """
        for name in self._routes.first_in_line:
            # What is wrong is told by the first request.
            with suppress(*failures.KNOWN):
                background.wait(self._model(name), None)

    def chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        """List who is to answer."""
        return self._routes.chain(role, category)

    def missing(self, role: Role, category: str = "") -> str:
        """Say what has to be set before anybody can be asked; see `ports.ChatModel`."""
        found: list[str] = []
        for name in self.chain(role, category):
            try:
                background.wait(self._model(name), None)
            except failures.KNOWN as problem:
                told = failures.meaning(problem, name, self._silence, self._redacted)
                found.append(self._redacted(f"{name}: {told}"))
            else:
                return ""
        return "; ".join(found)

    def worst(self, request: ChatRequest) -> Worst:
        """Say the most that a reply can use, over all who may come to be asked for it.

        A token is never shorter than a byte. What the model has been sent before is counted as its
        provider has counted it. A reply that breaks off may be charged for, and is asked for again.
        """
        most = [self._most(model, request) for model in self._asked(request)]
        # What has no price is bounded by tokens; it does not lift the bound of the others.
        known = [one.usd for one in most if one.usd is not None]
        return Worst(
            tokens=max((one.tokens for one in most), default=0) * _PAID_TRIES,
            usd=max(known) * _PAID_TRIES if known else None,
        )

    def _most(self, model: str, request: ChatRequest) -> Worst:
        """Say the most that one try with one model can use."""
        sent = _most_tokens(request, model)
        usd = self._prices.worst(model, sent, request.most_tokens)
        return Worst(tokens=sent + request.most_tokens, usd=usd)

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        hear: Hear | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask, and wait for the whole reply; see `ports.ChatModel`.

        What tries without a reply may have been charged for is counted in the reply's usage, at the
        most that it can have been.
        """
        passed_over: list[str] = []
        met: list[NotNow | NotEver] = []
        asking = _Asking(request, stopped, hear, seconds)
        fresh, failed = self._line(request)
        line = (*fresh, *failed)
        for model in line:
            if met and not asking.allows():
                break
            begun = time.monotonic()
            try:
                response = self._until_answered(model, asking, others=model in fresh[:-1])
            except (NotNow, NotEver) as problem:
                met.append(problem)
                passed_over.append(self._redacted(f"{model}: {problem}"))
                if len(asking.lost) >= _PAID_TRIES:
                    break
                continue
            told = self._counted(response, model, asking, begun)
            return told.model_copy(update={"passed_over": tuple(passed_over)})
        waits = any(isinstance(problem, NotNow) for problem in met)
        if seconds is not None and not asking.allows() and (waits or len(met) < len(line)):
            raise TimeSpent(
                f"No model answered as {request.role} in the {seconds:,.0f} s that were left of"
                f" the run's minutes (limits.minutes): {'; '.join(passed_over)}."
            )
        end = _nobody(request.role, passed_over, met, asking.lost)
        end.details = self._redacted(" ".join(filter(None, (one.details for one in met))))
        raise end

    def tried(self, model: str, request: ChatRequest) -> Reply | str:
        """Ask this one model, and nobody in its place; return why not where it does not answer."""
        asking, begun = _Asking(request, None, None), time.monotonic()
        try:
            response = self._until_answered(model, asking, others=False)
        except (NotNow, NotEver) as problem:
            return self._redacted(" ".join(filter(None, (f"{problem}.", problem.details))))
        return self._counted(response, model, asking, begun)

    def _counted(
        self, response: parts.ModelResponse, model: str, asking: _Asking, begun: float
    ) -> Reply:
        used = messages.usage(response, asking.request)
        cost = self._prices.cost(model, used)
        used, cost = _with_lost(used, cost, asking.lost)
        return messages.reply(response, model, time.monotonic() - begun, used, cost)

    def _asked(self, request: ChatRequest) -> tuple[str, ...]:
        """List everybody who may come to be asked."""
        fresh, failed = self._line(request)
        return (*fresh, *failed)

    def _line(self, request: ChatRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Say who is asked: from the one that is to be first on, then those before it.

        Those before it have failed in this run, or the repository wants another one; they are what
        is left where nobody else answers.
        """
        chain = self.chain(request.role, request.category)
        if request.model not in chain:
            return (*([request.model] if request.model else []), *chain), ()
        place = chain.index(request.model)
        return chain[place:], chain[:place]

    def _until_answered(self, name: str, asking: _Asking, *, others: bool) -> parts.ModelResponse:
        """Ask one model as often as it is worth while.

        Args:
            others: Whether somebody can be asked who has not failed yet: then nobody is paid twice
                for nothing.
        """

        def nap(seconds: float) -> None:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                if asking.stopped is not None and asking.stopped.is_set():
                    raise Cancelled("The run was stopped while a model was waited for.")
                time.sleep(min(left, 0.5))

        def enough(state: tenacity.RetryCallState) -> bool:
            paid = len(asking.lost) >= (1 if others else _PAID_TRIES)
            late = not asking.allows(state.upcoming_sleep)
            return paid or late or state.attempt_number >= _TRIES

        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_a_try),
            stop=enough,
            wait=_as_long_as_asked,
            sleep=nap,
            reraise=True,
        )
        return tries(self._once, name, asking)

    def _once(self, name: str, asking: _Asking) -> parts.ModelResponse:
        try:
            response = self._ask(name, asking)
        except (NotNow, NotEver) as problem:
            if problem.paid:
                asking.lost.append(self._most(name, asking.request))
            raise
        return messages.tidied(response, asking.request)

    def _ask(self, name: str, asking: _Asking) -> parts.ModelResponse:
        """Ask once.

        Raises:
            NotNow, NotEver: It did not answer.
        """
        try:
            response = background.wait(self._in_time(name, asking), asking.stopped)
        except failures.KNOWN as problem:
            raise self._meaning(problem, name) from problem
        if response.state != "complete" or (self._stream and response.finish_reason is None):
            raise NotNow("its answer broke off", paid=True)
        if not any(_says_something(part) for part in response.parts) and (
            response.finish_reason not in ("content_filter", "length")
        ):
            raise NotNow("its answer is empty", paid=True)
        return response

    def _meaning(self, problem: Exception, name: str) -> NotNow | NotEver:
        model = self._made.get(name)
        address = model.base_url if model is not None else None
        return failures.meaning(problem, name, self._silence, self._redacted, address)

    async def _model(self, name: str) -> Model:
        # Its connections are kept for the next request, of whatever run.
        if name not in self._made:
            self._made[name] = await self._open.enter_async_context(_whole(infer_model(name)))
        return self._made[name]

    async def _in_time(self, name: str, asking: _Asking) -> parts.ModelResponse:
        """Ask, and let go of it when the run's minutes end, however busy it is then.

        Raises:
            NotNow: They have ended.
        """
        left = None if asking.seconds is None else asking.left
        try:
            async with asyncio.timeout(left) as limit:
                return await self._response(name, asking.request, asking.hear)
        except TimeoutError:
            if limit.expired():
                words = "it had not answered when the minutes of the run ended"
                raise NotNow(words, paid=True) from None
            raise

    async def _response(
        self, name: str, request: ChatRequest, hear: Hear | None
    ) -> parts.ModelResponse:
        model = await self._model(name)
        told = messages.history(request, failures=name.startswith("anthropic:"))
        settings, tools = _settings(name, request), messages.parameters(request)
        if not self._stream:
            asking = model_request(
                model, told, model_settings=settings, model_request_parameters=tools
            )
            return await asyncio.wait_for(asking, self._silence)
        opened = model_request_stream(
            model, told, model_settings=settings, model_request_parameters=tools
        )
        now = asyncio.get_running_loop().time
        end, said, begun = now() + self._longest, 0, 0
        async with asyncio.timeout(self._silence) as patience, opened as stream:
            async for event in stream:
                patience.reschedule(now() + self._silence)
                said += _length(event)
                begun += isinstance(event, parts.PartStartEvent)
                if said > _MOST_CHARACTERS or begun > _MOST_PARTS:
                    words = (
                        f"its answer has more than {_MOST_CHARACTERS:,} characters, or"
                        f" {_MOST_PARTS} calls"
                    )
                    raise NotEver(words, "refused", paid=True)
                if now() > end:
                    words = f"its answer did not come to its end within {self._longest:g} s"
                    raise NotNow(words, paid=True)
                if hear is not None and (piece := _piece(event)):
                    # Half of a surrogate pair can be printed nowhere.
                    hear(piece.encode("utf-8", "backslashreplace").decode())
            return stream.get()


def _settings(name: str, request: ChatRequest) -> ModelSettings:
    settings = ModelSettings(max_tokens=request.most_tokens, max_retries=0)
    if name.startswith("anthropic:"):
        from pydantic_ai.models.anthropic import AnthropicModelSettings

        # Others cache what is equal by themselves.
        marks = AnthropicModelSettings(
            anthropic_cache_tool_definitions=True,
            anthropic_cache_instructions=True,
            anthropic_cache_messages=True,
        )
        return merge_model_settings(settings, marks) or settings
    return settings


def _whole(model: Model) -> Model:
    """Have a stream of chat completions say that it is over: one that is cut looks so else."""
    if "pydantic_ai.models.openai" in sys.modules:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles.openai import OpenAIModelProfile

        if type(model) is OpenAIChatModel and (provider := model.provider) is not None:
            ends = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
            return OpenAIChatModel(model.model_name, provider=provider, profile=ends)
    return model


def _piece(event: parts.ModelResponseStreamEvent) -> str:
    match event:
        case parts.PartStartEvent(part=parts.TextPart(content=text)):
            return text
        case parts.PartDeltaEvent(delta=parts.TextPartDelta(content_delta=text)):
            return text
    return ""


def _length(event: parts.ModelResponseStreamEvent) -> int:
    """Count what an event adds to a reply, whatever part of it."""
    match event:
        case parts.PartStartEvent(part=parts.TextPart(content=text)):
            return len(text)
        case parts.PartStartEvent(part=parts.ThinkingPart(content=text)):
            return len(text)
        case parts.PartStartEvent(part=parts.ToolCallPart(tool_name=name, args=args)):
            return len(name) + len(args if isinstance(args, str) else "")
        case parts.PartDeltaEvent(
            delta=parts.ToolCallPartDelta(tool_name_delta=name, args_delta=args)
        ):
            return len(name or "") + len(args if isinstance(args, str) else "")
        case parts.PartDeltaEvent(delta=delta):
            return len(getattr(delta, "content_delta", None) or "")
    return 0


def _says_something(part: parts.ModelResponsePart) -> bool:
    return isinstance(part, parts.ToolCallPart) or (
        isinstance(part, parts.TextPart) and bool(part.content.strip())
    )


def _worth_a_try(problem: BaseException) -> bool:
    return isinstance(problem, NotNow) and (problem.after or 0.0) <= _LONGEST_NAP


_GROWING = tenacity.wait_exponential(multiplier=1, max=20) + tenacity.wait_random(0, 1)


def _as_long_as_asked(state: tenacity.RetryCallState) -> float:
    problem = state.outcome.exception() if state.outcome else None
    if isinstance(problem, NotNow) and problem.after is not None:
        return problem.after
    return float(_GROWING(state))


def _most_tokens(request: ChatRequest, model: str) -> int:
    """Bound the tokens of what is sent."""
    fresh, counted = list(request.messages), 0
    for place in range(len(request.messages) - 1, -1, -1):
        message = request.messages[place]
        if isinstance(message, Answered) and message.reply.model == model:
            counted = message.reply.usage.tokens
            fresh = list(request.messages[place + 1 :])
            break
    if not counted:
        return request.bytes + _TOKENS_A_MESSAGE * (len(fresh) + len(request.tools) + 1)
    told = request.model_copy(update={"system": "", "tools": (), "messages": tuple(fresh)})
    return counted + told.bytes + _TOKENS_A_MESSAGE * (len(fresh) + 1)


def _with_lost(used: Usage, cost: float | None, lost: list[Worst]) -> tuple[Usage, float | None]:
    """Add what tries without a reply may have used; known dollars count beside unknown ones."""
    more = sum(one.tokens for one in lost)
    used = used.model_copy(update={"input_tokens": used.input_tokens + more})
    usd = sum(one.usd or 0.0 for one in lost)
    return used, cost + usd if cost is not None else usd or None


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _nobody(
    role: Role, passed_over: list[str], met: list[NotNow | NotEver], lost: list[Worst]
) -> AgentError:
    listed = "; ".join(passed_over)
    waits = [problem for problem in met if isinstance(problem, NotNow)]
    if waits:
        longest = [problem.after for problem in waits if problem.after is not None]
        until = time.time() + min(longest) if longest else None
        paid = sum(one.usd or 0.0 for one in lost)
        when = f" It may be asked again at {_moment(until)}." if until else ""
        return ModelUnavailable(f"No model answered as {role}: {listed}.{when}", until, paid)
    why = {problem.why for problem in met if isinstance(problem, NotEver)}
    if why == {"unusable"}:
        return ModelUnusable(
            f"No model can be used as {role}: {listed}. `mergewright models --check` tries them."
        )
    if why and "refused" not in why:
        return ModelRequestRejected(f"No model accepts the request as {role}: {listed}.")
    return ModelRefused(f"No model takes this on as {role}: {listed}.")
