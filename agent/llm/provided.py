"""Requests to models over the network: the models of a role in order, until one replies.

The provider's client retries temporary errors before a reply begins. An interrupted reply may be
billed, so the next model is not asked here, see `ReplyLost`. pydantic-ai's FallbackModel does not
fall back after the first event of a stream, so the chain is implemented here.
"""

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from pydantic_ai import messages as parts
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.models import Model, infer_model
from pydantic_ai.settings import ModelSettings

from agent import rotation
from agent.errors import (
    AgentError,
    Cancelled,
    ContextFull,
    ModelRefused,
    ModelRequestRejected,
    ModelUnavailable,
    ModelUnusable,
    TimeSpent,
)
from agent.llm import failures, messages
from agent.llm.failures import ModelFailure
from agent.llm.routes import Catalogue, Chains
from agent.llm.spendings import ReplyLost
from agent.models.chat import (
    LEAST_SECONDS,
    LEAST_TOKENS,
    ChatRequest,
    ModelTurn,
    Reply,
    Role,
    ToolTurn,
    Usage,
    WorstCase,
    split_level,
)
from agent.models.clock import read_clock
from agent.models.record import replace
from agent.models.sandbox import Flag
from agent.telemetry import metrics

#: The library would print a banner with the first request.
os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")

T = TypeVar("T")
_LOOK_SECONDS = 0.5
#: Retries of the provider's client on temporary errors.
_RETRIES = 3
#: Maximum duration of a streamed reply, even if it never pauses.
_REPLY_SECONDS = 1800.0
#: Maximum characters of a reply, more than any edit needs; a server may ignore its token limit.
_MOST_CHARACTERS = 500_000
#: Maximum texts and calls of a reply; each one costs the library more than the one before.
_MOST_PARTS = 200
#: Tokens that a protocol adds to each message and tool.
_TOKENS_A_MESSAGE = 64
#: Bytes per token, on the safe side: tokens of text and code are longer on average.
_BYTES_A_TOKEN = 2
#: A reply may have a third of the context window; conversations use less than the rest.
_WINDOW_PART = 3
#: Maximum speed of expensive models, for the maximum cost of an interrupted reply.
_TOKENS_A_SECOND = 250


@dataclass
class _RequestState:
    request: ChatRequest
    seconds: float | None
    """Seconds of the run that were left at the start; None: no limit."""
    names: list[str]
    """Models that are asked next, in order."""
    failed: list[tuple[str, ModelFailure]] = field(default_factory=list)
    lost: WorstCase | None = None
    """Maximum cost of an interrupted reply."""
    begun: float = field(default_factory=time.monotonic)

    @property
    def is_late(self) -> bool:
        passed = time.monotonic() - self.begun
        return (math.inf if self.seconds is None else self.seconds - passed) < LEAST_SECONDS


