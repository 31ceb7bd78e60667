"""What people ask of runs on the dashboard, inserted as commands are, with the person's name."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

from agent.dashboard.access import ActionRefused, Visitor
from agent.errors import ActiveRun
from agent.models.outcome import StoredRun
from agent.models.run import Reason, RunState
from agent.models.ticket import Guidance
from agent.service.pause import Switch
from agent.store.sql_store import SqlStore

#: Whose end no further try could change.
_SETTLED = frozenset({Reason.READY, Reason.DRY_RUN})
#: People may grant a run its money and time so often; the operator any number of times.
_MOST_GRANTS = 5


def list_actions(run: StoredRun, visitor: Visitor) -> tuple[str, ...]:
    """Name what a visitor can ask of a run as it stands."""
    snapshot = run.run.snapshot
    if snapshot is None or not visitor.may_write(snapshot.issue.repository_id):
        return ()
    if not run.active:
        settled = run.outcome is not None and run.outcome.reason in _SETTLED
        ended_by_people = run.state in (RunState.MERGED, RunState.CLOSED)
        return () if settled or ended_by_people else ("retry",)
    if run.stop_request:
        return ()
    waits = run.plan_asked is not None and run.state is RunState.AWAITING_APPROVAL
    return ("approve", "stop") if waits else ("stop",)


def act(action: str, run: StoredRun, store: SqlStore, visitor: Visitor, plan: str = "") -> str:
    """Do what a visitor asks of a run; return what to tell them.

    Args:
        plan: Number of the plan that they have seen, to approve it.

    Raises:
        ActionRefused: The run has changed meanwhile, or they may not.
    """
    if action not in list_actions(run, visitor):
        raise ActionRefused("The run has changed meanwhile, so this is not possible any more.")
    run_id = run.run.run_id
    if action == "stop":
        words = f"{visitor.login} has stopped this run on the dashboard."
        if not store.request_stop(run_id, words, said=_record(visitor, "command", "stop")):
            raise ActionRefused("This run is over already.")
        return "The run is being stopped."
    if action == "approve":
        approval = _record(visitor, "approval", plan)
        if store.add_guidance(run_id, approval, time.time()) != "heard":
            raise ActionRefused("Another plan waits by now. Read it, then approve that one.")
        return "The plan is approved; the run goes on."
    if run.budget_multiplier >= _MOST_GRANTS and not visitor.is_operator:
        raise ActionRefused(
            f"This run was given its money and time {run.budget_multiplier} times already."
        )
    begin_with = run.outcome.stopped_at if run.outcome else None
    try:
        command = _record(visitor, "command", "retry")
        store.retry_run(run_id, begin_with or "", time.time(), said=command)
    except ActiveRun as other:
        raise ActionRefused(f"{other.message}. Wait for its end, or stop it.") from other
    return "The run waits for its turn."


def pause(switch: Switch, visitor: Visitor, words: str) -> str:
    """Pause everything; return what to tell."""
    why = " ".join(words.split())[:500]
    switch.pause(f"{visitor.login}: {why}" if why else f"by {visitor.login}", time.time())
    return "Everything is paused."


def _record(visitor: Visitor, kind: str, words: str) -> Guidance:
    return Guidance.model_validate(
        {
            "kind": kind,
            "words": words,
            "by": visitor.login,
            "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "comment": f"dashboard:{uuid.uuid4()}",
        }
    )
