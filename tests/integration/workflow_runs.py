"""What happens to the workflows of a repository: what runs them is no part of the simulator."""

from collections.abc import Iterable
from typing import NamedTuple

from tests.simulator import events, shapes
from tests.simulator.records import CheckRun, Repository, User, WorkflowRun


class Job(NamedTuple):
    """What becomes of one job of a workflow."""

    name: str
    conclusion: str | None = "success"
    """None: it is still at work."""
    log: str | None = None
    """What it prints; GitHub puts the time before each line."""


def conclude_workflow(
    repository: Repository,
    sha: str,
    name: str,
    conclusion: str,
    actor: User,
    jobs: Iterable[Job] = (),
) -> WorkflowRun:
    """Add a run of a workflow on a commit, with its end."""
    made = _make_run(repository, sha, name)
    run_again(repository, made, conclusion, actor, jobs)
    return made


def _make_run(repository: Repository, sha: str, name: str) -> WorkflowRun:
    next_id = repository.world.next_id
    made = WorkflowRun(next_id(), next_id(), name, sha)
    repository.workflow_runs.append(made)
    return made


def run_again(
    repository: Repository, run: WorkflowRun, conclusion: str, actor: User, jobs: Iterable[Job] = ()
) -> None:
    """Run a workflow again: it keeps its number and its suite; its jobs are new ones."""
    run.status, run.conclusion = "completed", conclusion
    for job in jobs:
        made = _make_check_run(repository, run, job)
        repository.check_runs[made.id] = made
        events.on_check_run(repository, made, "created", actor)
        if made.status == "completed":
            events.on_check_run(repository, made, "completed", actor)


def _make_check_run(repository: Repository, run: WorkflowRun, job: Job) -> CheckRun:
    world = repository.world
    number, now = world.next_id(), world.now()
    page = f"{repository.page_url}/actions/runs/{run.id}/job/{number}"
    made = CheckRun(
        number, run.suite_id, world.actions_app().id, job.name, run.head_sha, "in_progress", now,
        details_url=page,
    )  # fmt: skip
    if job.conclusion is not None:
        made.status, made.conclusion, made.completed = "completed", job.conclusion, now
        made.log = None if job.log is None else _stamp(job.log, now)
    return made


def _stamp(text: str, now: float) -> str:
    """Return a log as GitHub keeps it: a byte order mark, and the time before every line."""
    when = shapes.format_time(now).replace("Z", ".1234567Z")
    return "\ufeff" + "".join(f"{when} {line}\r\n" for line in text.splitlines())
