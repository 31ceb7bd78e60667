"""Reconciliation: what the forge could not tell us is found out, so that nothing is lost.

As an App we read the forge's log of deliveries, and ask again for those that are not in our inbox,
whether they failed or were answered by somebody else. They come as webhooks, and go through inbox
and intake as any other. With a personal token there is no such log: see `polling`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog
from pydantic import ValidationError

from agent import intake
from agent.adapters.sql_inbox import Inbox
from agent.domain import Record
from agent.errors import AgentError, ForgeLimited, RequestRefused
from agent.ports import DeliveryLog, SentDelivery, SentPage

_log = structlog.get_logger()

FILE_NAME = "reconcile.json"
ACTED_ON: dict[str, frozenset[str | None]] = {
    "issues": intake.TAKES_BACK | {"labeled", "reopened", "unlocked"},
    "issue_comment": frozenset({"created"}),
    "pull_request": frozenset({"closed", "reopened", "synchronize", "edited"}),
    "pull_request_review": frozenset({"submitted"}),
    "pull_request_review_comment": frozenset({"created"}),
    "pull_request_review_thread": frozenset({"resolved", "unresolved"}),
    "check_run": frozenset({"completed"}),
    "check_suite": frozenset({"completed"}),
    "status": frozenset({None}),
    "workflow_run": frozenset({"completed", "requested"}),
}
"""The deliveries that are asked for again: the actions by event on which the service acts; None:
the event has no such word."""

#: GitHub delivers again what it has tried within so long.
_REACH_SECONDS = 3 * 86_400.0
#: A delivery may take its time, and is in the log under the time at which it was tried.
_OVERLAP_SECONDS = 1_800.0
#: So many pages of a hundred are read in one turn; the rest is read in the next.
_MOST_PAGES = 50
_ASKED_AT_ONCE = 100
#: How long a delivery that did not come is left alone after each time it was asked for. Together
#: they last for as long as somebody may need over a weekend to mend a listener.
_GAPS = (60.0, 300.0, 900.0, 2_700.0, 7_200.0, 21_600.0, 43_200.0, 43_200.0, 43_200.0)
MOST_TRIES = len(_GAPS) + 1
_SHORTEST_PAUSE = 1.0
#: After a turn that failed the next one is taken after so long, unless the forge names a time.
_AFTER_FAILURE = 60.0


class Reconciler(Protocol):
    """Finds out what the forge could not tell us."""

    def turn(self) -> float:
        """Look for what is missing, as far as it is time; return the seconds until it is again."""
        ...


def keep_on(reconciler: Reconciler, stop: threading.Event) -> None:
    """Take turns until told to stop; one that fails is logged, and the next one taken later."""
    pause = 0.0
    while not stop.wait(pause):
        try:
            pause = max(reconciler.turn(), _SHORTEST_PAUSE)
        except ForgeLimited as problem:
            pause = max(problem.until - time.time(), _SHORTEST_PAUSE)
            _log.warning("reconciliation waits", problem=problem.message, seconds=round(pause))
        except AgentError as problem:
            pause = _AFTER_FAILURE
            _log.error("reconciliation failed", problem=problem.message)
        except Exception as problem:  # noqa: BLE001  the service outlives its bugs
            pause = _AFTER_FAILURE
            _log.error("reconciliation failed", exc_info=problem)


class Missing(Record):
    """A delivery that is not in our inbox; all times are the forge's."""

    number: int
    """Of the newest attempt that the log tells of."""
    event: str
    action: str | None
    at: float
    """When it was first tried, as far as the log was read."""
    tries: int = 0
    """How often we have asked for it."""
    last: float = 0.0
    """When we did so last."""
    lost: bool = False
    """Given up; it stays noted for as long as the log may tell of it."""


class Stretch(Record):
    """A part of the log that is still to be read."""

    after: str
    down_to: float


class Notes(Record):
    """What is remembered across restarts."""

    through: float | None = None
    """The log was read up to here; None: it never was."""
    anchor: str = ""
    """A delivery from about there that is in our inbox. An inbox without it is an older one than
    we have read the log for."""
    rest: Stretch | None = None
    missing: dict[str, Missing] = {}
    """By delivery id."""


