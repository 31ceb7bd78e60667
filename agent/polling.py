"""Polling: labels are looked for where no webhook tells of them, with a personal token.

What is found is laid into the inbox as the listener does, so that it goes through the intake as
any delivery: all but the approved text is looked up anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from agent import intake
from agent.adapters.sql_inbox import Inbox, Kept
from agent.adapters.sql_store import SqlStore
from agent.domain import Delivery, IssueRef
from agent.errors import AgentError, ForgeLimited
from agent.intake import Request, Stopped, Withdrawal
from agent.ports import Gatekeeper, Labelled, LabelledIssues

_log = structlog.get_logger()


class Polling:
    """Looks for labelled issues, and lays them into the inbox as a webhook would.

    What was taken back is looked for too: the issues of the runs that are not over.
    """

    def __init__(
        self,
        issues: LabelledIssues,
        gatekeeper: Gatekeeper,
        inbox: Inbox,
        store: SqlStore,
        repositories: tuple[str, ...],
        *,
        seconds: float,
        found: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what it works with.

        Args:
            repositories: `owner/name` of each.
            seconds: From one look to the next.
            found: Called when there is something new in the inbox.
        """
        self._issues = issues
        self._gatekeeper = gatekeeper
        self._inbox = inbox
        self._store = store
        self._repositories = repositories
        self._seconds = seconds
        self._found = found

    def turn(self) -> float:
        """Look through all repositories; one that cannot be looked through holds up no other.

        Raises:
            ForgeLimited: The forge wants to be left alone; what it told before is kept.
        """
        for run_id in sorted(self._store.active_ids()):
            snapshot = self._store.get(run_id).run.snapshot
            if snapshot is not None:
                self._look_after(snapshot.issue)
        for repository in self._repositories:
            try:
                for one in self._issues.new(repository):
                    self._lay_in(one)
            except ForgeLimited:
                raise
            except AgentError as problem:
                told = {"repository": repository, "problem": problem.message}
                _log.error("repository not looked through", **told)
        return self._seconds

    def _look_after(self, issue: IssueRef) -> None:
        seen = Withdrawal(issue=issue, action="", actor="")
        try:
            decided = intake.reconsider(seen, self._gatekeeper, self._store)
        except ForgeLimited:
            raise
        except AgentError as problem:
            told = {"issue": f"{issue.repository}#{issue.number}", "problem": problem.message}
            _log.error("issue not looked at", **told)
        else:
            if isinstance(decided, Stopped):
                _log.info("stopped", run=decided.run_id, reason=decided.reason)

    def _lay_in(self, one: Labelled) -> None:
        request = Request(
            snapshot=one.snapshot,
            label=one.label,
            actor_is_bot=one.actor_is_bot,
            clone_url=one.clone_url,
            edited=one.edited,
        )
        delivery = Delivery(
            # The same for the same label however often it is seen, also after a restart.
            delivery_id=f"label-event-{one.event_id}",
            event="issues",
            action="labeled",
            content_key=request.content_key,
            received_at=time.time(),
            body=request.model_dump_json().encode(),
        )
        (receipt,) = self._inbox.append([delivery])
        if receipt.kept is Kept.ACCEPTED:
            _log.info("label found", delivery=delivery.delivery_id, issue=one.snapshot.url)
            self._found()
