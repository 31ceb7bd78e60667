"""Intake: whether a labelled issue becomes a run, with which text, and when that is stopped.

Owns the decision and its reason. People without permission can set the label. The event may be
late, doubled or out of order. So everything but the approved text is read again.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from agent.conversation.events import Request, Withdrawal
from agent.errors import AccessLost, ActiveRun
from agent.models.intake import LiveIssue, explain_withdrawal
from agent.models.run import Reason, Run, make_run_id, read_run_start
from agent.models.ticket import IssueRef, Snapshot
from agent.text import sanitise

if TYPE_CHECKING:
    # Only for types: a command that starts a run should not have to load these.
    from agent.github.intake_api import GithubIntakeApi
    from agent.store.sql_run_store import SqlRunStore
    from agent.store.sql_tables import RunRow

_FRESH_SECONDS = 60.0


class Decision(NamedTuple):
    outcome: Literal["accepted", "stopped", "heard", "ignored", "postponed"]
    """As the inbox stores it; but `postponed` is not stored: the delivery is decided again."""
    reason: str
    run: Run | None = None
    is_routine: bool = False
    """Whether every run causes such decisions, so that they are logged at debug level only."""


def accept_request(
    request: Request,
    intake_api: GithubIntakeApi,
    store: SqlRunStore | None,
    *,
    now: float,
    delivery_id: str | None = None,
) -> Decision:
    """Make a run of a labelled issue if the person may start one; may be called twice.

    Args:
        store: None: runs are not stored, as in a job; what earlier ones left is found on GitHub.
        delivery_id: Id of the delivery that brought the request; it starts at most one run.

    Raises:
        AccessLost: GitHub does not know the issue, or who labelled it.
    """
    asked = request.snapshot.issue
    last = store.find_newest_run(asked.repository_id, asked.number) if store else None
    if decision := _by_runs(request, last):
        return decision
    if refusal := _explain_refusal(request, intake_api):
        return Decision("ignored", refusal)
    run_id = make_run_id(int(now))
    # An old request may have had a run that our store does not know, if an old backup was restored;
    # the code host knows it.
    is_late = now - _get_approval_time(request.snapshot) > _FRESH_SECONDS
    if is_late and (earlier := intake_api.find_earlier_run(request.snapshot)):
        if earlier.over or (store and store.find_by_prefix(earlier.run_id, 1)):
            return Decision("ignored", f"run {earlier.run_id} was already started by this label")
        # That run was lost. The new one has its id, and so its start and commit date: by these it
        # finds what the lost run left.
        run_id = earlier.run_id
    run = Run(
        run_id=run_id,
        repository=request.clone_url,
        ticket=f"#{asked.number}",
        snapshot=request.snapshot,
        plan_first=request.plan_first,
        runs_per_day=intake_api.read_runs_per_day(asked),
        started=read_run_start(run_id),
    )
    if store is not None:
        try:
            run = store.add_run(run, now, delivery_id=delivery_id)
        except ActiveRun as other:
            return _decide_beside(other, request, store)
    return Decision("accepted", run.run_id, run)


def reconsider_run(
    withdrawal: Withdrawal, intake_api: GithubIntakeApi, store: SqlRunStore
) -> Decision:
    """Stop the run of an issue that is no longer as it was approved; may be called twice.

    The event is only a reason to read the issue: events may be late, repeated or out of order.
    """
    issue = withdrawal.issue
    last = store.find_newest_run(issue.repository_id, issue.number)
    if last is None or not last.active:
        return Decision("ignored", "no run of this issue is active", is_routine=True)
    run_id, snapshot = last.run_id, last.run.snapshot
    if last.stop_request or snapshot is None:
        return Decision("ignored", f"run {run_id} of this issue is being stopped", is_routine=True)
    live = intake_api.read_issue(issue)
    happened = explain_withdrawal(snapshot, live, intake_api.read_start_label)
    if happened is None:
        return Decision(
            "ignored", f"the issue has not changed since run {run_id} read it", is_routine=True
        )
    words = f"{happened}, so the run was stopped."
    store.request_stop(run_id, words, Reason.SUPERSEDED)
    return Decision("stopped", words, last.run)


def _by_runs(request: Request, last: RunRow | None) -> Decision | None:
    """Decide by the newest run of the issue alone; None: the code host has to be asked."""
    if last is None:
        return None
    run_id = last.run_id
    if last.stop_request and last.active:
        return Decision("postponed", f"run {run_id} of this issue is being stopped")
    done = last.run.snapshot
    if done and done.by_label and _get_approval_time(request.snapshot) <= _get_approval_time(done):
        return Decision("ignored", f"run {run_id} belongs to this label, or to a later one")
    return None


def _decide_beside(conflict: ActiveRun, request: Request, store: SqlRunStore) -> Decision:
    """Stop the active run if its text is an older one, and was approved by a label, too."""
    active, asked = conflict.run, request.snapshot
    theirs = active.snapshot
    if (
        active.dry_run
        or theirs is None
        or not theirs.by_label
        or theirs.says_the_same(asked.title, asked.body)
        or _get_approval_time(asked) <= _get_approval_time(theirs)
    ):
        return Decision("ignored", conflict.message)
    words = (
        f"{asked.actor} set the label again after the text changed. This run was stopped; a new"
        " one takes over."
    )
    store.request_stop(active.run_id, words, Reason.SUPERSEDED)
    return Decision("postponed", f"run {active.run_id}, for the previous text, is being stopped")


def parse_moment(at: str) -> float:
    """Parse a time of the code host, in seconds since the epoch; 0 if the text is no time."""
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        return 0.0


def _get_approval_time(snapshot: Snapshot) -> float:
    return parse_moment(snapshot.approved_at)


def _explain_refusal(request: Request, intake_api: GithubIntakeApi) -> str | None:
    """Explain why the request starts nothing; checks without a request to GitHub come first."""
    snapshot = request.snapshot
    issue, actor = snapshot.issue, snapshot.actor
    if request.actor_is_bot or actor.lower() in intake_api.own_logins():
        return f"labelled by {actor}, a bot"
    wanted = intake_api.read_start_label(issue)
    if request.label.lower() != wanted.lower():
        return f"the label {request.label} does not start a run here; {wanted} does"
    permission = intake_api.read_permission(issue, actor)
    if permission.level == "none":
        # Who sets a label has access: it was removed, or not all of GitHub knows of it yet.
        raise AccessLost(f"{actor}, who set the label, has no access to {issue.repository}.")
    if permission.account_id != snapshot.actor_id:
        return (
            f"labelled by account {snapshot.actor_id}, then named {actor}; account"
            f" {permission.account_id} has that name now"
        )
    if not permission.may_write:
        if permission.level == "triage":
            intake_api.explain_refusal(
                issue,
                f"This issue was labelled {sanitise.format_code(wanted)} by someone with the"
                " triage role. Only people with write permission can start a run. Ask one of"
                " them to remove the label and set it again.",
                key=f"permission-{snapshot.actor_id}",
            )
        return f"labelled by {actor}, who has the permission {permission.level}; write is required"
    if not permission.is_listed:
        return refuse_unlisted(issue, actor, snapshot.actor_id, intake_api)
    return _explain_unfit(intake_api.read_issue(issue), wanted)


def refuse_unlisted(
    issue: IssueRef, login: str, account_id: int, intake_api: GithubIntakeApi
) -> str:
    """Explain once that the operator restricts who may start runs; return the reason."""
    words = (
        f"{sanitise.format_code(login)} is not on the operator's list of people who may start runs"
        " in this repository. Ask someone on the list, or ask the operator to add you. Everyone"
        " with write permission can use `/mergewright stop`."
    )
    intake_api.explain_refusal(issue, words, key=f"start-{account_id}")
    return f"{login} is not on the operator's list of people who may start runs"


def _explain_unfit(live: LiveIssue | None, wanted: str) -> str | None:
    if live is None:
        raise AccessLost("The issue no longer exists, or is in another repository.")
    if live.is_pull_request:
        return "a pull request, not an issue"
    if live.state == "closed":
        return "the issue is closed"
    if live.locked:
        return "the conversation of the issue is locked"
    if wanted.lower() not in {label.lower() for label in live.labels}:
        return "the label was removed meanwhile"
    return None