class Redeliveries:
    """Has deliveries that are not in our inbox sent again."""

    def __init__(
        self,
        log: DeliveryLog,
        inbox: Inbox,
        home: Path,
        *,
        seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read what is remembered.

        Args:
            home: Where that is kept.
            seconds: From one look at the log to the next.
        """
        self._log = log
        self._inbox = inbox
        self._path = home / FILE_NAME
        self._seconds = seconds
        self._clock = clock
        self._ahead = 0.0
        """How many seconds the forge's clock is ahead of ours."""
        self._look_at = -math.inf
        self._heard = -math.inf
        """When the listener was last seen to take a delivery."""
        self._notes = self._remembered()
        self._saved = self._notes

    def turn(self) -> float:
        """Read the log if it is time, and ask again for what is due."""
        if self._clock() >= self._look_at:
            # A turn that fails is followed by a pause of its own, and does not count.
            try:
                self._read()
            finally:
                self._save()
            pause = self._seconds if self._notes.rest is None else min(self._seconds, _GAPS[0])
            self._look_at = self._clock() + pause
        try:
            more = self._ask()
        finally:
            self._save()
        if more:
            return _SHORTEST_PAUSE
        now = self._now()
        due = (one.last + _gap(one) - now for one in self._notes.missing.values() if _open(one))
        return min(self._look_at - self._clock(), *due, self._seconds)

    # --- reading the log -----------------------------------------------------------------------

    def _read(self) -> None:
        """Read the log as far back as it was not read before, three days at most.

        Raises:
            ForgeUnavailable: It could not be read to its end; what was read is kept.
        """
        notes = self._notes
        newest = self._page(None)
        start = newest.now - _REACH_SECONDS
        down_to = start
        if notes.through is not None:
            # What is new must not be so much that the rest is never come to.
            overlap = _OVERLAP_SECONDS if notes.rest is None else 0.0
            down_to = max(start, notes.through - overlap)
        rest = notes.rest
        if self._take(newest, down_to) and newest.after is not None:
            # An older rest lies behind this one; both are read in one go.
            behind = down_to if rest is None else min(down_to, rest.down_to)
            rest = Stretch(after=newest.after, down_to=behind)
        # What is left unread is noted at every step, should the forge fall silent at the next.
        self._update(through=newest.now, rest=rest)
        for _ in range(1, _MOST_PAGES):
            if rest is None:
                return
            try:
                page = self._page(rest.after)
            except RequestRefused:
                # The next look begins anew, with all that there is.
                self._update(rest=None, through=None)
                return
            more = self._take(page, max(start, rest.down_to))
            after = page.after if more else None
            rest = None if after is None else rest.model_copy(update={"after": after})
            self._update(rest=rest)
        if rest is not None:
            _log.warning("the log of deliveries goes on", pages=_MOST_PAGES)

    def _page(self, after: str | None) -> SentPage:
        page = self._log.page(after)
        self._ahead = page.now - self._clock()
        return page

    def _take(self, page: SentPage, down_to: float) -> bool:
        """Note what is missing of a page; return whether older ones are to be read."""
        missing = dict(self._notes.missing)
        for sent in page.deliveries:
            if sent.at < down_to:
                self._update(missing=missing)
                return False
            acted_on = sent.action in ACTED_ON.get(sent.event, frozenset())
            if not acted_on and not (sent.heard and sent.at > self._heard):
                continue
            if self._inbox.find(sent.delivery_id) is None:
                if acted_on:
                    missing[sent.delivery_id] = _noted(missing.get(sent.delivery_id), sent)
                continue
            missing.pop(sent.delivery_id, None)
            if sent.heard and sent.at > self._heard:
                self._heard = sent.at
                self._update(anchor=sent.delivery_id)
        self._update(missing=missing)
        return True

    # --- asking again --------------------------------------------------------------------------

    def _ask(self) -> bool:
        """Ask again for what is due, the oldest first; return whether more is."""
        self._drop_what_came()
        now = self._now()
        open_ones = [
            (one.tries, one.at, delivery_id)
            for delivery_id, one in self._notes.missing.items()
            if _open(one)
        ]
        fresh, due = [], []
        for tries, at, delivery_id in sorted(open_ones):
            one = self._notes.missing[delivery_id]
            if tries == 0 or (self._heard > one.last and now - one.last >= _GAPS[0]):
                fresh.append((at, delivery_id))
            elif now - one.last >= _gap(one):
                due.append(delivery_id)
        # Where nothing has come since, one of them is enough to find out whether anything does.
        chosen = [delivery_id for _, delivery_id in sorted(fresh)][:_ASKED_AT_ONCE] or due[:1]
        self._ask_for(chosen, now)
        return len(fresh) > _ASKED_AT_ONCE

    def _ask_for(self, chosen: list[str], now: float) -> None:
        before = self._notes.missing
        counted = {
            one: before[one].model_copy(update={"tries": before[one].tries + 1, "last": now})
            for one in chosen
        }
        # Written down first: whatever becomes of this process, no try goes uncounted.
        self._update(missing={**before, **counted})
        self._save()
        done = 0
        try:
            for delivery_id in chosen:
                one = counted[delivery_id]
                if self._log.again(one.number):
                    _log.info("delivery asked for again", delivery=delivery_id, tries=one.tries)
                else:
                    self._give_up(delivery_id, one, "the forge does not have it any more")
                done += 1
        except AgentError:
            not_asked = {delivery_id: before[delivery_id] for delivery_id in chosen[done:]}
            self._update(missing={**self._notes.missing, **not_asked})
            raise

    def _drop_what_came(self) -> None:
        """Forget what is in the inbox by now, and give up what will not be there any more."""
        now = self._now()
        for delivery_id, one in list(self._notes.missing.items()):
            if self._inbox.find(delivery_id) is not None:
                if one.tries:
                    self._heard = max(self._heard, now)
                    _log.info("delivery came", delivery=delivery_id, tries=one.tries)
                self._forget(delivery_id)
            elif now - max(one.at, one.last) > _REACH_SECONDS + _OVERLAP_SECONDS:
                self._forget(delivery_id)
            elif not one.lost and now - one.at > _REACH_SECONDS:
                self._give_up(delivery_id, one, "the forge does not send what is older")
            elif not one.lost and one.tries >= MOST_TRIES and now - one.last > _GAPS[1]:
                self._give_up(delivery_id, one, "it did not come, often as it was asked for")

    def _forget(self, delivery_id: str) -> None:
        left = {one: noted for one, noted in self._notes.missing.items() if one != delivery_id}
        self._update(missing=left)

    def _give_up(self, delivery_id: str, one: Missing, why: str) -> None:
        """Ask no more for a delivery."""
        lost = one.model_copy(update={"lost": True})
        self._update(missing={**self._notes.missing, delivery_id: lost})
        _log.error("delivery lost", delivery=delivery_id, tries=one.tries, reason=why)

    # --- what is remembered --------------------------------------------------------------------

    def _now(self) -> float:
        """The forge's clock."""
        return self._clock() + self._ahead

    def _update(self, **changes: object) -> None:
        self._notes = self._notes.model_copy(update=changes)

    def _remembered(self) -> Notes:
        try:
            notes = Notes.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return Notes()
        except (OSError, ValidationError) as problem:
            # All of it can be found out anew.
            _log.warning("notes of reconciliation not read", problem=type(problem).__name__)
            return Notes()
        if not notes.anchor or self._inbox.find(notes.anchor) is None:
            notes = notes.model_copy(update={"through": None, "rest": None})
        return notes

    def _save(self) -> None:
        if self._notes == self._saved:
            return
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(self._notes.model_dump_json(), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as problem:
            # Without notes more is asked than needs be.
            _log.warning("notes of reconciliation not written", problem=problem.strerror)
        else:
            self._saved = self._notes


def _noted(before: Missing | None, sent: SentDelivery) -> Missing:
    if before is None:
        return Missing(number=sent.number, event=sent.event, action=sent.action, at=sent.at)
    newest = max(before.number, sent.number)
    return before.model_copy(update={"number": newest, "at": min(before.at, sent.at)})


def _open(one: Missing) -> bool:
    return not one.lost and one.tries < MOST_TRIES


def _gap(one: Missing) -> float:
    """How long a delivery is left alone that was asked for so often."""
    return _GAPS[one.tries - 1] if one.tries else 0.0
