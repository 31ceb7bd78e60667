"""What happens to the workflows of a repository: who runs them is no part of the simulator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agent.demo.simulator import check_events
from agent.demo.simulator.records import CheckRun, Repository, User, WorkflowRun
from agent.demo.simulator.shapes import repositories
from agent.demo.simulator.shapes.people import moment
from agent.demo.simulator.world import World


class Job(NamedTuple):
    """What becomes of one job of a workflow."""

    name: str
    conclusion: str | None = "success"
    """None: it is still at work."""
    log: str | None = None
    """What it prints; GitHub puts the time before each line."""


def conclude_workflow(
    world: World,
    repository: Repository,
    branch: str,
    sha: str,
    name: str,
    conclusion: str,
    actor: User,
    jobs: Iterable[Job] = (),
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
    report(world, repository, made, jobs)
    return made


def begin_workflow(
    world: World,
    repository: Repository,
    branch: str,
    sha: str,
    name: str,
    actor: User,
    *,
    status: str = "in_progress",
    event: str = "pull_request",
) -> WorkflowRun:
    """Let a workflow have begun on a commit, or wait for its turn or for somebody."""
    made = WorkflowRun(
        world.next_id(), world.next_id(), name, branch, sha, None, actor, world.now(), status, event
    )
    repository.workflow_runs.append(made)
    report(world, repository, made, ())
    return made


def run_again(
    world: World,
    repository: Repository,
    run: WorkflowRun,
    conclusion: str,
    actor: User,
    jobs: Iterable[Job] = (),
) -> None:
    """Let a run of a workflow be done again, or for the first time once somebody allows it.

    It keeps its number and its suite; its jobs are other ones.
    """
    run.attempt += 1
    run.status, run.conclusion, run.actor = "completed", conclusion, actor
    report(world, repository, run, jobs)


def report(world: World, repository: Repository, run: WorkflowRun, jobs: Iterable[Job]) -> None:
    """Let jobs of a run be seen, and deliver what became of them and of it."""
    app = world.actions_app()
    for job in jobs:
        made = _check_run(world, repository, run, job, app.id)
        repository.check_runs[made.id] = made
        check_events.on_check_run(world, repository, made, "created", run.actor)
        if made.status == "completed":
            check_events.on_check_run(world, repository, made, "completed", run.actor)
    over = run.status == "completed" and run.conclusion != "action_required"
    action = "completed" if over else "requested"
    check_events.on_workflow_run(world, repository, run, action, run.actor)


def _check_run(
    world: World, repository: Repository, run: WorkflowRun, job: Job, app_id: int
) -> CheckRun:
    number, now = world.next_id(), world.now()
    page = repositories.page(world, repository)
    over = job.conclusion is not None
    return CheckRun(
        number, run.suite_id, app_id, job.name, run.head_sha,
        "completed" if over else "in_progress", now, job.conclusion, now if over else None,
        details_url=f"{page}/actions/runs/{run.id}/job/{number}",
        log=_stamped(job.log, now) if over and job.log is not None else None,
    )  # fmt: skip


def _stamped(text: str, now: float) -> str:
    """Give a log as GitHub keeps it: a byte order mark, and the time before every line."""
    when = moment(now).replace("Z", ".1234567Z")
    return "\ufeff" + "".join(f"{when} {line}\r\n" for line in text.splitlines())
