"""What happens to the workflows of a repository: GitHub Actions itself is not simulated."""

from __future__ import annotations

from agent.demo.simulator import check_events
from agent.demo.simulator.records import Repository, User, WorkflowRun
from agent.demo.simulator.world import World


def conclude_workflow(
    world: World,
    repository: Repository,
    branch: str,
    sha: str,
    name: str,
    conclusion: str,
    actor: User,
) -> WorkflowRun:
    """Let a workflow have run on a commit.

    Args:
        conclusion: GitHub's word; with `action_required` it has not run, it waits for somebody.
        actor: Whose push began it.
    """
    made = WorkflowRun(
        world.next_id(), world.next_id(), name, branch, sha, conclusion, actor, world.now()
    )
    repository.workflow_runs.append(made)
    action = "requested" if conclusion == "action_required" else "completed"
    check_events.on_workflow_run(world, repository, made, action, actor)
    return made
