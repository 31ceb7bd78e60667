"""Asks models over the network: the chain of a role, bounded tries, one reply.

Each model of a chain is asked until it answers or there is no point in asking it again; then the
next one is. What an answer is and what a failure means is the same for all providers, since
pydantic-ai tells their errors by kind.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import tenacity
from pydantic_ai import exceptions as theirs
from pydantic_ai import messages as parts
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.models import Model, infer_model
from pydantic_ai.settings import ModelSettings, merge_model_settings

from agent import cleaning
from agent.adapters.chat_model import background, messages
from agent.adapters.chat_model.prices import Prices
from agent.adapters.chat_model.routes import Routes
from agent.chat import Answered, ChatRequest, Reply, Role, Worst
from agent.errors import Cancelled, ModelRefused, ModelUnavailable, ModelUnusable
from agent.ports import Flag

#: Nothing is to be printed by a library on the first request.
os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")

_TRIES = 4
#: Whoever asks us to wait for longer is left alone: the run waits, and not in a step.
_LONGEST_NAP = 60.0
_WORDS = 300
#: The wire adds names and marks to each message and tool.
_TOKENS_A_MESSAGE = 64

Hear = Callable[[str], None]


class _NotNow(Exception):
    """It may answer when it is asked again."""

    def __init__(self, words: str, after: float | None = None) -> None:
        super().__init__(words)
        self.after = after


class _NotEver(Exception):
    """It will not answer this, however often it is asked."""

    def __init__(self, words: str, *, ours: bool) -> None:
        super().__init__(words)
        self.ours = ours
        """Key, name or address: the operator's to mend."""


class ProvidedModels:
    """Implements `ports.ChatModel` for the models that the operator names."""

    def __init__(
        self,
        routes: Routes,
        prices: Prices,
        *,
        stream: bool = True,
        silence_seconds: float = 120.0,
    ) -> None:
        """Take what is set; nothing is asked yet.

        Args:
            stream: Take replies piece by piece, as they are made.
            silence_seconds: So long a model may say nothing; the whole of a reply that is not
                streamed counts as one piece.
        """
        self._routes, self._prices = routes, prices
        self._stream, self._silence = stream, silence_seconds
        self._made: dict[str, Model] = {}
        self._open = AsyncExitStack()

    def close(self) -> None:
        """Close the connections that are open; whoever asks after that opens new ones."""
        self._made.clear()
        background.wait(self._open.aclose(), None)

    def chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        """List who is to answer."""
        return self._routes.chain(role, category)

    def worst(self, request: ChatRequest) -> Worst:
        """Say the most that a request can use, over all who may come to answer it.

        A token is never shorter than a byte. What the model has been sent before is counted as its
        provider has counted it.
        """
        worst_tokens, costs = 0, list[float | None]()
        for model in self._asked(request):
            sent = _most_tokens(request, model)
            worst_tokens = max(worst_tokens, sent + request.most_tokens)
            costs.append(self._prices.worst(model, sent, request.most_tokens))
        known = [cost for cost in costs if cost is not None]
        return Worst(tokens=worst_tokens, usd=max(known) if len(known) == len(costs) else None)

    def reply(
        self, request: ChatRequest, stopped: Flag | None = None, hear: Hear | None = None
    ) -> Reply:
        """Ask, and wait for the whole reply; see `ports.ChatModel`."""
        passed_over: list[str] = []
        failures: list[_NotNow | _NotEver] = []
        for model in self._asked(request):
            begun = time.monotonic()
            try:
                response = self._until_answered(model, request, stopped, hear)
            except (_NotNow, _NotEver) as problem:
                failures.append(problem)
                passed_over.append(f"{model}: {problem}")
                continue
            counted = messages.usage(response)
            cost = self._prices.cost(model, counted)
            told = messages.reply(response, model, time.monotonic() - begun, cost)
            if told.finish == "refused":
                raise ModelRefused(f"{model} refused to answer. {_short(told.text)}".strip())
            return told.model_copy(update={"passed_over": tuple(passed_over)})
        raise _nobody(request.role, passed_over, failures)

    def _asked(self, request: ChatRequest) -> tuple[str, ...]:
        """Whoever answered last is asked first; those before it have failed in this run."""
        chain = self.chain(request.role, request.category)
        if not request.model:
            return chain
        after = chain[chain.index(request.model) + 1 :] if request.model in chain else chain
        return (request.model, *after)

    def _until_answered(
        self, name: str, request: ChatRequest, stopped: Flag | None, hear: Hear | None
    ) -> parts.ModelResponse:
        def nap(seconds: float) -> None:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                if stopped is not None and stopped.is_set():
                    raise Cancelled("The run was stopped while a model was waited for.")
                time.sleep(min(left, 0.5))

        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_a_try),
            stop=tenacity.stop_after_attempt(_TRIES),
            wait=_as_long_as_asked,
            sleep=nap,
            reraise=True,
        )
        return tries(self._ask, name, request, stopped, hear)

    def _ask(
        self, name: str, request: ChatRequest, stopped: Flag | None, hear: Hear | None
    ) -> parts.ModelResponse:
        """Ask once.

        Raises:
            _NotNow, _NotEver: It did not answer.
        """
        try:
            response = background.wait(self._response(name, request, hear), stopped)
        except theirs.ModelAuthenticationError as problem:
            raise _NotEver(f"its key is not accepted ({_told(problem)})", ours=True) from problem
        except theirs.ModelNotFoundError as problem:
            raise _NotEver(f"there is no such model ({_told(problem)})", ours=True) from problem
        except theirs.ModelQuotaExceededError as problem:
            raise _NotEver(f"its account is used up ({_told(problem)})", ours=True) from problem
        except theirs.ModelContextWindowExceededError as problem:
            words = f"the request is too long for it ({_told(problem)})"
            raise _NotEver(words, ours=False) from problem
        except (theirs.ContentFilterError, theirs.ModelRequestRejectedError) as problem:
            raise _NotEver(f"it refuses the request ({_told(problem)})", ours=False) from problem
        except theirs.ModelAPIError as problem:
            raise _NotNow(_told(problem), problem.retry_after) from problem
        except theirs.UserError as problem:
            raise _NotEver(_short(problem.message), ours=True) from problem
        except ImportError as problem:
            raise _NotEver(f"its provider is not installed ({problem})", ours=True) from problem
        except TimeoutError as problem:
            raise _NotNow(f"it said nothing for {self._silence:g} s") from problem
        except (theirs.UnexpectedModelBehavior, ValueError) as problem:
            raise _NotNow(f"its answer makes no sense ({_told(problem)})") from problem
        if not any(_says_something(part) for part in response.parts) and (
            response.finish_reason not in ("content_filter", "length")
        ):
            raise _NotNow("its answer is empty")
        return response

    async def _model(self, name: str) -> Model:
        # Its connections are kept for the next request, of whatever run.
        if name not in self._made:
            self._made[name] = await self._open.enter_async_context(infer_model(name))
        return self._made[name]

    async def _response(
        self, name: str, request: ChatRequest, hear: Hear | None
    ) -> parts.ModelResponse:
        model = await self._model(name)
        told = messages.history(request)
        settings, tools = _settings(name, request), messages.parameters(request)
        if not self._stream:
            asking = model_request(
                model, told, model_settings=settings, model_request_parameters=tools
            )
            return await asyncio.wait_for(asking, self._silence)
        opened = model_request_stream(
            model, told, model_settings=settings, model_request_parameters=tools
        )
        async with asyncio.timeout(self._silence) as patience, opened as stream:
            async for event in stream:
                patience.reschedule(asyncio.get_running_loop().time() + self._silence)
                if hear is not None and (piece := _piece(event)):
                    hear(piece)
            return stream.get()


