"""Our GitHub App: what it asks for, and its registration by GitHub's manifest flow.

The page on which an App is registered, `deploy/github_app.json` and what tokens may do follow from
here; `deploy/README.md` gives the reason for each permission.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from pydantic import SecretStr, ValidationError

from agent.errors import CodeHostUnavailable, PermanentError, SettingsInvalid
from agent.models.record import Record

LONGEST_NAME = 34
"""Characters of an App's name at GitHub."""
PERMISSIONS = {
    "metadata": "read",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "checks": "write",
    "statuses": "read",
    "actions": "read",
}
EVENTS = (
    "issues", "issue_comment", "pull_request", "pull_request_review",
    "pull_request_review_comment", "check_suite", "check_run", "status",
)  # fmt: skip
_API = "/api/v3"

_TIMEOUT_SECONDS = 30.0
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "mergewright",
    "X-GitHub-Api-Version": "2022-11-28",
}
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")


def make_manifest(public_url: str, name: str, redirect_url: str) -> dict[str, Any]:
    """Make the manifest from which GitHub registers the App.

    Args:
        public_url: Of the listener, without slash at the end.
        redirect_url: Where GitHub leads with the code, once the App is registered.
    """
    return {
        "name": name,
        "url": public_url,
        "description": "Turns a labelled issue into a pull request that has already passed the"
        " project's own checks.",
        "public": False,
        "hook_attributes": {"url": f"{public_url}/webhooks/github", "active": True},
        "default_permissions": PERMISSIONS,
        "default_events": list(EVENTS),
        "redirect_url": redirect_url,
    }


def settings_page(api_url: str, organization: str | None) -> str:
    """Return the address of the page that lists the Apps of an organization, or one's own.

    Raises:
        SettingsInvalid: The address of the API is none.
    """
    parts = urlsplit(api_url)
    if parts.path == _API:
        web = api_url.removesuffix(_API)
    elif parts.path in ("", "/") and parts.netloc.startswith("api."):
        # github.com itself, and the subdomain of ghe.com that an enterprise has to itself.
        web = f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"
    else:
        raise SettingsInvalid(
            f"MERGEWRIGHT_GITHUB_URL: {api_url} is not the address of GitHub's API. Give"
            " https://api.github.com, or on an Enterprise server https://HOST/api/v3."
        )
    owner = f"organizations/{quote(organization, safe='')}/" if organization else ""
    return f"{web}/{owner}settings/apps"


def make_no_api_error(address: str, told: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"MERGEWRIGHT_GITHUB_URL: {address} does not answer as GitHub's REST API does ({told})."
        " Give https://api.github.com, or on an Enterprise server https://HOST/api/v3."
    )


class MadeApp(Record, extra="ignore"):
    """An App that GitHub has just registered, with its private key."""

    id: int
    slug: str
    name: str
    html_url: str
    pem: SecretStr
    webhook_secret: SecretStr | None
    client_id: str
    client_secret: SecretStr


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
            f"GitHub cannot be reached at {api_url} ({problem!r}). Check the network, the proxy"
            " (HTTPS_PROXY), the certificates (SSL_CERT_FILE) and MERGEWRIGHT_GITHUB_URL."
        ) from problem
    if found.status_code >= 500:
        raise CodeHostUnavailable(
            f"GitHub answers {found.status_code} at {api_url}. Try again later."
        )
    if found.status_code not in (401, 403, 429) or '"message"' not in found.text:
        raise make_no_api_error(api_url, f"/app: {found.status_code}")


def is_code(text: str) -> bool:
    return _CODE.fullmatch(text) is not None


def exchange_code(api_url: str, code: str, apps_page: str) -> MadeApp:
    """Trade the code of a registration for the App's number, key and secret; never sent twice.

    Args:
        apps_page: Where the owner finds the App, for the words of an error.

    Raises:
        PermanentError: The code is of no use, or it is not known whether it was used up; the App is
            at GitHub, without anybody who has its key.
    """
    begin_anew = f"Delete the App that was made at {apps_page}, then run the command again."
    try:
        with _client() as client:
            answer = client.post(f"{api_url}/app-manifests/{code}/conversions")
        answer.raise_for_status()
        return MadeApp.model_validate_json(answer.content)
    except httpx.HTTPError as problem:
        raise PermanentError(
            f"GitHub did not hand out the App's key, or its answer was lost ({problem!r}). A code"
            f" is good for one use within an hour, so it is not sent again. {begin_anew}"
        ) from problem
    except ValidationError:
        # Without its cause, which quotes what came.
        raise PermanentError(
            f"What GitHub answered at {api_url} is no App with a key. {begin_anew}"
        ) from None


def _client() -> httpx.Client:
    return httpx.Client(headers=_HEADERS, timeout=_TIMEOUT_SECONDS, follow_redirects=False)
