"""Deliveries: in its turns, the intake reads the inbox and decides on every delivery.

Owns when a delivery is decided, and retries. `agent.service.intake` decides what a delivery
becomes, `agent.service.dispatch` when its run begins.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

import structlog

from agent.conversation import events
from agent.conversation.events import Comment, ConversationEvent, Withdrawal
from agent.errors import AccessLost, AgentError, CodeHostLimited, PermanentError, RunStopped
from agent.github.intake_api import GithubIntakeApi
from agent.models.clock import read_clock
from agent.service import intake, loops, pull_outcomes
from agent.service.comment_handler import CommentHandler
from agent.service.intake import Decision
from agent.settings import Settings
from agent.store.sql_inbox import DeliveryRow, Inbox
from agent.store.sql_run_store import SqlRunStore

_log = structlog.get_logger()

_RETRY_SECONDS = (1.0, 5.0, 20.0, 60.0, 300.0)
#: Maximum number of deliveries in one turn, besides postponed ones.
_AT_ONCE = 100
#: After this many failures in a row, the turn ends: the code host itself is probably away.
_FAILURES_IN_A_ROW = 3
#: A postponed delivery is decided again after a share of its age; minimum, share and maximum. As a
#: rule, it waits for a stopped run, which is over within two seconds.
_SOON_SECONDS, _PUT_OFF_SHARE, _LATE_SECONDS = 0.5, 0.1, 60.0
#: Age up to which a delivery is retried if GitHub denies access.
_ACCESS_SECONDS = 300.0


class _Retry(NamedTuple):
    """Retry of a delivery: its time, and the failures so far."""

    at: float = 0.0
    """Seconds since the epoch."""
    failures: int = 0


class Intake:
    def __init__(
        self,
        inbox: Inbox,
        store: SqlRunStore,
        intake_api: GithubIntakeApi,
        settings: Settings,
        alive: Callable[[], None] = lambda: None,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        # Once `stop` is set, no further delivery is decided.
        self._alive = alive
        self._stop = stop or threading.Event()
        self._settings = settings
        self._inbox = inbox
        self._store = store
        self._intake_api = intake_api
        self._comment_handler = CommentHandler(intake_api, store, settings)
        self._retries: dict[str, _Retry] = {}
        """By id of the delivery."""
        # If the clock is set, no delivery must seem older, and no wait become longer.
        self._clock = loops.SteadyClock()

    def run_once(self) -> bool:
        """Decide on unread deliveries; return whether any was decided.

        If the code host does not answer, a delivery stays unread and is retried later; it delays
        the deliveries behind it only if those fail as well.
        """
        done = failed = 0
        now = self._clock.now()
        # So many that new deliveries are among them, however many are postponed.
        for delivery in self._inbox.list_unread(_AT_ONCE + len(self._retries)):
            if self._stop.is_set():
                break
            if self._find_retry(delivery).at > now:
                continue
            self._alive()
            with structlog.contextvars.bound_contextvars(delivery=delivery.delivery_id):
                decided = self._try_to_decide(delivery)
                if decided is None:
                    failed += 1
                    if failed == _FAILURES_IN_A_ROW:
                        break
                elif decided.outcome == "postponed":
                    _log.info("not yet", reason=decided.reason)
                    pause = (now - delivery.received_at) * _PUT_OFF_SHARE
                    at = now + min(max(pause, _SOON_SECONDS), _LATE_SECONDS)
                    retry = self._find_retry(delivery)
                    self._retries[delivery.delivery_id] = retry._replace(at=at)
                else:
                    self._record_decision(delivery, decided)
                    done, failed = done + 1, 0
        return done > 0

    def _try_to_decide(self, delivery: DeliveryRow) -> Decision | None:
        """Decide on a delivery; None: not possible now, it is retried."""
        retry, at = self._find_retry(delivery), None
        try:
            return self._decide(delivery)
        except RunStopped as problem:
            # For a while after access was granted, GitHub may still refuse it.
            age = self._clock.now() - delivery.received_at
            if not isinstance(problem, AccessLost) or age > _ACCESS_SECONDS:
                return Decision("ignored", problem.message)
            why = problem.message
        except Exception as problem:  # noqa: BLE001  one bad delivery must not stop the rest
            why = problem.message if isinstance(problem, AgentError) else type(problem).__name__
            if not isinstance(problem, AgentError):
                _log.error("delivery failed", exc_info=problem)
            # After a wrong setting, we retry until the operator corrects it, however long.
            is_old = self._clock.now() - delivery.received_at > 86_400.0
            if is_old and not isinstance(problem, PermanentError):
                return Decision("ignored", f"could not be processed for a day: {why}")
            at = problem.until if isinstance(problem, CodeHostLimited) else None
        now = self._clock.now()
        if at is None:
            at = now + _RETRY_SECONDS[min(retry.failures, len(_RETRY_SECONDS) - 1)]
        self._retries[delivery.delivery_id] = _Retry(at, retry.failures + 1)
        _log.warning("delivery postponed", problem=why, seconds=round(at - now))
        return None

    def _find_retry(self, delivery: DeliveryRow) -> _Retry:
        return self._retries.get(delivery.delivery_id, _Retry())

    def _decide(self, delivery: DeliveryRow) -> Decision:
        intake_api, store, now = self._intake_api, self._store, read_clock()
        name, event = delivery.delivery_id, events.read_event(delivery.body)
        if isinstance(event, Withdrawal):
            return intake.reconsider_run(event, intake_api, store)
        if isinstance(event, ConversationEvent):
            return pull_outcomes.handle_event(
                event,
                intake_api,
                store,
                now=now,
                received_at=delivery.received_at,
                quiet=self._settings.quiet_seconds,
            )
        # Run and delivery are in two files: a worker that was killed between the two writes has
        # left a run whose delivery still counts as unread.
        if earlier := store.find_run_of_delivery(name):
            return Decision("accepted", earlier.run_id, earlier.run)
        if isinstance(event, Comment):
            return self._comment_handler.handle(event, now=now, delivery_id=name)
        return intake.accept_request(event, intake_api, store, now=now, delivery_id=name)

    def _record_decision(self, delivery: DeliveryRow, decided: Decision) -> None:
        name = delivery.delivery_id
        self._retries.pop(name, None)
        outcome, reason, run, is_routine = decided
        if outcome == "stopped" and run is not None:
            # The stop is in the store, which the workers read.
            _log.info("asked to stop", run=run.run_id, reason=reason)
        self._inbox.record_decision(name, outcome, reason)
        (_log.debug if is_routine else _log.info)(outcome, reason=reason)
        if outcome == "accepted" and run is not None:
            self._alive()
            self._intake_api.mark_seen(run)
