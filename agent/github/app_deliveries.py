"""GitHub's log of deliveries to the App's webhook, with their payloads."""

from datetime import datetime
from typing import Any, NamedTuple

from agent.github import api_errors
from agent.github.access import Access, Raw
from agent.github.api_errors import ignore_statuses
from agent.github.connection import translating_errors

_DELIVERIES = "/app/hook/deliveries"


class SentDelivery(NamedTuple):
    """One attempt of the code host at a delivery: an entry of its log."""

    number: int
    """Number of the attempt, by which the delivery is read."""
    delivery_id: str
    event: str
    action: str | None
    at: float


class SentPage(NamedTuple):
    """A page of the log of deliveries, newest first."""

    deliveries: tuple[SentDelivery, ...]
    after: str | None
    """Cursor of the next page, which has older ones; None: this is the last page."""
    now: float
    """The code host's clock, in seconds since the epoch."""


@translating_errors
class AppDeliveries:
    """The log of the App's webhook; only the App itself may read it."""

    def __init__(self, access: Access) -> None:
        """Prepare to read the log; nothing is requested yet."""
        self._access = access
        self._app = access.tokens.as_app(access.start_notes("deliveries"))

    def read_page(self, after: str | None = None) -> SentPage:
        wanted: dict[str, Any] = {"per_page": 100}
        if after is not None:
            wanted["cursor"] = after

        def work() -> SentPage:
            headers, listed = self._app.requestJsonAndCheck("GET", _DELIVERIES, parameters=wanted)
            return SentPage(
                deliveries=tuple(_make_sent_delivery(raw) for raw in listed),
                after=api_errors.read_next_link(headers).get("cursor"),
                now=api_errors.server_time(headers),
            )

        return self._access.ask(work, doing="read the log of deliveries")

    def read_payload(self, number: int) -> dict[str, Any] | None:
        """Read the payload of an attempt; None: GitHub no longer has it."""
        with ignore_statuses(404, 410):
            _, delivery = self._access.ask(
                lambda: self._app.requestJsonAndCheck("GET", f"{_DELIVERIES}/{number}"),
                doing=f"read delivery {number}",
            )
            return dict(delivery["request"]["payload"])
        return None


def _make_sent_delivery(raw: Raw) -> SentDelivery:
    return SentDelivery(
        number=int(raw["id"]),
        delivery_id=str(raw["guid"]).lower(),
        event=str(raw["event"]),
        action=None if raw["action"] is None else str(raw["action"]),
        at=datetime.fromisoformat(str(raw["delivered_at"])).timestamp(),
    )
