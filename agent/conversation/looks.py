"""Looks at a pull request of ours when something has happened to it.

Owns what becomes of a run whose pull request people have merged, closed or opened again. What a
delivery says is only the occasion: how the pull request stands is asked.
"""

from __future__ import annotations

from agent.adapters.sql_store import SqlStore
from agent.conversation.lane import Heard
from agent.conversation.said import Happened
from agent.domain import IssueRef, RunState
from agent.intake import Ignored
from agent.milestones import show_state
from agent.ports import Gatekeeper

_ENDS = frozenset({"pull_request.closed", "pull_request.reopened"})
_STATES = {"open": RunState.OPEN, "closed": RunState.CLOSED, "merged": RunState.MERGED}


def look(happened: Happened, gatekeeper: Gatekeeper, store: SqlStore) -> Heard | Ignored:
    """Note how a pull request of ours stands; may be done twice.

    Raises:
        ForgeUnavailable: The forge cannot be asked; try again.
    """
    if happened.event not in _ENDS or happened.number is None:
        return Ignored(reason=f"nothing here acts on {happened.event} yet", routine=True)
    found = store.of_pull(happened.repository_id, happened.number)
    if found is None or found.run.snapshot is None:
        return Ignored(reason="no pull request of ours", routine=True)
    issue = found.run.snapshot.issue
    pull = gatekeeper.pull(_reference(happened, issue, happened.number))
    if pull is None:
        return Ignored(reason="the pull request is not there any more")
    state = _STATES[pull.state]
    if not store.pull_stands(found.run.run_id, state, pull.ended_at):
        return Ignored(reason=f"the pull request is {pull.state}, as is known", routine=True)
    show_state(store.path.parent / "runs" / found.run.run_id, state)
    if state is not RunState.OPEN and store.active(issue.repository_id, issue.number) is None:
        # It says that a pull request waits for review.
        gatekeeper.clear_labels(issue)
    return Heard(reason=f"the pull request of run {found.run.run_id} is {pull.state}")


def _reference(happened: Happened, issue: IssueRef, number: int) -> IssueRef:
    """The pull request, in the repository as it is called by now."""
    return issue.model_copy(
        update={"repository": happened.repository, "number": number, "issue_id": 0}
    )