def _settings(name: str, request: ChatRequest) -> ModelSettings:
    settings = ModelSettings(max_tokens=request.most_tokens, max_retries=0)
    if request.must_call and request.tools:
        settings["tool_choice"] = "required"
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


def _piece(event: parts.ModelResponseStreamEvent) -> str:
    match event:
        case parts.PartStartEvent(part=parts.TextPart(content=text)):
            return text
        case parts.PartDeltaEvent(delta=parts.TextPartDelta(content_delta=text)):
            return text
    return ""


def _says_something(part: parts.ModelResponsePart) -> bool:
    return isinstance(part, parts.ToolCallPart) or (
        isinstance(part, parts.TextPart) and bool(part.content.strip())
    )


def _worth_a_try(problem: BaseException) -> bool:
    return isinstance(problem, _NotNow) and (problem.after or 0.0) <= _LONGEST_NAP


_GROWING = tenacity.wait_exponential(multiplier=1, max=20) + tenacity.wait_random(0, 1)


def _as_long_as_asked(state: tenacity.RetryCallState) -> float:
    problem = state.outcome.exception() if state.outcome else None
    if isinstance(problem, _NotNow) and problem.after is not None:
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


def _nobody(role: Role, passed_over: list[str], failures: list[_NotNow | _NotEver]) -> Exception:
    listed = "; ".join(passed_over)
    waits = [problem for problem in failures if isinstance(problem, _NotNow)]
    if waits:
        longest = [problem.after for problem in waits if problem.after is not None]
        until = time.time() + min(longest) if longest else None
        return ModelUnavailable(f"No model answered as {role}: {listed}.", until)
    if failures and all(isinstance(one, _NotEver) and one.ours for one in failures):
        return ModelUnusable(
            f"No model can be used as {role}: {listed}. `mergewright models --check` tries them."
        )
    return ModelRefused(f"No model takes this on as {role}: {listed}.")


def _told(problem: Exception) -> str:
    status = getattr(problem, "status_code", None)
    code = getattr(problem, "provider_error_code", None)
    named = ", ".join(str(part) for part in (status, code) if part)
    return named or _short(getattr(problem, "message", str(problem)))


def _short(words: str) -> str:
    return cleaning.terminal(" ".join(words.split()))[:_WORDS]
