"""Requests to models over the network, each to one model.

The provider's client retries temporary errors before a reply begins. The next model of a chain is
asked by `CountedModels`, since a reply that was interrupted may be billed.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack
from functools import cache
from typing import Any, TypeVar

from pydantic_ai import messages as parts
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.models import Model, infer_model
from pydantic_ai.settings import ModelSettings

from agent import secret_values
from agent.errors import Cancelled
from agent.llm import failures, messages
from agent.llm.model_failure import ModelFailure
from agent.llm.routes import Catalogue, Chains
from agent.models.chat import (
    LEAST_TOKENS,
    ChatRequest,
    ModelTurn,
    Reply,
    Role,
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
#: Bytes per token, on the safe side: tokens of text and code are longer on average.
_BYTES_A_TOKEN = 2
#: A reply may have a third of the context window; conversations use less than the rest.
_WINDOW_PART = 3
#: Maximum speed of expensive models, for the maximum cost of an interrupted reply.
_TOKENS_A_SECOND = 250


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
        return "; ".join(problems)

    def find_window(self, model: str) -> int:
        return self._catalogue.find_window(model)

    def estimate_worst(self, request: ChatRequest) -> WorstCase:
        """Estimate the maximum use of a request; see `ChatModel.estimate_worst`."""
        return self._price_try(request.model, self._bound_try(request))

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask the model that the request names, and wait for the whole reply.

        Raises:
            ModelFailure: There is no reply.
            Cancelled: The run was stopped.
        """
        name, begun, kind = request.model, time.monotonic(), "cancelled"
        try:
            response = _run_in_background(self._request_fitting(request, seconds), stopped)
            kind = ""
        except (ModelFailure, *failures.KNOWN) as problem:
            failure = failures.classify_error(problem, name, self._redact)
            kind = failure.kind
            if failure.paid:
                failure.lost = self._price_lost(request, time.monotonic() - begun)
            raise failure from problem
        finally:
            passed = time.monotonic() - begun
            metrics.count_model_request(name, request.role, passed, kind)
        used = messages.count_usage(response, self._bound_try(request))
        cost = self._catalogue.price_reply(name, used)
        metrics.count_model_use(name, request.role, used, cost)
        made = messages.read_reply(response, name, passed, used, cost)
        return replace(made, sent_bytes=request.sent_bytes)

    def _bound_try(self, request: ChatRequest) -> Usage:
        """Return the maximum tokens of a request.

        The model's last reply and its request count as the provider counted them if the request is
        still unchanged, and as read from the cache unless that has expired; all else by its bytes.
        """
        model = request.model
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
        return Usage(
            input_tokens=counted + thought + size // _BYTES_A_TOKEN,
            output_tokens=self._limit_reply(model, request),
            cache_read_tokens=cached,
        )

    def _price_try(self, model: str, most: Usage) -> WorstCase:
        return WorstCase(tokens=most.tokens, usd=self._catalogue.price_worst_case(model, most))

    def _limit_reply(self, model: str, request: ChatRequest) -> int:
        """Return the maximum tokens of a reply of this model."""
        window = self._catalogue.find_window(model) // _WINDOW_PART
        return min(request.most_tokens, window, self._lowered.get(model, window))

    def _price_lost(self, request: ChatRequest, seconds: float) -> WorstCase:
        """Return the maximum use of a reply that was interrupted after so many seconds."""
        most = self._bound_try(request)
        written = min(most.output_tokens, int(seconds * _TOKENS_A_SECOND))
        lost = self._price_try(request.model, replace(most, output_tokens=written))
        metrics.count_model_usd(request.model, request.role, lost.usd)
        return lost

    async def _request_fitting(
        self, request: ChatRequest, seconds: float | None
    ) -> parts.ModelResponse:
        """Request the whole reply, with half of its limit each time that the provider refuses it.

        The maximum of a model may be unknown. The lower limit is kept, unless the window was too
        small for the request.
        """
        name = request.model
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await self._request_reply(name, request)
                except failures.KNOWN as problem:
                    failure = failures.classify_error(problem, name, self._redact)
                    most = self._bound_try(request)
                    half = most.output_tokens // 2
                    if not failure.names_limit or half < LEAST_TOKENS:
                        raise failure from problem
                    if most.tokens <= self._catalogue.find_window(name):
                        self._lowered[name] = half
                    request = replace(request, most_tokens=half)

    async def _request_reply(self, name: str, request: ChatRequest) -> parts.ModelResponse:
        """Request the whole reply; ModelFailure: it was interrupted or is empty."""
        model, history = await self._open_model(name), messages.make_history(request)
        options: dict[str, Any] = {
            "model_settings": self._make_settings(name, model, request),
            "model_request_parameters": messages.make_parameters(request),
        }
        if self._stream:
            async with model_request_stream(model, history, **options) as stream:
                begun = 0
                async for event in stream:
                    # Each part costs the library more than the one before.
                    begun += isinstance(event, parts.PartStartEvent)
                    _require_bounded(0, begun)
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
        made = messages.normalise_reply(response, request)
        _require_bounded(sum(len(repr(part)) for part in made.parts), len(made.parts))
        return made

    async def _open_model(self, name: str) -> Model:
        # The model's connections stay open for later requests, also those of other runs.
        name, _ = split_level(name)
        if secret_values.refresh_model_keys():
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