class ProvidedModels:
    """Implements `ChatModel` for the models that the operator names."""

    def __init__(
        self,
        chains: Chains,
        catalogue: Catalogue,
        *,
        stream: bool = True,
        silence_seconds: float = 300.0,
        redacted: Callable[[str], str],
    ) -> None:
        """Store the settings; no connection is opened.

        Args:
            silence_seconds: Maximum pause of a model, or time of a reply that is not streamed.
            redacted: Removes secrets from texts: providers quote the key in their errors.
        """
        self._chains, self._catalogue = chains, catalogue
        self._stream, self._silence = stream, silence_seconds
        self._redact = redacted
        self._open: dict[str, Model] = {}
        self._lowered: dict[str, int] = {}
        """Maximum tokens of a reply by model, if the provider refused higher limits."""
        self._connections = AsyncExitStack()

    def close(self) -> None:
        self._open.clear()
        _run_in_background(self._connections.aclose())

    def list_chain(self, role: Role) -> tuple[str, ...]:
        return self._chains.get(role, ())

    def explain_missing(self, role: Role) -> str:
        problems: list[str] = []
        for name in self.list_chain(role):
            try:
                _run_in_background(self._open_model(name))
            except failures.KNOWN as error:
                problems.append(f"{name}: {failures.classify_error(error, name, self._redact)}")
            else:
                return ""
        return self._redact("; ".join(problems))

    def find_window(self, model: str) -> int:
        return self._catalogue.find_window(model)

    def estimate_worst(self, request: ChatRequest) -> WorstCase:
        """Estimate the maximum use of a request; see `ChatModel.estimate_worst`."""
        names = self._list_asked(request)
        most = [self._price_try(name, self._bound_try(name, request)) for name in names]
        # Models without a price are limited by tokens; the price of the others still counts.
        prices = [worst.usd for worst in most if worst.usd is not None]
        tokens = max((worst.tokens for worst in most), default=0)
        return WorstCase(tokens=tokens, usd=max(prices, default=None))

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Send a request and wait for the whole reply; see `ChatModel.reply`."""
        state = _RequestState(request, seconds, self._list_asked(request))
        response = _run_in_background(self._request_from_chain(state), stopped)
        if response is None:
            raise self._explain(state)
        model = state.names[0]
        used = messages.count_usage(response, self._bound_try(model, request))
        cost = self._catalogue.price_reply(model, used)
        metrics.count_model_use(model, request.role, used, cost)
        made = messages.read_reply(response, model, time.monotonic() - state.begun, used, cost)
        why = dict(state.failed).items()
        lines = tuple(self._redact(f"{name}: {words}") for name, words in why if name != model)
        return replace(made, passed_over=lines, sent_bytes=request.sent_bytes)

    def _bound_try(self, model: str, request: ChatRequest) -> Usage:
        """Return the maximum tokens of one request to one model.

        The model's last reply and its request count as the provider counted them if the request is
        still unchanged, and as read from the cache unless that has expired; all else by its bytes.
        """
        replies = [
            (place, message.reply)
            for place, message in enumerate(request.messages)
            if isinstance(message, ModelTurn) and message.reply.model == model
        ]
        counted, cached, fresh, size = 0, 0, request.messages, request.sent_bytes
        if replies:
            place, last = replies[-1]
            if replace(request, messages=request.messages[:place]).sent_bytes == last.sent_bytes:
                counted, fresh = last.usage.tokens, request.messages[place + 1 :]
                size -= last.sent_bytes
                if len(replies) == 1 or last.usage.cache_read_tokens:
                    is_cold = messages.is_cache_cold(last, model, read_clock())
                    cached = 0 if is_cold else counted
        thought = sum(
            message.reply.usage.output_tokens for message in fresh if isinstance(message, ModelTurn)
        )
        results = sum(len(turn.results) for turn in fresh if isinstance(turn, ToolTurn))
        parts_sent = len(fresh) + results + len(request.tools) + 1
        text = size // _BYTES_A_TOKEN + _TOKENS_A_MESSAGE * parts_sent
        return Usage(
            input_tokens=counted + thought + text,
            output_tokens=self._limit_reply(model, request),
            cache_read_tokens=cached,
        )

    def _price_try(self, model: str, most: Usage) -> WorstCase:
        return WorstCase(tokens=most.tokens, usd=self._catalogue.price_worst_case(model, most))

    def _limit_reply(self, model: str, request: ChatRequest) -> int:
        """Return the maximum tokens of a reply of this model."""
        window = self._catalogue.find_window(model) // _WINDOW_PART
        return min(request.most_tokens, window, self._lowered.get(model, window))

    def _list_asked(self, request: ChatRequest) -> list[str]:
        chain = self.list_chain(request.role)
        return list(dict.fromkeys(filter(None, (request.model, *chain))))

    async def _request_from_chain(self, state: _RequestState) -> parts.ModelResponse | None:
        """Ask the models in order; None: no model answered, or the run's minutes ended first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(state.seconds):
                while state.names and not (state.lost or (state.failed and state.is_late)):
                    name, begun, kind = state.names[0], time.monotonic(), "cancelled"
                    try:
                        response = await self._request_reply(name, state)
                    except (ModelFailure, *failures.KNOWN) as problem:
                        failure = failures.classify_error(problem, name, self._redact)
                        kind = failure.kind
                        self._pass_over(failure, state, time.monotonic() - begun)
                    else:
                        kind = ""
                        return response
                    finally:
                        seconds = time.monotonic() - begun
                        metrics.count_model_request(name, state.request.role, seconds, kind)
        return None

    def _pass_over(self, failure: ModelFailure, state: _RequestState, seconds: float) -> None:
        """Record why the current model failed, after `seconds`, and choose the next one.

        A provider that refuses the limit of the reply is asked again with half of it, since the
        maximum of a model may be unknown. The lower limit is kept, unless the window was too small.
        """
        name, request = state.names[0], state.request
        most = self._bound_try(name, request)
        half = most.output_tokens // 2
        if failure.names_limit and half >= LEAST_TOKENS:
            if most.tokens <= self._catalogue.find_window(name):
                self._lowered[name] = half
            else:
                state.request = replace(request, most_tokens=half)
            return
        state.names.pop(0)
        state.failed.append((name, failure))
        if not failure.paid:
            return
        written = min(most.output_tokens, int(seconds * _TOKENS_A_SECOND))
        state.lost = self._price_try(name, replace(most, output_tokens=written))
        metrics.count_model_usd(name, request.role, state.lost.usd)

    async def _request_reply(self, name: str, state: _RequestState) -> parts.ModelResponse:
        """Request the whole reply of one model; ModelFailure: it was interrupted or is empty."""
        model, history = await self._open_model(name), messages.make_history(state.request)
        options: dict[str, Any] = {
            "model_settings": self._make_settings(name, model, state.request),
            "model_request_parameters": messages.make_parameters(state.request),
        }
        if self._stream:
            async with model_request_stream(model, history, **options) as stream:
                characters = count = 0
                async for event in stream:
                    characters += _count_characters(event)
                    count += isinstance(event, parts.PartStartEvent)
                    _require_bounded(characters, count)
            response = stream.get()
        else:
            response = await model_request(model, history, **options)
        # In some protocols, the library reports an interrupted stream as complete.
        details = response.provider_details or {}
        is_ended = "finish_reason" in details or response.finish_reason == "content_filter"
        if response.state != "complete" or (self._stream and not is_ended):
            raise ModelFailure("its answer was cut short", paid=True)
        is_empty = not (response.tool_calls or (response.text or "").strip())
        if is_empty and response.finish_reason not in ("content_filter", "length"):
            raise ModelFailure("its answer is empty", paid=True)
        made = messages.normalise_reply(response, state.request)
        _require_bounded(sum(len(repr(part)) for part in made.parts), len(made.parts))
        return made

    async def _open_model(self, name: str) -> Model:
        # The model's connections stay open for later requests, also those of other runs.
        name, _ = split_level(name)
        if rotation.refresh_model_keys():
            # Requests under way keep their connections.
            self._open.clear()
        if name not in self._open:
            model = infer_model(name)
            self._open[name] = await self._connections.enter_async_context(model)
        return self._open[name]

    def _make_settings(self, name: str, model: Model, request: ChatRequest) -> ModelSettings:
        limit = self._limit_reply(name, request)
        made = ModelSettings(
            max_tokens=limit,
            max_retries=_RETRIES,
            cache=True,
            first_event_timeout=self._silence,
            request_timeout=_REPLY_SECONDS if self._stream else self._silence,
            # Limits each wait within a stream. Before the stream begins, the limits above end
            # the request first, so that the client does not repeat one that may be billed.
            timeout=self._silence + 1,
        )
        if level := split_level(name)[1]:
            made.update(messages.make_thinking(level, model, request, limit))
        return made

    def _explain(self, state: _RequestState) -> AgentError:
        role, failed = state.request.role, [failure for _, failure in state.failed]
        named = dict.fromkeys(f"{name}: {failure}" for name, failure in state.failed)
        listed, reasons = self._redact("; ".join(named)), {failure.why for failure in failed}
        if state.is_late and ("unavailable" in reasons or state.names):
            return TimeSpent(
                f"No model answered as {role} in the {state.seconds:,.0f} s left of the run's"
                f" time (limits.minutes){': ' * bool(listed)}{listed}."
            )
        problem: AgentError
        if "unavailable" in reasons or (state.lost and state.names):
            words, until = f"No model answered as {role}: {listed}.", None
            if waits := [failure.after for failure in failed if failure.after is not None]:
                until = read_clock() + min(waits)
                moment = datetime.fromtimestamp(until, UTC)
                words += f" It may be asked again at {moment:%Y-%m-%d %H:%M:%S} UTC."
            problem = ModelUnavailable(words, until)
            if state.lost:
                following = (*state.names, state.failed[-1][0])[0]
                lines = tuple(map(self._redact, named))
                problem = ReplyLost(problem, state.lost, following, lines)
        elif reasons == {"unusable"}:
            words = f"No model can be used as {role}: {listed}."
            problem = ModelUnusable(f"{words} `mergewright doctor --models` tests them.")
        elif "full" in reasons and reasons <= {"full", "unusable"}:
            problem = ContextFull(f"No model has space for the {role} request: {listed}.")
        elif reasons and "refused" not in reasons:
            problem = ModelRequestRejected(f"No model accepts the {role} request: {listed}.")
        else:
            problem = ModelRefused(f"All models declined as {role}: {listed}.")
        details = dict.fromkeys(failure.details for failure in failed if failure.details)
        problem.details = self._redact(" ".join(details))
        return problem


