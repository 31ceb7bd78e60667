"""GitHub's own log of what it has delivered to our App: implements `DeliveryLog`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agent.github import api_errors
from agent.github.access import Access
from agent.github.api_errors import ignore_statuses
from agent.github.connection import Watched
from agent.github.session import Raw, all_in_our_words
from agent.models.intake import SentDelivery, SentPage

_PATH = "/app/hook/deliveries"
_PER_PAGE = 100
#: GitHub does not have the delivery any more, or not for so long that it sends it again.
_GONE = (400, 404, 410, 422)


@all_in_our_words
class AppDeliveries:
    """The log of the App's webhook; only the App itself may read it."""

    def __init__(self, access: Access) -> None:
        """Ask nothing yet.

        Raises:
            ValueError: We are no App, so that there is no such log.
        """
        self._access = access
        app = access.as_app(access.start_notice("deliveries"))
        if app is None:
            raise ValueError("a person has no log of deliveries")
        self._app: Watched = app

    def read_page(self, after: str | None = None) -> SentPage:
        """Read a page of the log, newest first."""
        wanted: dict[str, Any] = {"per_page": _PER_PAGE}
        if after is not None:
            wanted["cursor"] = after

        def work() -> SentPage:
            headers, found = self._app.requestJsonAndCheck("GET", _PATH, parameters=wanted)
            return SentPage(
                deliveries=tuple(_make_sent_delivery(one) for one in found),
                after=api_errors.read_next_link(headers, "next").get("cursor"),
                now=api_errors.server_time(headers),
            )

        return self._access.asking().ask(work, doing="read the log of deliveries")

    def redeliver(self, number: int) -> bool:
        """Ask for a delivery again; return False where GitHub does not send it any more.

        Should the answer be lost, it is asked for twice: that does no harm, since both carry the
        same GUID.
        """
        with ignore_statuses(*_GONE):
            self._access.asking().ask(
                lambda: self._app.requestJsonAndCheck("POST", f"{_PATH}/{number}/attempts"),
                doing=f"deliver {number} again",
            )
            return True
        return False


def _make_sent_delivery(raw: Raw) -> SentDelivery:
    code = int(raw["status_code"])
    return SentDelivery(
        number=int(raw["id"]),
        delivery_id=str(raw["guid"]).lower(),
        event=str(raw["event"]),
        action=None if raw["action"] is None else str(raw["action"]),
        at=datetime.fromisoformat(str(raw["delivered_at"])).timestamp(),
        was_handled=200 <= code < 300,
    )
