"""Requests to runs, by people or failed checks: answers, approvals, stops, retries, follow-ups.

A part of the store. An issue has one active run. A follow-up requested during it is stored with the
run that opened the pull request. It becomes a run of its own when the active run is over.
"""

from typing import Literal

from sqlalchemy import func
from sqlmodel import Session, col, select

from agent.errors import ActiveRun, RequestRefused
from agent.models.record import replace
from agent.models.run import CAPS_REACHED, FollowUp, Reason, RunState, make_run_id
from agent.models.ticket import Guidance, find_approval
from agent.store import sql_audit
from agent.store.database import Database
from agent.store.sql_tables import FollowUpRequest, GuidanceRow, RunRow, is_of_issue, make_row

GuidanceResult = Literal["heard", "again", "late", "full"]
"""Result of a comment, in this order: it counts; it has counted before; the run does not wait
for it (any more); the run has had its maximum of answers."""
FollowUpResult = Literal["queued", "joined", "after", "full", "over"]
"""Result of a request, in this order: it is a new run; it joined one that has not begun; it comes
after the active run; there were too many; the pull request is not open."""

MOST_GUIDANCE = 20
MOST_ROUNDS = 20
"""Maximum number of follow-ups of one pull request, of all kinds."""
#: Follow-ups reserved for people: red checks and conflicts cannot use them up.
_FOR_PEOPLE = 10
#: Comments within this time are handled together.
QUIET_SECONDS = 5.0


class RunRequests:
    _database: Database

    def list_guidance(self, run_id: str) -> tuple[Guidance, ...]:
        """List all guidance for a run, in the order of its arrival."""
        with self._database.read() as session:
            return _list_guidance(session, run_id)

    def has_guidance(self, run_id: str, comment: str) -> bool:
        with self._database.read() as session:
            return _has_guidance(session, run_id, comment)

    def add_guidance(
        self, run_id: str, guidance: Guidance, now: float, quiet: float = QUIET_SECONDS
    ) -> GuidanceResult:
        """Store guidance for a run, and let the run continue if it waits for that.

        After an approval the run continues with the plan; after a change it begins at the top, for
        another plan. A run that ended with questions begins at the top with the answer. Raises
        ActiveRun if the issue has another active run by now.

        Args:
            quiet: Seconds before a run begins at the top, in which more comments may follow.
        """
        with self._database.write() as session:
            row = session.get_one(RunRow, run_id)
            if _has_guidance(session, run_id, guidance.comment):
                return "again"
            is_full = len(_list_request_numbers(session, run_id)) >= MOST_GUIDANCE
            if guidance.kind == "answer" and not row.active:
                require_no_other(session, row)
                if is_full:
                    return "full"
                requeue_run(row, "", now)
            elif not _is_awaited(session, row, guidance):
                return "late"
            elif guidance.kind != "approval" and is_full:
                return "full"
            _store_guidance(session, run_id, guidance)
            if row.worker is None:
                row.waits_for = None
                if guidance.kind == "approval":
                    row.not_before = min(row.not_before, now)
                else:
                    row.not_before = now + quiet
                    row.begin_with, row.state = "", RunState.RECEIVED
            # Otherwise a worker carries the run: `postpone_run` sees guidance that it missed.
            return "heard"

    def request_stop(
        self,
        run_id: str,
        words: str,
        reason: Reason = Reason.CANCELLED,
        *,
        guidance: Guidance | None = None,
    ) -> bool:
        """Request the stop of a run; return whether it is active. The first request counts.

        Args:
            words: Who or what asks for the stop, as a sentence.
            guidance: The command that asks for the stop.
        """
        with self._database.write() as session:
            row = session.get(RunRow, run_id)
            if row is None or not row.active:
                return False
            if guidance is not None and not _has_guidance(session, run_id, guidance.comment):
                _store_guidance(session, run_id, guidance)
            if row.stop_request is None:
                row.stop_request, row.stop_reason = words, reason
                # A waiting run is due at once, so that a worker posts its end.
                row.not_before = 0.0
            return True

    def retry_run(
        self, run_id: str, begin_with: str, now: float, *, guidance: Guidance | None = None
    ) -> None:
        """Continue a run that is over; if it spent its money or time, it may spend as much again.

        Raises ActiveRun if its issue has an active run, which may be this one.

        Args:
            begin_with: Step to continue with; empty: the run begins at the top.
            guidance: The command that asks for this; the same command counts once.
        """
        with self._database.write() as session:
            row = session.get_one(RunRow, run_id)
            if guidance is not None:
                if _has_guidance(session, run_id, guidance.comment):
                    return
                _store_guidance(session, run_id, guidance)
            require_no_other(session, row)
            requeue_run(row, begin_with, now)

    def queue_follow_up(
        self, run_id: str, request: FollowUpRequest, now: float, *, guidance: Guidance | None = None
    ) -> FollowUpResult:
        """Queue a follow-up of this run's pull request; the same command counts once."""
        with self._database.write() as session:
            first = session.get_one(RunRow, run_id)
            if guidance is not None and _has_guidance(session, run_id, guidance.comment):
                return "joined"
            active = _find_active_row(session, first)
            following = _queue_follow_up(session, first, active, request, now)
            if guidance is not None and following not in ("over", "full"):
                # A refused command stays unknown, so that it is refused again if a kill comes now.
                _store_guidance(session, run_id, guidance)
            return following


