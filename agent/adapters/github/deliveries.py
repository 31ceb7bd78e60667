"""GitHub's own log of what it has delivered to our App: implements `ports.DeliveryLog`.

Owns how the log is asked. Which deliveries are missing, and how often one is asked for again, is
left to `agent.reconcile`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agent.adapters.github import answers
from agent.adapters.github.access import Access
from agent.adapters.github.answers import Refused
from agent.adapters.github.connection import Watched
from agent.adapters.github.spoken import in_our_words
from agent.errors import RequestRefused
from agent.ports import SentDelivery, SentPage

_PATH = "/app/hook/deliveries"
_PER_PAGE = 100
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
#: GitHub does not have the delivery any more, or not for so long that it sends it again.
_GONE = (400, 404, 410, 422)


class AppDeliveries:
    """The log of the App's webhook; only the App itself may read it."""

    def __init__(self, access: Access) -> None:
        """Ask nothing yet.

        Raises:
            ValueError: We are no App, so that there is no such log.
        """
        self._access = access
        app = access.as_app(access.notice("deliveries"), paced=True)
        if app is None:
            raise ValueError("a person has no log of deliveries")
        self._app: Watched = app

    @in_our_words
    def page(self, after: str | None = None) -> SentPage:
        """Read a page of the log, newest first.

        Raises:
            RequestRefused: The mark `after` is not valid any more.
        """
        wanted: dict[str, Any] = {"per_page": _PER_PAGE}
        if after is not None:
            wanted["cursor"] = after

        def work() -> SentPage:
            headers, found = self._app.requestJsonAndCheck("GET", _PATH, parameters=wanted)
            return SentPage(
                deliveries=tuple(_sent(one) for one in found),
                after=_cursor(str(headers.get("link") or "")),
                now=answers.server_time(headers),
            )

        try:
            return self._access.asking().ask(work, doing="read the log of deliveries")
        except Refused as problem:
            if after is None or problem.status not in _GONE:
                raise
            raise RequestRefused("GitHub does not know that page of the log any more.") from problem

    @in_our_words
    def again(self, number: int) -> bool:
        """Ask for a delivery again; return False where GitHub does not send it any more.

        Should the answer be lost, it is asked for twice: that does no harm, since both carry the
        same GUID.
        """
        try:
            self._access.asking().ask(
                lambda: self._app.requestJsonAndCheck("POST", f"{_PATH}/{number}/attempts"),
                doing=f"deliver {number} again",
            )
        except Refused as problem:
            if problem.status not in _GONE:
                raise
            return False
        return True


def _sent(raw: Mapping[str, Any]) -> SentDelivery:
    code = int(raw["status_code"])
    return SentDelivery(
        number=int(raw["id"]),
        delivery_id=str(raw["guid"]).lower(),
        event=str(raw["event"]),
        action=None if raw["action"] is None else str(raw["action"]),
        at=datetime.fromisoformat(str(raw["delivered_at"])).timestamp(),
        heard=200 <= code < 300,
    )


def _cursor(link: str) -> str | None:
    """Take the mark of the next page out of the header."""
    found = _NEXT.search(link)
    marks = parse_qs(urlsplit(found[1]).query).get("cursor") if found else None
    return marks[0] if marks else None
