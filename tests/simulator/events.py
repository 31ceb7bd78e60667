"""What is delivered when something happens: GitHub's payloads, to the Apps that want them."""

from typing import Any

from tests.simulator import shapes
from tests.simulator.records import CheckRun, Issue, Pull, Repository, Review, ReviewComment, User
from tests.simulator.shapes import Shape


def deliver(
    repository: Repository, event: str, action: str | None, sender: User, fields: Shape
) -> None:
    """Send an event to the Apps on a repository that have subscribed to it."""
    world = repository.world
    for installation in [*world.installations.values()]:  # others are made meanwhile
        hook = installation.app.hook
        if not (installation.covers(repository) and event in hook.events and hook.url):
            continue
        payload: Shape = {
            **({"action": action} if action else {}),
            **fields,
            "repository": shapes.shape_repository(repository),
            "sender": shapes.shape_user(sender),
            "installation": {"id": installation.id},
        }
        world.hooks.emit(hook, event, payload, repository.id)


def on_issue(issue: Issue, action: str, sender: User, **more: Any) -> None:
    if issue.pull:
        shaped = shapes.shape_full_pull(issue.pull)
        fields = {"number": issue.number, "pull_request": shaped, **more}
        deliver(issue.repository, "pull_request", action, sender, fields)
    else:
        fields = {"issue": shapes.shape_issue(issue), **more}
        deliver(issue.repository, "issues", action, sender, fields)


def on_push(repository: Repository, ref: str, before: str, after: str, sender: User) -> None:
    fields = {"ref": ref, "before": before, "after": after}
    deliver(repository, "push", None, sender, fields)


def on_review(pull: Pull, review: Review, comments: list[ReviewComment]) -> None:
    """Deliver that a review was submitted, and each of its comments on lines."""
    repository, shaped_pull = pull.issue.repository, shapes.shape_pull(pull)
    shaped = {**shapes.shape_review(pull, review), "state": review.state.lower()}
    fields = {"review": shaped, "pull_request": shaped_pull}
    deliver(repository, "pull_request_review", "submitted", review.author, fields)
    for comment in comments:
        shaped = shapes.shape_review_comment(pull, comment)
        fields = {"comment": shaped, "pull_request": shaped_pull}
        deliver(repository, "pull_request_review_comment", "created", comment.author, fields)


def on_check_run(repository: Repository, run: CheckRun, action: str, sender: User) -> None:
    """Deliver that a check run was created or completed, and that its suite is over with it."""
    fields = {"check_run": shapes.shape_check_run(repository, run)}
    deliver(repository, "check_run", action, sender, fields)
    runs = [
        check_run
        for check_run in repository.check_runs.values()
        if check_run.suite_id == run.suite_id
    ]
    if action == "completed" and all(check_run.status == "completed" for check_run in runs):
        suite = {"check_suite": shapes.shape_check_suite(repository, runs)}
        deliver(repository, "check_suite", "completed", sender, suite)
