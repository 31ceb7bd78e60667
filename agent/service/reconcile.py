"""Fetch deliveries that did not reach us, so that none is lost.

GitHub keeps a log of what it has sent to the App's webhook. Deliveries that are not in our inbox
are read there, and go through inbox and intake like any other: after an outage of the service, and
if GitHub cannot reach it at all.
"""

import math

import structlog

from agent.conversation import deliveries
from agent.conversation.deliveries import READS
from agent.github.app_deliveries import AppDeliveries, SentDelivery
from agent.store.sql_inbox import Inbox

_log = structlog.get_logger()

#: GitHub keeps its log for so long.
_REACH_SECONDS = 3 * 86_400.0
#: The log gives the time of the attempt, but may list a delivery that took long only later.
_OVERLAP_SECONDS = 1_800.0
_FETCHED_AT_ONCE = 100


class MissedDeliveries:
    """Adds deliveries that are missing in our inbox.

    Keeps no state across restarts: log and inbox together show what is missing. All times are the
    code host's.
    """

    def __init__(self, log: AppDeliveries, inbox: Inbox, *, seconds: float) -> None:
        # `seconds` between two reads of the log.
        self._log, self._inbox, self._seconds = log, inbox, seconds
        self._read_from = -math.inf
        """Time before which no delivery is missing, since all of them were read."""
        self._gone: set[str] = set()
        """Ids of deliveries that are in the log, but whose payload GitHub has no more."""

    def run_once(self) -> float:
        """Read the log and fetch missing deliveries, oldest first; return the seconds to wait."""
        sent, now = self._read_log()
        missing = [
            attempt
            for attempt in sorted(sent.values(), key=lambda attempt: (attempt.at, attempt.number))
            if attempt.delivery_id not in self._gone
            and self._inbox.find(attempt.delivery_id) is None
        ]
        for attempt in missing[:_FETCHED_AT_ONCE]:
            self._fetch(attempt)
        if missing[_FETCHED_AT_ONCE:]:
            return 0.0
        self._read_from = now - _OVERLAP_SECONDS
        return self._seconds

    def _fetch(self, attempt: SentDelivery) -> None:
        payload = self._log.read_payload(attempt.number)
        if payload is None:
            self._gone.add(attempt.delivery_id)
            _log.error("delivery lost", delivery=attempt.delivery_id)
            return
        parsed = deliveries.parse_payload(attempt.event, attempt.action, payload)
        fetched = deliveries.make_delivery(attempt.delivery_id, attempt.event, parsed)
        self._inbox.append([fetched])
        _log.info("delivery fetched", delivery=attempt.delivery_id)

    def _read_log(self) -> tuple[dict[str, SentDelivery], float]:
        """Read the log as far back as something may be missing, three days at most.

        Returns:
            The first attempt at each delivery on which we act, by its id; the code host's clock.
        """
        sent: dict[str, SentDelivery] = {}
        page = self._log.read_page(None)
        now, down_to = page.now, max(page.now - _REACH_SECONDS, self._read_from)
        while True:
            # The log is newest first, so that an earlier attempt replaces a later one.
            sent |= {
                attempt.delivery_id: attempt
                for attempt in page.deliveries
                if attempt.at >= down_to and attempt.action in READS.get(attempt.event, ())
            }
            oldest = page.deliveries[-1].at if page.deliveries else -math.inf
            if oldest < down_to or page.after is None:
                return sent, now
            page = self._log.read_page(page.after)
