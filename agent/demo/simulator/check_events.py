"""What is delivered about the checks of a commit: check runs, their suites, statuses, workflows."""

from __future__ import annotations

from agent.demo.simulator import events, git_store
from agent.demo.simulator.records import CheckRun, Repository, Status, User, WorkflowRun
from agent.demo.simulator.shapes import checks, commits
from agent.demo.simulator.shapes.people import Shape
from agent.demo.simulator.world import World

_BRANCHES_TOLD = 10


def on_check_run(
    world: World, repository: Repository, run: CheckRun, action: str, sender: User
) -> None:
    """Deliver that a check run was created or completed, and that its suite is over with it."""
    said = {"check_run": checks.delivered(world, repository, run)}
    events.deliver(world, repository, "check_run", action, said, sender)
    if action == "completed":
        runs = [one for one in repository.check_runs.values() if one.suite_id == run.suite_id]
        if all(one.status == "completed" for one in runs):
            suite = {"check_suite": checks.suite(world, repository, runs)}
            events.deliver(world, repository, "check_suite", "completed", suite, sender)


def on_status(world: World, repository: Repository, one: Status, sender: User) -> None:
    """Deliver that a status was set; the event has no action."""
    told = commits.status(world, repository, one)
    commit = git_store.read_commit(repository.git_dir, one.sha)
    said: Shape = {
        "id": one.id,
        "sha": one.sha,
        "name": repository.full_name,
        **{
            name: told[name]
            for name in (
                "avatar_url", "target_url", "context", "description", "state", "created_at",
                "updated_at",
            )
        },
        "commit": commits.commit(world, repository, commit),
        "branches": _branches_at(world, repository, one.sha),
    }  # fmt: skip
    events.deliver(world, repository, "status", None, said, sender)


def _branches_at(world: World, repository: Repository, sha: str) -> list[Shape]:
    """Give the branches that end at a commit; those that merely contain it are left out."""
    url = commits.commit_url(world, repository, sha)
    tips = git_store.references(repository.git_dir, "refs/heads/")
    names = [name.removeprefix("refs/heads/") for name, tip in tips.items() if tip == sha]
    return [
        {
            "name": name,
            "commit": {"sha": sha, "url": url},
            "protected": any(rule.classic and rule.covers(name) for rule in repository.rules),
        }
        for name in names[:_BRANCHES_TOLD]
    ]


def on_workflow_run(
    world: World, repository: Repository, one: WorkflowRun, action: str, sender: User
) -> None:
    """Deliver that a run of a workflow was asked for or is over."""
    said = {
        "workflow_run": checks.workflow_run(world, repository, one),
        "workflow": checks.workflow(world, repository, one),
    }
    events.deliver(world, repository, "workflow_run", action, said, sender)