def require_no_other(session: Session, row: RunRow) -> None:
    """Raise ActiveRun if the issue of a run has another active run."""
    if active := _find_active_row(session, row):
        raise ActiveRun(active.run)


def note_begin(session: Session, row: RunRow) -> None:
    """Record that the run begins with all guidance so far; its plan is made again."""
    newest = select(func.max(col(GuidanceRow.number))).where(col(GuidanceRow.run_id) == row.run_id)
    row.guidance_seen, row.plan_asked = session.exec(newest).one() or 0, None


def has_new_guidance(session: Session, row: RunRow) -> bool:
    return any(number > row.guidance_seen for number in _list_request_numbers(session, row.run_id))


def is_approved(session: Session, row: RunRow, plan: str) -> bool:
    return find_approval(_list_guidance(session, row.run_id), plan) is not None


def queue_waiting_follow_up(session: Session, over: RunRow, now: float) -> None:
    """Queue a follow-up that was requested during `over`, a run that has just ended."""
    wanted = select(RunRow).where(
        is_of_issue(over.repository_id, over.number), col(RunRow.follow_up_requests).is_not(None)
    )
    for first in session.exec(wanted.order_by(col(RunRow.attempt).desc())):
        stored = first.follow_up_requests or ()
        for number, request in enumerate(stored, 1):
            first.follow_up_requests = stored[number:] or None
            if _queue_follow_up(session, first, None, request, now) == "queued":
                return


# --- guidance ------------------------------------------------------------------------------------


def _list_guidance(session: Session, run_id: str) -> tuple[Guidance, ...]:
    wanted = select(GuidanceRow).where(col(GuidanceRow.run_id) == run_id)
    rows = session.exec(wanted.order_by(col(GuidanceRow.number)))
    ours = {"number", "run_id"}
    return tuple(Guidance.model_validate(row.model_dump(exclude=ours)) for row in rows)


def _has_guidance(session: Session, run_id: str, comment: str) -> bool:
    wanted = select(GuidanceRow.number).where(
        col(GuidanceRow.run_id) == run_id, col(GuidanceRow.comment) == comment
    )
    return session.exec(wanted).first() is not None


def _store_guidance(session: Session, run_id: str, guidance: Guidance) -> None:
    session.add(GuidanceRow(run_id=run_id, **guidance.model_dump()))
    sql_audit.note_guidance(session, session.get_one(RunRow, run_id), guidance)


def _list_request_numbers(session: Session, run_id: str) -> list[int]:
    wanted = select(GuidanceRow.number).where(
        col(GuidanceRow.run_id) == run_id, col(GuidanceRow.kind).in_(("answer", "change"))
    )
    return [number for number in session.exec(wanted) if number is not None]


