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

import structlog

from agent.errors import AgentError, CodeHostLimited
from agent.models.intake import DeliveryLog, SentDelivery, SentPage
from agent.models.record import Record
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
#: How long a delivery that did not come is left alone after each time it was asked for. Together
#: they last for as long as somebody may need over a weekend to mend a listener.
_GAPS = (60.0, 300.0, 900.0, 2_700.0, 7_200.0, 21_600.0, 43_200.0, 43_200.0, 43_200.0)
MOST_TRIES = len(_GAPS) + 1
_SHORTEST_PAUSE = 1.0
#: After a turn that failed the next one is taken after so long, unless the code host names a time.
_AFTER_FAILURE = 60.0


def keep_on(turn: Callable[[], float], stop: threading.Event) -> None:
    """Take turns until told to stop; one that fails is logged, and the next one taken later.

    Args:
        turn: Looks for what is missing; returns the seconds until it is time again.
    """
    pause = 0.0
    while not stop.wait(pause):
        try:
            pause = max(turn(), _SHORTEST_PAUSE)
        except CodeHostLimited as problem:
            pause = max(problem.until - time.time(), _SHORTEST_PAUSE)
            _log.warning("reconciliation waits", problem=problem.message, seconds=round(pause))
        except AgentError as problem:
            pause = _AFTER_FAILURE
            _log.error("reconciliation failed", problem=problem.message)
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            pause = _AFTER_FAILURE
            _log.error("reconciliation failed", exc_info=problem)


