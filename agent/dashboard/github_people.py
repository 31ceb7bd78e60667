"""GitHub accounts of visitors, and which of our repositories they can read or write.

The App's user authorization gives us a token of each person, which reaches only repositories that
both the person and the App can access. Tokens are kept in memory and shown nowhere.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from agent.errors import AccessLost, CodeHostUnavailable

CALLBACK_PATH = "/sign-in/github/back"
"""Path that GitHub redirects people back to, below the dashboard's address."""
_SECONDS = 10.0
_PER_PAGE, _MOST_PAGES = 100, 30
_REFUSED = (401, 403, 404)
_OBJECT = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Person:
    login: str
    token: SecretStr
    repositories: Mapping[int, bool]
    """Whether they may write to a repository, by the repository's number."""


class GithubPeople:
    """Asks GitHub about people, with their own tokens."""

    def __init__(
        self,
        api_url: str,
        website: str,
        client_id: str,
        client_secret: Callable[[], SecretStr | None],
        address: str,
    ) -> None:
        self._api_url, self._website = api_url, website
        self._client_id, self._client_secret = client_id, client_secret
        self._back = address + CALLBACK_PATH

    def authorize_url(self, state: str, verifier: str) -> str:
        """Return the page of GitHub that asks a person to authorize us.

        `verifier` is a secret that `exchange` sends, so that a stolen code is useless (PKCE).
        """
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "client_id": self._client_id,
            "redirect_uri": self._back,
            "code_challenge": digest.decode().rstrip("="),
            "code_challenge_method": "S256",
            "state": state,
        }
        return f"{self._website}/login/oauth/authorize?{urlencode(query)}"

    def exchange(self, code: str, verifier: str) -> Person:
        """Identify a person by a code of GitHub's. Raises AccessLost for an unknown code."""
        secret = self._client_secret()
        form = {
            "client_id": self._client_id,
            "client_secret": secret.get_secret_value() if secret else "",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": self._back,
        }
        with _client() as client:
            answer = _ask(client, "POST", f"{self._website}/login/oauth/access_token", data=form)
            token = answer.get("access_token")
            if not isinstance(token, str):
                raise AccessLost("GitHub rejected this sign-in. Try again.")
            return self._describe(client, SecretStr(token))

    def refresh(self, person: Person) -> Person:
        """Read a person's permissions again. Raises AccessLost if the token is no longer valid."""
        with _client() as client:
            return replace(self._describe(client, person.token), login=person.login)

    def _describe(self, client: httpx.Client, token: SecretStr) -> Person:
        client.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        login = str(_ask(client, "GET", f"{self._api_url}/user")["login"])
        repositories: dict[int, bool] = {}
        for installation in self._list(client, "/user/installations", "installations"):
            path = f"/user/installations/{int(installation['id'])}/repositories"
            for repository in self._list(client, path, "repositories"):
                may = repository.get("permissions") or {}
                if may.get("pull"):
                    repositories[int(repository["id"])] = bool(may.get("push"))
        return Person(login, token, repositories)

    def _list(self, client: httpx.Client, path: str, name: str) -> Iterator[dict[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            query = urlencode({"per_page": _PER_PAGE, "page": page})
            entries = _ask(client, "GET", f"{self._api_url}{path}?{query}")[name]
            yield from entries
            if len(entries) < _PER_PAGE:
                return


def _client() -> httpx.Client:
    headers = {"Accept": "application/json", "User-Agent": "mergewright"}
    return httpx.Client(timeout=_SECONDS, headers=headers)


def _ask(
    client: httpx.Client, method: str, url: str, data: dict[str, str] | None = None
) -> dict[str, Any]:
    try:
        answer = client.request(method, url, data=data)
        if answer.status_code in _REFUSED:
            raise AccessLost("GitHub rejected this sign-in. Try again.")
        return _OBJECT.validate_json(answer.raise_for_status().content)
    except (httpx.HTTPError, ValidationError):
        # Without its cause, which could show a code or a token.
        raise CodeHostUnavailable(
            "GitHub does not respond as expected. Try again in a minute."
        ) from None
