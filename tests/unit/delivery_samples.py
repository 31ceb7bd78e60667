"""Deliveries that ask for runs, and forges that answer what the intake asks."""

import time
from pathlib import Path

from agent.conversation.events import Request
from agent.models.intake import LiveIssue, Permission
from agent.models.outcome import Outcome
from agent.models.run import Reason, RunState
from agent.models.ticket import Delivery
from agent.settings import Settings
from tests.run_samples import snapshot

SETTINGS = Settings(home=Path("nowhere"))


def delivery(number, received=None):
    request = Request(snapshot=snapshot(number), label="mergewright", clone_url="https://h/o/r.git")
    return Delivery(
        delivery_id=f"d{number}", event="issues",
        received_at=time.time() if received is None else received,
        body=request.model_dump_json().encode(),
    )  # fmt: skip


def done(one):
    """Give the outcome of a run that opened its pull request."""
    return Outcome(run_id=one.run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Ready.")


class Gate:
    """A code host that has the same to say about everything, or trouble with single issues."""

    def __init__(self, problems):
        self.problems = problems
        self.asked = []

    def read_start_label(self, issue):
        self.asked.append(issue.number)
        if issue.number in self.problems:
            raise self.problems[issue.number]
        return "another label"

    def find_earlier_run(self, snapshot):
        return None

    def own_logins(self):
        return frozenset()

    def mark_seen(self, run):
        return


class Open(Gate):
    """A code host on which everybody may start a run."""

    def read_start_label(self, issue):
        return "mergewright"

    def read_runs_per_day(self, issue):
        return None

    def read_permission(self, issue, login):
        return Permission(level="write", account_id=5)

    def read_issue(self, issue):
        return LiveIssue(
            issue=issue, state="open", locked=False, labels=("mergewright",), title="t",
            body="b", author="carl", updated_at="2026-11-20T10:00:00Z", url="u",
        )  # fmt: skip
