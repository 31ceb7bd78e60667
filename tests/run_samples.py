"""A run of an issue, for tests of what queues, carries, keeps and shows runs."""

from agent.models.run import Run
from agent.models.ticket import IssueRef, Snapshot


def snapshot(number: int = 1, repository_id: int = 7, **more: object) -> Snapshot:
    """Make what was approved of an issue; `repository` is its name."""
    name, url = more.pop("repository", "o/r"), more.pop("host", "https://h")
    issue = IssueRef(
        repository=name, repository_id=repository_id, number=number,
        issue_id=more.pop("issue_id", 90 + number),
    )  # fmt: skip
    usual = {
        "url": f"{url}/{name}/issues/{number}", "title": "Add a field", "body": "nickname",
        "labels": ("mergewright",), "author": "carl", "actor": "maria", "actor_id": 5,
        "approved_at": "2026-11-20T10:00:00Z",
    }  # fmt: skip
    return Snapshot.model_validate({"issue": issue, **usual, **more})


def run(number: int = 1, repository_id: int = 7, **more: object) -> Run:
    """Make the run `r<number>` of the issue of that number."""
    usual = {
        "run_id": f"r{number}", "repository": "https://h/o/r.git", "ticket": f"#{number}",
        "snapshot": snapshot(number, repository_id), "started": 0,
    }  # fmt: skip
    return Run.model_validate({**usual, **more})
