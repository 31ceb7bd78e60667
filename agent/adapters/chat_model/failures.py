"""What the errors of the library, and of the providers behind it, mean for us."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

from pydantic_ai import exceptions as theirs

from agent import cleaning

#: What the library raises on an answer that is JSON but not of the promised shape.
_SENSELESS = (AttributeError, IndexError, KeyError, TypeError, ValueError, AssertionError)
KNOWN = (theirs.AgentRunError, theirs.UserError, ImportError, TimeoutError, *_SENSELESS)
"""Whatever asking a model may raise."""
_WORDS = 300
#: Errors that an address may be to blame for.
_ELSEWHERE = (theirs.ModelConnectionError, theirs.ModelNotFoundError)
#: Codes with which a provider declines what is asked: its content, not its form.
_DECLINED = frozenset({"content_filter", "invalid_prompt"})
#: The library's advice for programmers is none for operators; the variable in it is.
_KEY_MISSING = re.compile(r"Set the `([A-Z0-9_]+)` environment variable")


class NotNow(Exception):
    """It may answer when it is asked again."""

    details = ""
    """See `errors.AgentError.details`."""

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

    details = ""
    """See `errors.AgentError.details`."""

    def __init__(self, words: str, why: Why, *, paid: bool = False) -> None:
        """Say why.

        Args:
            words: What goes after the model's name and a colon.
            paid: Whether the provider may charge for it all the same.
        """
        super().__init__(words)
        self.why: Why = why
        self.paid = paid


def meaning(
    problem: Exception,
    name: str,
    silence_seconds: float,
    redacted: Callable[[str], str],
    address: str | None = None,
) -> NotNow | NotEver:
    """Say what an error of those that are `KNOWN` means, of the model of that name.

    Args:
        redacted: Takes secrets out of foreign words.
        address: Where the model was asked, where that is known.
    """
    said = _message(problem, redacted)
    found = _meaning(problem, name, silence_seconds, redacted, said)
    details = []
    if address is not None and isinstance(problem, _ELSEWHERE):
        details.append(f"{name} was asked at {_without_credentials(address)}{_setting_of(name)}.")
    if said and said not in str(found):
        details.append(f"{name} says: “{said}”.")
    found.details = " ".join(details)
    return found


def _meaning(
    problem: Exception,
    name: str,
    silence_seconds: float,
    redacted: Callable[[str], str],
    said: str,
) -> NotNow | NotEver:
    told = _told(problem, redacted)
    match problem:
        case theirs.UserError():
            missing = _KEY_MISSING.search(problem.message)
            words = short(problem.message, redacted).rstrip(".?")
            return NotEver(f"it has no key; set {missing[1]}" if missing else words, "unusable")
        case ImportError():
            return NotEver(f"its provider is not installed ({problem})", "unusable")
        case TimeoutError():
            return NotNow(f"it said nothing for {silence_seconds:g} s", paid=True)
        case theirs.ModelRequestRejectedError() | theirs.ModelQuotaExceededError():
            return _refused(problem, name, told, said)
        case theirs.ContentFilterError():
            return NotEver(f"it refuses the request ({told})", "refused")
        case theirs.ModelAPIError():
            return NotNow(told, problem.retry_after, paid=_may_be_charged(problem))
    return NotNow(f"its answer makes no sense ({told})", paid=True)


def _refused(problem: theirs.ModelAPIError, name: str, told: str, said: str) -> NotEver:
    match problem:
        case theirs.ModelAuthenticationError():
            words = f"its key is not accepted ({told}); set {_key_of(name)} to one that is"
            return NotEver(words, "unusable")
        case theirs.ModelNotFoundError():
            return NotEver(_not_found(problem, name, told, said), "unusable")
        case theirs.ModelQuotaExceededError():
            return NotEver(f"its account is used up ({told}); add credit to it", "unusable")
        case theirs.ModelContextWindowExceededError():
            words = (
                f"the request is too long for it ({told}); MERGEWRIGHT_MODEL can name one with more"
                " room, or the ticket can be smaller"
            )
            return NotEver(words, "rejected")
    if problem.provider_error_code in _DECLINED:
        return NotEver(f"it refuses the request ({told})", "refused")
    whole = ": ".join(filter(None, (told, said)))
    return NotEver(
        f"it does not accept the request ({whole}); see whether its name in MERGEWRIGHT_MODEL and"
        " its provider's address are right, and whether MERGEWRIGHT_MODEL_STREAM=off helps",
        "rejected",
    )


def _not_found(problem: theirs.ModelAPIError, name: str, told: str, said: str) -> str:
    """Tell a model that there is not from an address where there is nothing."""
    if problem.provider_error_code == "model_not_found" or re.search(r"(?i)\bmodels?\b", said):
        return f"there is no such model ({told}); correct its name"
    words = f"there is no such model, or nothing at that address ({told}); correct its name"
    words += f" or {address}" if (address := _address_of(name)) else ""
    if name.startswith(("openai:", "openai-responses:")):
        asked = name.partition(":")[2]
        words += f", or name openai-chat:{asked} where the server has no Responses API"
    return words


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


def _address_of(name: str) -> str:
    """Name the variable of a provider's address; empty: it is not known here."""
    known = {"openai": "OPENAI", "anthropic": "ANTHROPIC", "google": "GOOGLE_GEMINI"}
    provider = name.partition(":")[0].removesuffix("-chat").removesuffix("-responses")
    return f"{known[provider]}_BASE_URL" if provider in known else ""


def _setting_of(name: str) -> str:
    variable = _address_of(name)
    return f", which {variable} sets" if variable else ""


def _without_credentials(address: str) -> str:
    """Give an address without user, password and query."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that is none"
    whole = f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
    return cleaning.terminal(whole)[:_WORDS]


def _told(problem: Exception, redacted: Callable[[str], str]) -> str:
    status = getattr(problem, "status_code", None)
    code = getattr(problem, "provider_error_code", None)
    named = ", ".join(str(part) for part in (status, code) if part)
    return named or short(getattr(problem, "message", str(problem)), redacted).rstrip(".")


def _message(problem: Exception, redacted: Callable[[str], str]) -> str:
    """Read what a provider says of an error, however it wraps it; empty: nothing."""
    told = getattr(problem, "body", None)
    for key in ("error", "message", "detail"):
        told = told.get(key, told) if isinstance(told, dict) else told
    # A page for browsers says nothing, and one of a proxy may be long.
    if not isinstance(told, str) or told.lstrip().startswith("<"):
        return ""
    return short(told, redacted).rstrip(".")


def short(words: str, redacted: Callable[[str], str]) -> str:
    """Give foreign words in one line that is not too long, without secrets."""
    # What is cut first may leave half of a secret, which nobody would know for one.
    return cleaning.terminal(redacted(" ".join(words.split())))[:_WORDS]
