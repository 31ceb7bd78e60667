"""Reconciliation: what the code host could not tell us is found out, so that nothing is lost.

As an App we read the code host's log of deliveries, and ask again for those that are not in our
inbox, whether they failed or were answered by somebody else. They come as webhooks, and go through
inbox and intake as any other. With a personal token there is no such log: see `polling`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from agent.errors import AgentError, CodeHostLimited
from agent.models.intake import DeliveryLog, SentDelivery
from agent.service import intake
from agent.store.sql_inbox import Inbox

_log = structlog.get_logger()

ACTED_ON: dict[str, frozenset[str | None]] = {
    "issues": intake.TAKES_BACK | {"labeled", "reopened", "unlocked"},
    "issue_comment": frozenset({"created"}),
    "pull_request": frozenset({"closed", "reopened"}),
    "pull_request_review": frozenset({"submitted"}),
    "pull_request_review_comment": frozenset({"created"}),
    "check_run": frozenset({"completed"}),
    "check_suite": frozenset({"completed"}),
    "status": frozenset({None}),
}
"""The deliveries that are asked for again: the actions by event on which the service acts; None:
the event has no such word."""

#: GitHub delivers again what it has tried within so long.
_REACH_SECONDS = 3 * 86_400.0
#: A delivery may take its time, and is in the log under the time at which it was tried.
_OVERLAP_SECONDS = 1_800.0
#: Of a hundred deliveries each, in one turn.
_MOST_PAGES = 500
_ASKED_AT_ONCE = 100
#: How long a delivery that did not come is left alone after each time it was sent; the last of them
#: until GitHub does not send it any more.
_GAPS = (60.0, 300.0, 900.0, 2_700.0)
_SHORTEST_PAUSE = 1.0
#: After a turn that failed the next one is taken after so long, unless the code host names a time.
_AFTER_FAILURE = 60.0


def keep_on(turn: Callable[[], float], stop: threading.Event) -> None:
    """Take turns until told to stop; one that fails is logged once, and the next one taken later.

    Args:
        turn: Looks for what is missing; returns the seconds until it is time again.
    """
    pause, logged = 0.0, ""
    while not stop.wait(pause):
        try:
            pause, logged = max(turn(), _SHORTEST_PAUSE), ""
        except CodeHostLimited as problem:
            pause = max(problem.until - time.time(), _SHORTEST_PAUSE)
            _log.warning("reconciliation waits", problem=problem.message, seconds=round(pause))
        except AgentError as problem:
            pause = _AFTER_FAILURE
            if problem.message != logged:
                _log.error("reconciliation failed", problem=problem.message)
            logged = problem.message
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            pause = _AFTER_FAILURE
            _log.error("reconciliation failed", exc_info=problem)


class _MissingDelivery(NamedTuple):
    """A delivery that is not in our inbox; all times are the code host's."""

    numbers: frozenset[int]
    """Of all attempts that the log tells of."""
    first: float
    last: float
    """When it was first and last tried or asked for."""
    asked: int = 0

    @property
    def due_at(self) -> float:
        """When it is asked for next."""
        # Each time that we asked, also before a restart, is an attempt of its own in the log.
        tries = max(self.asked, len(self.numbers) - 1)
        return self.last + _GAPS[min(tries, len(_GAPS)) - 1] if tries else self.last


class Redeliveries:
    """Has deliveries that are not in our inbox sent again.

    Nothing is kept across restarts: log and inbox together tell what is missing.
    """

    def __init__(
        self,
        log: DeliveryLog,
        inbox: Inbox,
        *,
        seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take what it works with.

        Args:
            seconds: From one look at the log to the next.
        """
        self._log, self._inbox = log, inbox
        self._seconds, self._clock = seconds, clock
        self._ahead = 0.0
        """How many seconds the code host's clock is ahead of ours."""
        self._look_at = self._through = -math.inf
        """When the log is read next; up to when it was read."""
        self._missing: dict[str, _MissingDelivery] = {}
        """By delivery id."""
        self._given_up: dict[str, float] = {}
        """When deliveries were given up that the log may still tell of, by their ids."""

    def turn(self) -> float:
        """Read the log if it is time, and ask again for what is due; return the seconds to wait."""
        if self._clock() >= self._look_at:
            # A turn that fails is followed by a pause of its own, and does not count.
            self._read()
            self._look_at = self._clock() + self._seconds
        self._ask()
        now = self._clock() + self._ahead
        due = (one.due_at - now for one in self._missing.values())
        return min(self._look_at - self._clock(), *due, self._seconds)

    def _read(self) -> None:
        """Read the log as far back as it was not read before, three days at most.

        Raises:
            CodeHostUnavailable: It could not be read to its end; the next look reads it again.
        """
        page = self._log.read_page(None)
        self._ahead, through = page.now - self._clock(), page.now
        down_to = max(page.now - _REACH_SECONDS, self._through - _OVERLAP_SECONDS)
        for _ in range(_MOST_PAGES):
            for sent in page.deliveries:
                if sent.at >= down_to and sent.action in ACTED_ON.get(sent.event, frozenset()):
                    self._note(sent)
            oldest = page.deliveries[-1].at if page.deliveries else -math.inf
            if oldest < down_to or page.after is None:
                break
            page = self._log.read_page(page.after)
        else:
            _log.error("the log of deliveries goes on; older ones were not read", pages=_MOST_PAGES)
            return
        self._through = through

    def _note(self, sent: SentDelivery) -> None:
        """Note that a delivery was sent, if it did not come."""
        if self._inbox.find(sent.delivery_id) is not None:
            self._missing.pop(sent.delivery_id, None)
            return
        if sent.delivery_id in self._given_up:
            return
        before = self._missing.get(sent.delivery_id)
        numbers, asked = (before.numbers, before.asked) if before else (frozenset[int](), 0)
        self._missing[sent.delivery_id] = _MissingDelivery(
            numbers | {sent.number},
            min(before.first, sent.at) if before else sent.at,
            max(before.last, sent.at) if before else sent.at,
            asked,
        )

    def _ask(self) -> None:
        """Ask again for what is due, the oldest first, and forget what came or is too old."""
        now = self._clock() + self._ahead
        reach = now - _REACH_SECONDS
        self._given_up = {name: at for name, at in self._given_up.items() if at > reach}
        for delivery_id, one in list(self._missing.items()):
            if self._inbox.find(delivery_id) is not None:
                del self._missing[delivery_id]
            elif now - one.first > _REACH_SECONDS:
                self._give_up(delivery_id, "the code host does not send what is older")
        due = [(one.first, name) for name, one in self._missing.items() if one.due_at <= now]
        for _, delivery_id in sorted(due)[:_ASKED_AT_ONCE]:
            one = self._missing[delivery_id]
            if self._log.redeliver(max(one.numbers)):
                tries = max(one.asked, len(one.numbers) - 1) + 1
                self._missing[delivery_id] = one._replace(last=now, asked=tries)
                _log.info("delivery asked for again", delivery=delivery_id, tries=tries)
            else:
                self._give_up(delivery_id, "the code host does not have it any more")

    def _give_up(self, delivery_id: str, why: str) -> None:
        del self._missing[delivery_id]
        self._given_up[delivery_id] = self._clock() + self._ahead
        _log.error("delivery lost", delivery=delivery_id, reason=why)