class MissingDelivery(Record):
    """A delivery that is not in our inbox; all times are the code host's."""

    number: int
    """Of the newest attempt that the log tells of."""
    at: float
    """When it was first tried, as far as the log was read."""
    numbers: frozenset[int] = frozenset()
    """Of all attempts that the log tells of."""
    tries: int = 0
    """How often we have asked for it."""
    last: float = 0.0
    """When we did so last."""
    lost: bool = False
    """Given up; it stays noted for as long as the log may tell of it."""


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
        self._log = log
        self._inbox = inbox
        self._seconds = seconds
        self._clock = clock
        self._ahead = 0.0
        """How many seconds the code host's clock is ahead of ours."""
        self._look_at = -math.inf
        self._heard = -math.inf
        """When the listener was last seen to take a delivery."""
        self._through = -math.inf
        """The log was read up to here."""
        self._missing: dict[str, MissingDelivery] = {}
        """By delivery id."""

    def turn(self) -> float:
        """Read the log if it is time, and ask again for what is due."""
        if self._clock() >= self._look_at:
            # A turn that fails is followed by a pause of its own, and does not count.
            self._read()
            self._look_at = self._clock() + self._seconds
        if self._ask():
            return _SHORTEST_PAUSE
        now = self._get_code_host_time()
        due = (one.last + _gap(one) - now for one in self._missing.values() if _is_open(one))
        return min(self._look_at - self._clock(), *due, self._seconds)

    # --- reading the log -----------------------------------------------------------------------

    def _read(self) -> None:
        """Read the log as far back as it was not read before, three days at most.

        Raises:
            CodeHostUnavailable: It could not be read to its end; the next look reads it again.
        """
        page = self._log.read_page(None)
        self._ahead, through = page.now - self._clock(), page.now
        down_to = max(page.now - _REACH_SECONDS, self._through - _OVERLAP_SECONDS)
        for _ in range(_MOST_PAGES):
            if not self._take(page, down_to) or page.after is None:
                break
            page = self._log.read_page(page.after)
        else:
            _log.error("the log of deliveries goes on; older ones were not read", pages=_MOST_PAGES)
            return
        self._through = through

    def _take(self, page: SentPage, down_to: float) -> bool:
        """Note what is missing of a page; return whether older ones are to be read."""
        for sent in page.deliveries:
            if sent.at < down_to:
                return False
            acted_on = sent.action in ACTED_ON.get(sent.event, frozenset())
            if not acted_on and not (sent.was_handled and sent.at > self._heard):
                continue
            if self._inbox.find(sent.delivery_id) is not None:
                self._missing.pop(sent.delivery_id, None)
                self._heard = max(self._heard, sent.at if sent.was_handled else -math.inf)
            elif acted_on:
                before = self._missing.get(sent.delivery_id)
                self._missing[sent.delivery_id] = _make_missing(before, sent)
        return True

    # --- asking again --------------------------------------------------------------------------

    def _ask(self) -> bool:
        """Ask again for what is due, the oldest first; return whether more is."""
        self._drop_what_came()
        now = self._get_code_host_time()
        open_ones = [
            (one.tries, one.at, delivery_id)
            for delivery_id, one in self._missing.items()
            if _is_open(one)
        ]
        fresh, due = [], []
        for tries, at, delivery_id in sorted(open_ones):
            one = self._missing[delivery_id]
            if tries == 0 or (self._heard > one.last and now - one.last >= _GAPS[0]):
                fresh.append((at, delivery_id))
            elif now - one.last >= _gap(one):
                due.append(delivery_id)
        # Where nothing has come since, one of them is enough to find out whether anything does.
        for delivery_id in [one for _, one in sorted(fresh)][:_ASKED_AT_ONCE] or due[:1]:
            one = self._missing[delivery_id]
            if self._log.redeliver(one.number):
                counted = one.model_copy(update={"tries": one.tries + 1, "last": now})
                self._missing[delivery_id] = counted
                _log.info("delivery asked for again", delivery=delivery_id, tries=counted.tries)
            else:
                self._give_up(delivery_id, "the code host does not have it any more")
        return len(fresh) > _ASKED_AT_ONCE

    def _drop_what_came(self) -> None:
        """Forget what is in the inbox by now, and give up what will not be there any more."""
        now = self._get_code_host_time()
        for delivery_id, one in list(self._missing.items()):
            if self._inbox.find(delivery_id) is not None:
                if one.tries:
                    self._heard = max(self._heard, now)
                    _log.info("delivery came", delivery=delivery_id, tries=one.tries)
                del self._missing[delivery_id]
            elif now - max(one.at, one.last) > _REACH_SECONDS + _OVERLAP_SECONDS:
                del self._missing[delivery_id]
            elif not one.lost and now - one.at > _REACH_SECONDS:
                self._give_up(delivery_id, "the code host does not send what is older")
            elif not one.lost and one.tries >= MOST_TRIES and now - one.last > _GAPS[1]:
                self._give_up(delivery_id, "it did not come, often as it was asked for")

    def _give_up(self, delivery_id: str, why: str) -> None:
        """Ask no more for a delivery."""
        one = self._missing[delivery_id].model_copy(update={"lost": True})
        self._missing[delivery_id] = one
        _log.error("delivery lost", delivery=delivery_id, tries=one.tries, reason=why)

    def _get_code_host_time(self) -> float:
        """The code host's clock."""
        return self._clock() + self._ahead


def _make_missing(before: MissingDelivery | None, sent: SentDelivery) -> MissingDelivery:
    if before is None:
        return MissingDelivery(number=sent.number, at=sent.at, numbers=frozenset({sent.number}))
    numbers = before.numbers | {sent.number}
    # Each time that we asked, also before a restart, is an attempt of its own in the log.
    return before.model_copy(
        update={
            "number": max(numbers),
            "numbers": numbers,
            "at": min(before.at, sent.at),
            "tries": max(before.tries, len(numbers) - 1),
            "last": max(before.last, sent.at, before.at),
        }
    )


def _is_open(one: MissingDelivery) -> bool:
    return not one.lost and one.tries < MOST_TRIES


def _gap(one: MissingDelivery) -> float:
    """How long a delivery is left alone that was asked for so often."""
    return _GAPS[one.tries - 1] if one.tries else 0.0
