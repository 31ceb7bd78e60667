"""Meaning of GitHub's responses: the three ways in which a request fails, and their messages."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from requests.utils import parse_header_links

from agent.errors import AccessLost, AgentError, CodeHostLimited, Superseded
from agent.models.clock import read_clock

#: Seconds to wait after a limit that names no time, as GitHub advises.
_UNNAMED_WAIT = 60.0
_LIMIT_WORDS = re.compile(
    r"(?i)rate limit|abuse detection|please wait a few minutes|retry your request again later"
)
_WORDS_LIMIT = 300
_LONGEST_WAIT = 3_660.0
_NUMBER = re.compile(r"[0-9]{1,12}")


class RefusedRequest(Exception):
    """GitHub understood the request and said no; asking again will not change that."""

    def __init__(
        self, status: int, data: object, headers: Mapping[str, Any], request: str = ""
    ) -> None:
        """Keep the reasons; names of headers are in lower case, `request` is method and path."""
        self.status = status
        self.request = request
        self.location = str(headers.get("location") or "")
        self.words = _message(data)
        self.problems = _texts(data.get("errors") if isinstance(data, dict) else None)
        self.accepted = str(headers.get("x-accepted-github-permissions") or "")
        self.doing = "this"
        super().__init__(status, self.words)

    @property
    def full_message(self) -> str:
        """All messages of GitHub's response, each once."""
        return "; ".join(dict.fromkeys((self.words, *self.problems)))

    def has_phrase(self, *parts: str) -> bool:
        """Whether GitHub's messages contain one of these phrases, which are in lower case."""
        return any(part in self.full_message.lower() for part in parts)

    def make_agent_error(self) -> AgentError:
        """Return an error of ours, with the request, GitHub's response and what to do."""
        answer = ": ".join(filter(None, (str(self.status), self.full_message.rstrip("."))))
        reply = f"{self.request} answered {answer}" if self.request else answer
        if self.status < 400:
            return AccessLost(
                f"GitHub redirected the request to {self.doing} ({reply}): the repository was"
                " renamed or transferred."
            )
        if self.has_phrase("archived"):
            return AccessLost(
                "The repository is archived on GitHub, so nothing can be written to it."
            )
        if self.has_phrase("is locked"):
            return Superseded("The issue is locked; unlock it.")
        if self.status == 410:
            return Superseded("The issue was deleted or transferred; the run ended.")
        if self.status == 401:
            return AccessLost(
                f"GitHub did not accept our token to {self.doing} ({reply}). It may be expired"
                " or revoked. The operator must replace it."
            )
        if self.status in (403, 404):
            return AccessLost(
                f"GitHub refused to {self.doing} ({reply}). {self._explain_missing()}"
            )
        return AccessLost(f"GitHub refused to {self.doing} ({reply}).")

    def _explain_missing(self) -> str:
        # The header lists alternatives as `issues=write; pull_requests=write`.
        named = self.accepted.replace("=", ": ").replace(";", " or").replace(",", ", ")
        permission = " ".join(named.split())
        if self.status == 404 and not permission:
            return "It does not exist, or our App or token has no access to it."
        if not permission:
            return "Check the permissions of our App or token in this repository."
        return f"Our App or token needs the permission {permission} in this repository."


@contextmanager
def ignore_statuses(*statuses: int) -> Iterator[None]:
    """Ignore a refusal with one of these statuses: it only ends the block."""
    try:
        yield
    except RefusedRequest as problem:
        if problem.status not in statuses:
            raise


class LostReply(Exception):
    """No usable reply, or a failing server: the request may have had its effect or not."""


class UnexpectedAnswer(LostReply):
    """A response that GitHub's API does not give: the address may be another server's."""


class RateLimited(Exception):
    def __init__(self, words: str, wait: float) -> None:
        super().__init__(words)
        self.wait = max(0.0, wait)

    def make_agent_error(self, doing: str) -> CodeHostLimited:
        until = read_clock() + self.wait
        when = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return CodeHostLimited(
            f"GitHub asks us to wait {round(self.wait)} s, until {when}, before we {doing}"
            f" ({self}).",
            until=until,
        )


def raise_for_answer(
    status: int, headers: Mapping[str, Any], data: object, request: str = ""
) -> None:
    """Raise RateLimited, LostReply or RefusedRequest for a response of 300 and more.

    Names of headers are in lower case; `data` is the response's JSON, or its text if it was none;
    `request` is method and path.
    """
    if status < 300:
        return
    if status == 429 or (status == 403 and _is_rate_limited(headers, data)):
        raise RateLimited(_message(data) or "rate limit", _read_wait_seconds(headers))
    if status >= 500 or status in (408, 425):
        raise LostReply(f"{request} answered {status}".lstrip())
    raise RefusedRequest(status, data, headers, request)


def raise_for_query(headers: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Raise the errors of a GraphQL response, which come with status 200."""
    errors = data.get("errors")
    if not errors:
        return
    kinds = {str(error.get("type")) for error in errors if isinstance(error, dict)}
    answer = {"message": "; ".join(_texts(errors))}
    if "RATE_LIMITED" in kinds:
        raise RateLimited(_message(answer), _read_wait_seconds(headers))
    status = 403 if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"} else 422
    status = 404 if "NOT_FOUND" in kinds else status
    raise RefusedRequest(status, answer, headers, "POST /graphql")


def _is_rate_limited(headers: Mapping[str, Any], data: object) -> bool:
    return (
        "retry-after" in headers
        or str(headers.get("x-ratelimit-remaining")) == "0"
        or bool(_LIMIT_WORDS.search(_message(data)))
    )


def _read_wait_seconds(headers: Mapping[str, Any]) -> float:
    """Seconds to wait by the server's clock; an hour at most, within which limits are renewed."""
    now, wait = server_time(headers), _UNNAMED_WAIT
    after = str(headers.get("retry-after") or "").strip()
    reset = str(headers.get("x-ratelimit-reset") or "")
    if _NUMBER.fullmatch(after):
        wait = float(after)
    elif (date := _date(after)) is not None:
        wait = date - now
    elif str(headers.get("x-ratelimit-remaining")) == "0" and _NUMBER.fullmatch(reset):
        # The limit may be renewed at any moment within that second.
        wait = float(reset) - now + 1.0
    return min(max(0.0, wait), _LONGEST_WAIT)


def read_next_link(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the query of the next page's address, from the header `Link`."""
    for link in parse_header_links(str(headers.get("link") or "")):
        if link.get("rel") == "next":
            return dict(parse_qsl(urlsplit(link["url"]).query))
    return {}


def server_time(headers: Mapping[str, Any]) -> float:
    """Return the time of the `Date` header, else of this machine, in seconds since the epoch."""
    date = _date(str(headers.get("date") or ""))
    return read_clock() if date is None else date


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, IndexError):
        return None


def _message(data: object) -> str:
    message = data.get("message") if isinstance(data, dict) else None
    return " ".join(str(message or "").split())[:_WORDS_LIMIT]


def _texts(errors: object) -> list[str]:
    """Each error in words: its message, or resource, field and code."""
    texts = []
    for error in errors[:10] if isinstance(errors, list) else ():
        text = error
        if isinstance(error, dict):
            parts = (error.get(name) for name in ("resource", "field", "code"))
            text = error.get("message") or " ".join(str(part) for part in parts if part)
        texts.append(" ".join(str(text).split())[:_WORDS_LIMIT])
    return texts
