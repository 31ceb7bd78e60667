"""Actions on runs that people request on the dashboard, as by a command in a comment."""

import uuid
from datetime import UTC, datetime

from agent.dashboard.access import ActionRefused, Visitor
from agent.errors import ActiveRun
from agent.models.clock import read_clock
from agent.models.run import Reason, RunState
from agent.runs import control
from agent.runs.control import CommandAuthor, CommandImpossible
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import RunRow

#: Reasons of runs whose result a retry could not change.
_SETTLED = frozenset({Reason.READY, Reason.DRY_RUN})


def list_actions(run: RunRow, visitor: Visitor) -> tuple[str, ...]:
    """List the actions that a visitor can request of a run now."""
    snapshot = run.run.snapshot
    if snapshot is None or not visitor.may_write(snapshot.issue.repository_id) or run.purged_at:
        return ()
    possible = _list_possible(run, visitor)
    may_start = possible and visitor.may_start(snapshot.issue.repository)
    return possible if may_start else tuple(name for name in possible if name == "stop")


def _list_possible(run: RunRow, visitor: Visitor) -> tuple[str, ...]:
    if not run.active:
        reason = run.outcome.reason if run.outcome else None
        if not visitor.is_operator:
            is_stopped = reason is Reason.CANCELLED and control.is_public(run.run)
            return ("retry",) if is_stopped or control.may_retry(run) else ()
        settled = reason in _SETTLED
        ended_by_people = run.state in (RunState.MERGED, RunState.CLOSED)
        return () if settled or ended_by_people else ("retry",)
    if run.stop_request:
        return ()
    waits = run.plan_asked is not None and run.state is RunState.AWAITING_APPROVAL
    return ("approve", "stop") if waits else ("stop",)


def act(action: str, run: RunRow, store: SqlRunStore, visitor: Visitor, plan: str = "") -> None:
    """Carry out an action; `plan` is the number of the plan that the visitor has seen.

    Raises ActionRefused if the run has changed meanwhile, or the visitor may not do this.
    """
    if action not in list_actions(run, visitor):
        raise ActionRefused("The run has changed since, so this is no longer possible.")
    now = read_clock()
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    author = CommandAuthor(visitor.login, moment, f"dashboard:{uuid.uuid4()}")
    try:
        match action:
            case "stop":
                control.stop_run(author, run, store)
            case "approve":
                control.approve_plan(author, run, plan, store, now)
            case "retry" if visitor.is_operator or not control.may_retry(run):
                begin_with = run.outcome.stopped_at if run.outcome else None
                note = author.make_guidance("command", action)
                store.retry_run(run.run.run_id, begin_with or "", now, guidance=note)
            case "retry":
                control.retry_run(author, run, store, now)
    except CommandImpossible as problem:
        raise ActionRefused(str(problem)) from problem
    except ActiveRun as other:
        raise ActionRefused(f"{other.message}. Wait until it finishes, or stop it.") from other