def _is_awaited(session: Session, row: RunRow, guidance: Guidance) -> bool:
    if not row.active or row.stop_request:
        return False
    begins_again = row.worker is None and row.state == RunState.RECEIVED and row.begin_with == ""
    if guidance.kind == "answer":
        # Another answer has queued the run again a moment ago.
        return begins_again and has_new_guidance(session, row)
    waits = row.state == RunState.AWAITING_APPROVAL and row.plan_asked is not None
    if guidance.kind == "approval":
        return waits and guidance.words == row.plan_asked and not has_new_guidance(session, row)
    if waits and not is_approved(session, row, row.plan_asked or ""):
        return True
    return begins_again and row.plan_asked is not None


def _find_active_row(session: Session, of_issue: RunRow) -> RunRow | None:
    where = is_of_issue(of_issue.repository_id, of_issue.number)
    return session.exec(select(RunRow).where(where, col(RunRow.active))).first()


def requeue_run(row: RunRow, begin_with: str, now: float) -> None:
    """Queue a finished run again; if it spent its money or time, it may spend as much again."""
    if row.purged_at is not None:
        raise RequestRefused(
            f"The texts of run {row.run_id} were deleted, so it cannot continue. Set the label"
            " again to start a new run."
        )
    if row.outcome and row.outcome.reason in CAPS_REACHED:
        row.grants += 1
    row.active, row.state, row.worker = True, RunState.RECEIVED, None
    row.not_before = row.queued_at = now
    row.segment, row.begin_with = row.segment + 1, begin_with
    row.wait_count, row.waits_for = 0, None
    row.stop_request, row.stop_reason = None, Reason.CANCELLED
    row.ended_at = row.outcome = row.plan_asked = None
    row.retries += 1


# --- follow-ups ----------------------------------------------------------------------------------


def _queue_follow_up(
    session: Session, first: RunRow, active: RunRow | None, request: FollowUpRequest, now: float
) -> FollowUpResult:
    """Queue a follow-up of a run that opened a pull request, or join one that is queued.

    `active` is the active run of the issue.
    """
    if first.active or first.state != RunState.OPEN or first.pull is None:
        return "over"
    if active is not None:
        if _may_join(active, first, request):
            active.not_before = now + request.quiet
            if request.by:
                about = replace(active.run.about, by=request.by)
                active.run = replace(active.run, follow_up=about)
            return "joined"
        stored = {waiting.kind: waiting for waiting in first.follow_up_requests or ()}
        same = stored.pop(request.kind, request)
        # The author of the command gets an answer, also if later requests have no author.
        request = replace(request, by=request.by or same.by)
        first.follow_up_requests = (*stored.values(), request)
        return "after"
    number = select(func.max(col(RunRow.round))).where(col(RunRow.follows_run) == first.run_id)
    # Not the number of rows: those of earlier rounds may be gone.
    last = session.exec(number).one() or 0
    unasked = request.kind != "review" and not request.by
    if last >= (MOST_ROUNDS - _FOR_PEOPLE if unasked else MOST_ROUNDS):
        return "full"
    _add_run(session, first, request, last + 1, now)
    return "queued"


def _may_join(active: RunRow, first: RunRow, request: FollowUpRequest) -> bool:
    """Whether the active run is a follow-up of the same kind that has not begun."""
    waits = active.worker is None and active.started_at is None and active.stop_request is None
    about = active.run.follow_up
    return waits and about is not None and (about.of, about.kind) == (first.run_id, request.kind)


def _add_run(
    session: Session, first: RunRow, request: FollowUpRequest, number: int, now: float
) -> None:
    run_id = make_run_id(int(now))
    about = FollowUp(
        of=first.run_id, pull=first.pull or 0, round=number, kind=request.kind, by=request.by
    )
    run = replace(
        first.run,
        run_id=run_id,
        follow_up=about,
        started=int(now),
        plan_first=False,
    )
    row = make_row(run, now)
    row.not_before = now + request.quiet
    session.add(row)
