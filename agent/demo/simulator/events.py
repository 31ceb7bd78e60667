"""What is delivered when something happens: GitHub's payloads, to the Apps that want them."""

from __future__ import annotations

from typing import Any

from agent.demo.simulator import shapes
from agent.demo.simulator.records import (
    CheckRun,
    Issue,
    Repository,
    Review,
    ReviewComment,
    User,
    WorkflowRun,
)
from agent.demo.simulator.shapes import Shape
from agent.demo.simulator.world import World


def deliver(
    world: World,
    repository: Repository,
    event: str,
    action: str | None,
    sender: User,
    fields: Shape,
) -> None:
    """Send an event to the Apps on a repository that have subscribed to it."""
    for one in world.installations.values():
        hook = one.app.hook
        if not (one.covers(repository) and event in hook.events and hook.url):
            continue
        payload: Shape = {
            **({"action": action} if action else {}),
            **fields,
            "repository": shapes.shape_repository(world, repository),
            "sender": shapes.shape_user(world, sender),
            "installation": {"id": one.id, "node_id": shapes.build_node_id("MDIz", one.id)},
        }
        world.hooks.emit(hook, event, payload, installation_id=one.id, repository_id=repository.id)


def on_issue(
    world: World, repository: Repository, one: Issue, action: str, sender: User, **more: Any
) -> None:
    """Deliver that something happened to an issue or pull request."""
    if one.pull:
        shaped = shapes.shape_full_pull(world, repository, one, one.pull)
        fields = {"number": one.number, "pull_request": shaped, **more}
        deliver(world, repository, "pull_request", action, sender, fields)
    else:
        fields = {"issue": shapes.shape_issue(world, repository, one), **more}
        deliver(world, repository, "issues", action, sender, fields)


def on_review(
    world: World, repository: Repository, one: Issue, review: Review, comments: list[ReviewComment]
) -> None:
    """Deliver that a review was submitted, and each of its comments on lines."""
    if one.pull is None:
        raise AssertionError("only pull requests are reviewed")
    pull = shapes.shape_simple_pull(world, repository, one, one.pull)
    shaped = {**shapes.shape_review(world, repository, one, review), "state": review.state.lower()}
    fields = {"review": shaped, "pull_request": pull}
    deliver(world, repository, "pull_request_review", "submitted", review.author, fields)
    for comment in comments:
        shaped = shapes.shape_review_comment(world, repository, one, comment)
        fields = {"comment": shaped, "pull_request": pull}
        event = "pull_request_review_comment"
        deliver(world, repository, event, "created", comment.author, fields)


def on_check_run(
    world: World, repository: Repository, run: CheckRun, action: str, sender: User
) -> None:
    """Deliver that a check run was created or completed, and that its suite is over with it."""
    fields = {"check_run": shapes.shape_delivered_check_run(world, repository, run)}
    deliver(world, repository, "check_run", action, sender, fields)
    runs = [one for one in repository.check_runs.values() if one.suite_id == run.suite_id]
    if action == "completed" and all(one.status == "completed" for one in runs):
        suite = {"check_suite": shapes.shape_check_suite(world, repository, runs)}
        deliver(world, repository, "check_suite", "completed", sender, suite)


def on_workflow_run(
    world: World, repository: Repository, one: WorkflowRun, action: str, sender: User
) -> None:
    """Deliver that a run of a workflow was asked for or is over."""
    fields = {
        "workflow_run": shapes.shape_workflow_run(world, repository, one),
        "workflow": shapes.shape_workflow(world, repository, one),
    }
    deliver(world, repository, "workflow_run", action, sender, fields)