def _count_characters(event: parts.ModelResponseStreamEvent) -> int:
    """Count the characters that an event adds to any part of a reply."""
    match event:
        case parts.PartStartEvent(part=piece) | parts.PartDeltaEvent(delta=piece):
            names = ("content", "content_delta", "tool_name", "tool_name_delta", "args")
            values = [getattr(piece, name, None) for name in (*names, "args_delta")]
            return sum(len(text) for text in values if isinstance(text, str))
    return 0


def _require_bounded(characters: int, count: int) -> None:
    """Refuse a reply that is too long: it would be part of every later request."""
    if characters > _MOST_CHARACTERS or count > _MOST_PARTS:
        words = f"more than {_MOST_CHARACTERS:,} characters, or {_MOST_PARTS} calls"
        raise ModelFailure(f"its answer has {words}", "refused", paid=True)


# --- one event loop for all requests ----------------------------------------------------------


def _run_in_background(work: Coroutine[Any, Any, T], stopped: Flag | None = None) -> T:
    """Run the work in the process's event loop; wait for its result, or until the flag is set.

    The core is synchronous. The providers' clients are asynchronous, and their connections belong
    to the loop in which they were made.
    """
    future = asyncio.run_coroutine_threadsafe(work, _get_loop())
    try:
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
            if stopped is not None and stopped.is_set():
                raise Cancelled("The run was stopped while a model was asked.")
    except CancelledError as problem:
        raise Cancelled("The request to the model was cancelled.") from problem
    finally:
        future.cancel()


@cache
def _get_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="models", daemon=True).start()
    return loop
