"""Intake: whether a labelled issue becomes a run, and of which text.

Owns the decision and its reason. The label may be set by people who may not start us, the event
may be late, doubled or out of order: so everything but the approved text is looked up anew.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from agent import cleaning
from agent.domain import Record, Run, Snapshot
from agent.errors import ActiveRun
from agent.ports import Gatekeeper, LiveIssue, RunStore

#: What of a forge's permissions lets a person start us; the triage role can label, no more.
_MAY_START = frozenset({"admin", "maintain", "write"})
#: Labels with this beginning are our own words about a run.
STATE_LABELS = "mergewright: "


class Request(Record):
    """Somebody set a label on an issue; from a delivery or from the command line."""

    snapshot: Snapshot
    label: str
    actor_is_bot: bool = False
    clone_url: str
    """Address of the repository for git, without credentials."""


class Accepted(Record):
    """The request became a run, which waits in the store."""

    run: Run


class Ignored(Record):
    """The request became nothing, for a reason that is on record."""

    reason: str
    routine: bool = False
    """Every run brings some of these about, so that nobody looks for them."""


def accept(
    request: Request,
    gatekeeper: Gatekeeper,
    store: RunStore,
    *,
    now: float,
    bot_ids: frozenset[int] = frozenset(),
    delivery_id: str | None = None,
) -> Accepted | Ignored:
    """Make a run of a labelled issue if the person may start one; may be called twice.

    Args:
        now: Seconds since the epoch.
        bot_ids: Numeric ids of accounts that never start a run, besides those of bots.
        delivery_id: Of the delivery that brought the request; it has at most one run.

    Raises:
        ForgeUnavailable: The forge cannot be asked; try again, nothing was decided.
    """
    # GitHub keeps a label as it was first written, and finds it in any case.
    if request.label.lower().startswith(STATE_LABELS):
        return Ignored(reason="a label of ours that tells the state of a run", routine=True)
    if refusal := _refused(request, gatekeeper, bot_ids):
        return Ignored(reason=refusal)
    issue = request.snapshot.issue
    started = int(now)
    run = Run(
        run_id=new_run_id(started),
        repository=request.clone_url,
        ticket=f"#{issue.number}",
        snapshot=request.snapshot,
        started=started,
    )
    try:
        return Accepted(run=store.add(run, now, delivery_id=delivery_id))
    except ActiveRun as other:
        _tell_of(other.run, request, gatekeeper)
        return Ignored(reason=other.message)


def new_run_id(started: int) -> str:
    """Name a run: the time first, so that names sort by age; the rest cannot be guessed.

    Args:
        started: Seconds since the epoch.
    """
    stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{secrets.token_hex(8)}"


def _tell_of(active: Run, request: Request, gatekeeper: Gatekeeper) -> None:
    """Say once what the run under way leaves out, if the label was set anew for that."""
    asked = request.snapshot
    again = f"take the label {cleaning.code(request.label)} off and set it again."
    if active.dry_run:
        words = (
            f"The label did not start a run: an operator is trying this issue out (run"
            f" {active.run_id}), which publishes nothing. Once that is over, {again}"
        )
    elif active.snapshot and not active.snapshot.says_the_same(asked.title, asked.body):
        words = (
            f"Run {active.run_id} of this issue is not over. It goes on with the text that was"
            " approved when it was started; what was edited since then is not part of it. For the"
            f" text as it is now, wait until that run is over, then {again}"
        )
    else:
        return
    gatekeeper.explain(asked.issue, words, key=f"active-{active.run_id}")


def _refused(request: Request, gatekeeper: Gatekeeper, bot_ids: frozenset[int]) -> str | None:
    """Say why the request starts nothing; what costs no question is looked at first."""
    snapshot = request.snapshot
    issue, actor = snapshot.issue, snapshot.actor
    is_bot = request.actor_is_bot or snapshot.actor_id in bot_ids
    if is_bot or actor.lower() in gatekeeper.own_logins():
        return f"labelled by {actor}, a bot"
    wanted = gatekeeper.label(issue)
    if request.label.lower() != wanted.lower():
        return f"the label {request.label} does not start a run here; {wanted} does"
    found = gatekeeper.permission(issue, actor)
    if found.level != "none" and found.account_id != snapshot.actor_id:
        return (
            f"labelled by the account {snapshot.actor_id}, then called {actor}; another account,"
            f" {found.account_id}, has that name now"
        )
    if found.level not in _MAY_START:
        if found.level == "triage":
            gatekeeper.explain(
                issue,
                f"This issue was labelled {cleaning.code(wanted)} by somebody with the triage role."
                " A run is started by people with write permission: let one of them take the label"
                " off and set it again.",
                key=f"permission-{snapshot.actor_id}",
            )
        return f"labelled by {actor}, whose permission is {found.level}; write is needed"
    return _unfit(gatekeeper.live(issue), wanted)


def _unfit(live: LiveIssue | None, wanted: str) -> str | None:
    if live is None:
        return "the issue is not there any more, or in another repository"
    if live.is_pull_request:
        return "a pull request, not an issue"
    if live.state == "closed":
        return "the issue is closed"
    if live.locked:
        return "the conversation of the issue is locked"
    if wanted.lower() not in {label.lower() for label in live.labels}:
        return "the label was taken away meanwhile"
    return None
