"""What the errors of the library, and of the providers behind it, mean for us."""

from __future__ import annotations

import re
from typing import Literal

from pydantic_ai import exceptions as theirs

from agent import cleaning

#: What the library raises on an answer that is JSON but not of the promised shape.
_SENSELESS = (AttributeError, IndexError, KeyError, TypeError, ValueError, AssertionError)
KNOWN = (theirs.AgentRunError, theirs.UserError, ImportError, TimeoutError, *_SENSELESS)
"""Whatever asking a model may raise."""
_WORDS = 300
#: Codes with which a provider declines what is asked: its content, not its form.
_DECLINED = frozenset({"content_filter", "invalid_prompt"})
#: The library's advice for programmers is none for operators; the variable in it is.
_KEY_MISSING = re.compile(r"Set the `([A-Z0-9_]+)` environment variable")


class NotNow(Exception):
    """It may answer when it is asked again."""

    def __init__(self, words: str, after: float | None = None, *, paid: bool = False) -> None:
        """Say why.

        Args:
            words: What goes after the model's name and a colon.
            after: So many seconds from now, where the provider said so.
            paid: Whether the provider may charge for it all the same.
        """
        super().__init__(words)
        self.after = after
        self.paid = paid


Why = Literal["unusable", "rejected", "refused"]
"""Key, name or account are the operator's to mend; the provider does not accept the request as it
is made, or as long as it is; the model or its provider will not have this asked."""


class NotEver(Exception):
    """It will not answer this, however often it is asked."""

    def __init__(self, words: str, why: Why, *, paid: bool = False) -> None:
        """Say why.

        Args:
            words: What goes after the model's name and a colon.
            paid: Whether the provider may charge for it all the same.
        """
        super().__init__(words)
        self.why: Why = why
        self.paid = paid


def meaning(problem: Exception, name: str, silence_seconds: float) -> NotNow | NotEver:
    """Say what an error of those that are `KNOWN` means, of the model of that name."""
    told = _told(problem)
    match problem:
        case theirs.UserError():
            missing = _KEY_MISSING.search(problem.message)
            told = short(problem.message).rstrip(".?")
            words = f"it has no key; set {missing[1]}" if missing else told
            return NotEver(words, "unusable")
        case ImportError():
            return NotEver(f"its provider is not installed ({problem})", "unusable")
        case TimeoutError():
            return NotNow(f"it said nothing for {silence_seconds:g} s", paid=True)
        case theirs.ModelRequestRejectedError() | theirs.ModelQuotaExceededError():
            return _refused(problem, name, told)
        case theirs.ContentFilterError():
            return NotEver(f"it refuses the request ({told})", "refused")
        case theirs.ModelAPIError():
            return NotNow(told, problem.retry_after, paid=_may_be_charged(problem))
    return NotNow(f"its answer makes no sense ({told})", paid=True)


def _refused(problem: theirs.ModelAPIError, name: str, told: str) -> NotEver:
    match problem:
        case theirs.ModelAuthenticationError():
            words = f"its key is not accepted ({told}); set {_key_of(name)} to one that is"
            return NotEver(words, "unusable")
        case theirs.ModelNotFoundError():
            return NotEver(f"there is no such model ({told}); correct its name", "unusable")
        case theirs.ModelQuotaExceededError():
            return NotEver(f"its account is used up ({told}); add credit to it", "unusable")
        case theirs.ModelContextWindowExceededError():
            words = f"the request is too long for it ({told}); MERGEWRIGHT_MODEL can name another"
            return NotEver(words, "rejected")
    if problem.provider_error_code in _DECLINED:
        return NotEver(f"it refuses the request ({told})", "refused")
    said = ": ".join(filter(None, (told, _message(problem.body))))
    return NotEver(
        f"it does not accept the request ({said}); see whether its name in MERGEWRIGHT_MODEL and"
        " its provider's address are right, and whether MERGEWRIGHT_MODEL_STREAM=off helps",
        "rejected",
    )


def _may_be_charged(problem: theirs.ModelAPIError) -> bool:
    """Whether the model may have begun to answer before the request failed."""
    match problem:
        case theirs.ModelConnectionError():
            return problem.phase not in ("connect", "pool")
        case theirs.ModelHTTPError():
            return problem.in_stream
    return True


def _key_of(name: str) -> str:
    """Name the variable of a provider's key."""
    provider = name.partition(":")[0].removesuffix("-chat").removesuffix("-responses")
    return f"{provider.upper().replace('-', '_')}_API_KEY"


def _told(problem: Exception) -> str:
    status = getattr(problem, "status_code", None)
    code = getattr(problem, "provider_error_code", None)
    named = ", ".join(str(part) for part in (status, code) if part)
    return named or short(getattr(problem, "message", str(problem))).rstrip(".")


def _message(body: object) -> str:
    """Read what a provider says of an error; some wrap it."""
    told = body.get("error", body) if isinstance(body, dict) else None
    message = told.get("message") if isinstance(told, dict) else None
    return short(message).rstrip(".") if isinstance(message, str) else ""


def short(words: str) -> str:
    """Give foreign words in one line that is not too long."""
    return cleaning.terminal(" ".join(words.split()))[:_WORDS]
