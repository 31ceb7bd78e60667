"""A client that holds every answer it gets against GitHub's description, and keeps the score.

Every response that passes is judged; what GitHub would not answer raises at once, naming request
and place. Left to others: the schemas (`schemas.py`), what is asked (the tests).
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from tests.contract import schemas

API = "/api/v3"


class Broken(AssertionError):
    """A response, or a request that was accepted, is not GitHub's."""


class JudgedClient:
    """Calls the simulator's REST routes; remembers which operations were visited, how they ended."""

    def __init__(self, base_url: str) -> None:
        self.visited: dict[str, set[int]] = {}
        self.base_url = base_url
        self.judged = 0
        hooks = {"response": [self._judge]}
        self._http = httpx.Client(
            base_url=base_url + API, event_hooks=hooks, timeout=30, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(
        self, method: str, path: str, token: str = "", *, expect: int = 200, **more: Any
    ) -> httpx.Response:
        """Send one request, have the answer judged, and hold its status against the expected."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        answer = self._http.request(method, path, headers=headers, **more)
        if answer.status_code != expect:
            raise Broken(
                f"{method} {path}: {answer.status_code}, not {expect}: {answer.text[:400]}"
            )
        return answer

    def _judge(self, response: httpx.Response) -> None:
        response.read()
        request = response.request
        path = request.url.path.removeprefix(API)
        operation = schemas.operation_of(request.method, path)
        self.judged += 1
        if operation is None:
            if response.status_code != 404:
                raise Broken(f"{request.method} {path}: GitHub has no such operation")
            return
        kind = response.headers.get("content-type", "")
        found = schemas.response_faults(operation, response.status_code, kind, response.content)
        if response.status_code < 300 or response.status_code == 302:
            found += schemas.request_faults(operation, request.content)
            self.visited.setdefault(str(operation), set()).add(response.status_code)
        if found:
            raise Broken("\n".join(found))
