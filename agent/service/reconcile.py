"""Find deliveries that did not reach us, so that none is lost.

As an App we read the code host's log of deliveries and request again those that are not in our
inbox. They may have failed, or somebody else answered them. They arrive as webhooks, and go through
inbox and intake like any other. With a personal token there is no such log: see `polling`.
"""

from __future__ import annotations

import math
from collections import defaultdict

import structlog

from agent.conversation.deliveries import READS
from agent.github.polling import AppDeliveries
from agent.store.sql_inbox import Inbox

_log = structlog.get_logger()

#: GitHub delivers again what it has tried within so long.
_REACH_SECONDS = 3 * 86_400.0
#: A delivery may take its time, and is in the log under the time at which it was tried.
_OVERLAP_SECONDS = 1_800.0
#: Of a hundred deliveries each, in one turn.
_MOST_PAGES = 500
_ASKED_AT_ONCE = 100
#: How long a delivery that did not come is left alone after each time that it was asked for. In all
#: that is less than the reach of the log; then it counts as lost.
_GAPS = (60.0, 300.0, 900.0) + 87 * (2_700.0,)


class Redeliveries:
    """Has deliveries that are not in our inbox sent again.

    Nothing is kept across restarts: log and inbox together tell what is missing, and the log each
    time that it was sent. All times are the code host's.
    """

    def __init__(self, log: AppDeliveries, inbox: Inbox, *, seconds: float) -> None:
        """Take what it works with.

        Args:
            seconds: From one look at the log to the next.
        """
        self._log, self._inbox, self._seconds = log, inbox, seconds
        self._read_from = -math.inf
        """What is older was read, and is not missing."""
        self._asked: dict[str, float] = {}
        """When deliveries were asked for of late, which the log need not show yet."""
        self._lost: set[str] = set()
        """What is not asked for any more, though the log tells of it."""

    def turn(self) -> float:
        """Read the log and ask again for what is due; return the seconds to wait."""
        sent, now, whole = self._read()
        missing = {
            delivery_id: attempts
            for delivery_id, attempts in sent.items()
            if delivery_id not in self._lost and self._inbox.find(delivery_id) is None
        }
        pause = self._seconds
        if whole:
            self._read_from = now - _OVERLAP_SECONDS
        self._asked = {name: at for name, at in self._asked.items() if at > now - _GAPS[0]}
        asked = 0
        for delivery_id, attempts in sorted(missing.items(), key=lambda one: min(one[1])):
            self._read_from = min(self._read_from, min(attempts)[0])
            last, number = max(attempts)
            tries = len(attempts) - 1
            due = last + (_GAPS[tries - 1] if 0 < tries <= len(_GAPS) else 0.0) - now
            if delivery_id in self._asked:
                due = max(due, self._asked[delivery_id] + _GAPS[0] - now)
            if due > 0 or asked == _ASKED_AT_ONCE:
                pause = min(pause, max(due, 0.0))
                continue
            asked += 1
            if tries < len(_GAPS) and self._log.redeliver(number):
                self._asked[delivery_id] = now
                _log.info("delivery asked for again", delivery=delivery_id, tries=tries + 1)
                pause = min(pause, _GAPS[tries])
            else:
                self._lost.add(delivery_id)
                _log.error("delivery lost", delivery=delivery_id)
        return pause

    def _read(self) -> tuple[dict[str, set[tuple[float, int]]], float, bool]:
        """Read the log as far back as something may be missing, three days at most.

        Returns:
            When each delivery on which we act was sent, with the number of the attempt; the code
            host's clock; and whether nothing was left unread.
        """
        sent: dict[str, set[tuple[float, int]]] = defaultdict(set)
        page = self._log.read_page(None)
        now, down_to = page.now, max(page.now - _REACH_SECONDS, self._read_from)
        for _ in range(_MOST_PAGES):
            for one in page.deliveries:
                if one.at >= down_to and one.action in READS.get(one.event, ()):
                    sent[one.delivery_id].add((one.at, one.number))
            oldest = page.deliveries[-1].at if page.deliveries else -math.inf
            if oldest < down_to or page.after is None:
                return sent, now, True
            page = self._log.read_page(page.after)
        _log.error("the log of deliveries goes on; older ones were not read", pages=_MOST_PAGES)
        return sent, now, False
