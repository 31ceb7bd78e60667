"""A run of an issue, for tests of what keeps, queues and carries runs."""

from agent.models.run import Run
from agent.models.ticket import IssueRef, Snapshot


def run(number: int, repository: int = 7) -> Run:
    """Make the run `r<number>` of the issue of that number."""
    issue = IssueRef(repository="o/r", repository_id=repository, number=number, issue_id=number)
    snapshot = Snapshot(
        issue=issue, url="u", title="Add a field", body="b", labels=("mergewright",),
        author="carl", actor="maria", actor_id=5, approved_at="2026-11-20T10:00:00Z",
    )  # fmt: skip
    return Run(
        run_id=f"r{number}", repository="https://h/o/r.git", ticket=f"#{number}",
        snapshot=snapshot, started=0,
    )  # fmt: skip
