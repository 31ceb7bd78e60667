"""Translate errors of pydantic-ai, and of the providers behind it, into `ModelFailure`."""

import re
from collections.abc import Callable

from pydantic_ai import exceptions as theirs

from agent.llm.model_failure import ModelFailure
from agent.models.chat import get_provider
from agent.text import sanitise

#: Errors that the library raises if an answer is JSON of an unexpected form.
_SENSELESS = (AttributeError, IndexError, KeyError, TypeError, ValueError, AssertionError)
KNOWN = (theirs.AgentRunError, theirs.UserError, ImportError, TimeoutError, *_SENSELESS)
"""All errors that a request to a model may raise."""
_MOST_CHARACTERS = 300
_TOO_MANY_REQUESTS = 429
#: Codes of providers that refuse the content of a request, not its form.
_DECLINED = frozenset({"content_filter", "invalid_prompt"})

#: Names of the limit of a reply in the providers' protocols.
_LIMIT = re.compile(r"max_(?:\w+_)?tokens|maxOutputTokens")


def classify_error(problem: Exception, name: str, redact: Callable[[str], str]) -> ModelFailure:
    """Translate an error of `KNOWN`; a ModelFailure is returned as it is."""
    if isinstance(problem, ModelFailure):
        return problem
    message = _read_message(problem, redact)
    failure = _classify_kind(problem, name, _summarize_problem(problem, redact), message)
    status = getattr(problem, "status_code", None)
    failure.is_limited = failure.why == "unavailable" and status == _TOO_MANY_REQUESTS
    failure.names_limit = failure.why == "rejected" and bool(_LIMIT.search(message))
    if message and message not in failure.words:
        failure.details = f"{name} says: “{message}”."
    failure.words = redact(failure.words)
    return failure


def _classify_kind(problem: Exception, name: str, summary: str, message: str) -> ModelFailure:
    variables = get_provider(name).upper().replace("-", "_")
    match problem:
        case ImportError():
            return ModelFailure(f"its provider is not installed ({problem})", "unusable")
        case theirs.UserError():
            key = f"{variables}_API_KEY"
            is_missing = key in problem.message
            return ModelFailure(f"{key} is not set" if is_missing else summary, "unusable")
        case theirs.ModelAuthenticationError():
            words = f"its key is not accepted ({summary}); set {variables}_API_KEY"
            return ModelFailure(words, "unusable")
        case theirs.ModelNotFoundError():
            words = (
                f"there is no such model or URL ({summary}); fix its name or {variables}_BASE_URL"
            )
            return ModelFailure(words, "unusable")
        case theirs.ModelQuotaExceededError():
            return ModelFailure(
                f"its account has no credit left ({summary}); add credit", "unusable"
            )
        case theirs.ModelContextWindowExceededError():
            words = (
                f"the request is too long for it ({summary}). Set its tokens in"
                " MERGEWRIGHT_MODEL_CONTEXT, or a model with a larger context in MERGEWRIGHT_MODEL"
            )
            return ModelFailure(words, "rejected")
        case theirs.ModelRequestRejectedError() if problem.provider_error_code not in _DECLINED:
            whole = ": ".join(filter(None, (summary, message)))
            words = (
                f"it rejected the request ({whole}); check its name in MERGEWRIGHT_MODEL and"
                " its provider's URL, or try MERGEWRIGHT_MODEL_STREAM=off"
            )
            return ModelFailure(words, "rejected")
        case theirs.ModelRequestRejectedError() | theirs.ContentFilterError():
            return ModelFailure(f"it refuses the request ({summary})", "refused")
        case theirs.ModelRequestTimeout(setting="request_timeout") | TimeoutError():
            return ModelFailure("its answer did not come in time", paid=True)
        case theirs.ModelRequestTimeout() | theirs.ModelTimeoutError(phase="read"):
            words = "it sent nothing for longer than MERGEWRIGHT_MODEL_SILENCE_SECONDS"
            return ModelFailure(words, paid=True)
        case theirs.ModelAPIError():
            return ModelFailure(summary, after=problem.retry_after, paid=_may_be_charged(problem))
    return ModelFailure(f"its answer is invalid ({summary})", paid=True)


def _may_be_charged(problem: theirs.ModelAPIError) -> bool:
    """Whether the model may have begun its answer before the request failed."""
    if isinstance(problem, theirs.ModelConnectionError):
        return problem.phase not in ("connect", "pool")
    return problem.in_stream or not isinstance(problem, theirs.ModelHTTPError)


def _summarize_problem(problem: Exception, redact: Callable[[str], str]) -> str:
    status = getattr(problem, "status_code", None)
    code = getattr(problem, "provider_error_code", None)
    if isinstance(problem, theirs.ModelConnectionError):
        if problem.phase in ("read", "write"):
            return "the connection to it broke"
        return "it cannot be reached; see the BASE_URL of its provider"
    named = ", ".join(str(part) for part in (status, code) if part)
    return named or _shorten_text(getattr(problem, "message", str(problem)), redact).rstrip(".?")


def _read_message(problem: Exception, redact: Callable[[str], str]) -> str:
    """Read a provider's message from the body of an error, at any of the usual keys."""
    body = getattr(problem, "body", None)
    for key in ("error", "message", "detail"):
        body = body.get(key, body) if isinstance(body, dict) else body
    # An HTML page, as of a proxy, has no message and may be long.
    if not isinstance(body, str) or body.lstrip().startswith("<"):
        return ""
    return _shorten_text(body, redact).rstrip(".")


def _shorten_text(words: str, redact: Callable[[str], str]) -> str:
    # Redacted before the cut: half of a secret is not recognised.
    return sanitise.strip_terminal_codes(redact(" ".join(words.split())))[:_MOST_CHARACTERS]
