"""What is asked of GitHub about our App as such: to trade a code for its key, and what it may do.

The code of GitHub's manifest flow is good for an hour and for one use, so the trade is never
repeated once it may have reached GitHub.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from agent.errors import CodeHostUnavailable, PermanentError, SettingsInvalid
from agent.github import access, api_errors
from agent.github.api_errors import LostReply, RateLimited, RefusedRequest
from agent.models.record import Record
from agent.settings import Settings

_TIMEOUT_SECONDS = 30.0
_CONNECT_SECONDS = 30.0
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "mergewright",
    "X-GitHub-Api-Version": "2022-11-28",
}
#: Nothing has left this machine where one of these is raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")


class MadeApp(Record):
    """An App that GitHub has just registered, with its private key."""

    id: int
    slug: str
    name: str
    html_url: str
    pem: SecretStr
    webhook_secret: SecretStr | None


class RegisteredApp(Record):
    """An App as GitHub has it."""

    id: int
    slug: str
    html_url: str
    permissions: dict[str, str]
    events: tuple[str, ...]
    installations: int | None
    """How many accounts have it; None: not told."""


def require_api(api_url: str) -> None:
    """See that GitHub's API answers at an address, before an App is made there.

    Raises:
        SettingsInvalid: Something else answers there.
        CodeHostUnavailable: Nobody does, or not now.
    """
    try:
        with _client() as client:
            # Whoever shows no token is refused here in the API's own way, on every server.
            found = client.get(f"{api_url}/app")
    except httpx.HTTPError as problem:
        raise CodeHostUnavailable(
            f"GitHub cannot be reached at {api_url} ({_words(problem)}). Check the network, the"
            " proxy (HTTPS_PROXY), the certificates (SSL_CERT_FILE) and MERGEWRIGHT_GITHUB_URL."
        ) from problem
    if found.status_code >= 500:
        raise CodeHostUnavailable(
            f"GitHub answers {found.status_code} at {api_url}. Try again later."
        )
    if found.status_code not in (401, 403, 429) or "message" not in _object(found):
        raise access.no_api(api_url, f"/app: {found.status_code}")


def is_code(text: str) -> bool:
    """Tell whether a text has the form of a code."""
    return _CODE.fullmatch(text) is not None


def exchange_code(
    api_url: str, code: str, apps_page: str, *, connect_seconds: float = _CONNECT_SECONDS
) -> MadeApp:
    """Trade the code of a registration for the App's number, key and secret.

    Args:
        apps_page: Where the owner finds the App, for the words of an error.
        connect_seconds: So long it is tried again as long as nothing was sent.

    Raises:
        PermanentError: The code is of no use, or it is not known whether it was used up; the App is
            at GitHub, without anybody who has its key.
        CodeHostUnavailable: GitHub could not be reached; likewise.
    """
    address = f"{api_url}/app-manifests/{quote(code, safe='')}/conversions"
    begin_anew = f"Delete the App that was made at {apps_page}, then run the command again."
    retrying = Retrying(
        retry=retry_if_exception_type(_NOT_SENT),
        stop=stop_after_delay(connect_seconds),
        wait=wait_exponential(multiplier=0.5, max=5.0),
        reraise=True,
    )
    try:
        with _client() as client:
            answer = retrying(client.post, address)
        found = _object(answer)
        api_errors.raise_for_answer(answer.status_code, answer.headers, found)
        # A refusal is an object too; an App without a key would be no App.
        return MadeApp.model_validate({name: found.get(name) for name in MadeApp.model_fields})
    except _NOT_SENT as problem:
        raise CodeHostUnavailable(
            f"GitHub cannot be reached to fetch the App's key ({_words(problem)}). {begin_anew}"
        ) from problem
    except (httpx.HTTPError, RateLimited, RefusedRequest, LostReply) as problem:
        why = problem.full_message if isinstance(problem, RefusedRequest) else _words(problem)
        raise PermanentError(
            f"GitHub did not hand out the App's key, or its answer was lost ({why}). A code is good"
            f" for one use within an hour, so it is not sent again. {begin_anew} Or keep the App:"
            " make a private key and a webhook secret on its page, and write the files by hand"
            " (deploy/README.md)."
        ) from problem
    except ValidationError:
        # Without its cause, which quotes what came.
        raise PermanentError(
            f"What GitHub answered at {api_url} is no App with a key. {begin_anew}"
        ) from None


def read_registered_app(settings: Settings) -> RegisteredApp:
    """Ask GitHub what the App of the settings is and may do.

    Raises:
        SettingsInvalid: GitHub does not know it by its key, or is not at the address.
        CodeHostUnavailable: No usable answer; try again.
    """
    way = access.connect_to_github(settings)
    # It says what is wrong with address, number, key and clock.
    way.login()
    app = way.as_app(way.start_notice("app"))
    if app is None:
        raise SettingsInvalid("These settings name no GitHub App.")

    def work() -> RegisteredApp:
        found = app.requestJsonAndCheck("GET", "/app")[1]
        fields = {name: found.get(name) for name in RegisteredApp.model_fields}
        fields["installations"] = found.get("installations_count")
        return RegisteredApp.model_validate(fields)

    return way.asking().ask(work, doing="look our App up")


def _client() -> httpx.Client:
    return httpx.Client(headers=_HEADERS, timeout=_TIMEOUT_SECONDS, follow_redirects=False)


def _object(answer: httpx.Response) -> dict[str, Any]:
    """Give the answer's JSON; empty where it is no object."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__
