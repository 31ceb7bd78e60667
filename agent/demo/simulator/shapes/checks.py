"""Check runs, check suites and annotations."""

from __future__ import annotations

from urllib.parse import quote

from agent.demo.simulator.records import CheckRun, Repository, WorkflowRun
from agent.demo.simulator.shapes import commits, people, pulls, repositories
from agent.demo.simulator.shapes.people import Shape, moment, moment_or_none, node_id
from agent.demo.simulator.world import World


def check_run(world: World, repository: Repository, one: CheckRun) -> Shape:
    """Shape a check run."""
    own = f"{repositories.url(world, repository)}/check-runs/{one.id}"
    page = f"{repositories.page(world, repository)}/runs/{one.id}"
    return {
        "id": one.id,
        "name": one.name,
        "node_id": node_id("CR", one.id),
        "head_sha": one.head_sha,
        "external_id": one.external_id or "",
        "url": own,
        "html_url": page,
        "details_url": one.details_url or page,
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": moment(one.started),
        "completed_at": moment_or_none(one.completed),
        "output": {
            "title": one.title,
            "summary": one.summary,
            "text": one.text,
            "annotations_count": len(one.annotations),
            "annotations_url": f"{own}/annotations",
        },
        "check_suite": {"id": one.suite_id},
        "app": people.app_or_none(world, one.app_id),
        "pull_requests": _pull_requests(world, repository, one.head_sha),
    }


def _pull_requests(world: World, repository: Repository, sha: str) -> list[Shape]:
    return [
        pulls.minimal(world, repository, issue, issue.pull)
        for issue in repository.pulls()
        if issue.pull and issue.state == "open" and issue.pull.head_sha == sha
    ]


def delivered(world: World, repository: Repository, one: CheckRun) -> Shape:
    """Shape a check run as deliveries carry it: with its suite."""
    shaped = check_run(world, repository, one)
    shaped["check_suite"] = {
        "id": one.suite_id,
        "node_id": node_id("CS", one.suite_id),
        "head_branch": _branch(repository, one.head_sha),
        "head_sha": one.head_sha,
        "status": one.status,
        "conclusion": one.conclusion,
        "url": _suite_url(world, repository, one.suite_id),
        "before": "0" * 40,
        "after": one.head_sha,
        "pull_requests": shaped["pull_requests"],
        "app": shaped["app"],
        "created_at": moment(one.started),
        "updated_at": moment(one.completed or one.started),
    }
    return shaped


#: What a suite comes to if one of its runs came to that, the strongest first.
_CONCLUSIONS = (
    "failure", "timed_out", "action_required", "cancelled", "success", "neutral", "skipped",
)  # fmt: skip


def suite(world: World, repository: Repository, runs: list[CheckRun]) -> Shape:
    """Shape a suite whose runs are all over."""
    first, came_to = runs[0], {run.conclusion for run in runs}
    url = _suite_url(world, repository, first.suite_id)
    return {
        "id": first.suite_id,
        "node_id": node_id("CS", first.suite_id),
        "head_branch": _branch(repository, first.head_sha),
        "head_sha": first.head_sha,
        "status": "completed",
        "conclusion": next(one for one in _CONCLUSIONS if one in came_to),
        "url": url,
        "before": "0" * 40,
        "after": first.head_sha,
        "pull_requests": _pull_requests(world, repository, first.head_sha),
        "app": people.app_or_none(world, first.app_id),
        "created_at": moment(min(run.started for run in runs)),
        "updated_at": moment(max(run.completed or run.started for run in runs)),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(runs),
        "check_runs_url": f"{url}/check-runs",
        "head_commit": commits.simple(world, repository, first.head_sha),
    }


def _suite_url(world: World, repository: Repository, number: int) -> str:
    return f"{repositories.url(world, repository)}/check-suites/{number}"


def _branch(repository: Repository, sha: str) -> str | None:
    """Give the branch of the pull request that ends at a commit."""
    heads = (one.pull for one in repository.pulls())
    return next((pull.head_ref for pull in heads if pull and pull.head_sha == sha), None)


def workflow_run(world: World, repository: Repository, one: WorkflowRun) -> Shape:
    """Shape a run of a workflow."""
    base, page = repositories.url(world, repository), repositories.page(world, repository)
    own = f"{base}/actions/runs/{one.id}"
    where = repositories.minimal(world, repository)
    return {
        "id": one.id,
        "name": one.name,
        "node_id": node_id("WFR", one.id),
        "check_suite_id": one.suite_id,
        "check_suite_node_id": node_id("CS", one.suite_id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "path": _workflow_path(one),
        "display_title": one.name,
        "run_number": one.id,
        "run_attempt": one.attempt,
        "referenced_workflows": [],
        "event": one.event,
        "status": one.status,
        "conclusion": one.conclusion,
        "workflow_id": _workflow_id(repository, one),
        "url": own,
        "html_url": f"{page}/actions/runs/{one.id}",
        "pull_requests": _pull_requests(world, repository, one.head_sha),
        "created_at": moment(one.created),
        "updated_at": moment(one.created),
        "run_started_at": moment(one.created),
        "actor": people.user(world, one.actor),
        "triggering_actor": people.user(world, one.actor),
        "jobs_url": f"{own}/jobs",
        "logs_url": f"{own}/logs",
        "check_suite_url": _suite_url(world, repository, one.suite_id),
        "artifacts_url": f"{own}/artifacts",
        "cancel_url": f"{own}/cancel",
        "rerun_url": f"{own}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{base}/actions/workflows/{_workflow_id(repository, one)}",
        "head_commit": commits.simple(world, repository, one.head_sha),
        "repository": where,
        "head_repository": {**where, "id": one.fork, "fork": True} if one.fork else where,
    }


def job(world: World, repository: Repository, of: WorkflowRun, one: CheckRun) -> Shape:
    """Shape a job of a run of a workflow, which is a check run as well."""
    base = repositories.url(world, repository)
    return {
        "id": one.id,
        "run_id": of.id,
        "run_url": f"{base}/actions/runs/{of.id}",
        "run_attempt": of.attempt,
        "node_id": node_id("CR", one.id),
        "head_sha": one.head_sha,
        "head_branch": of.head_branch,
        "url": f"{base}/actions/jobs/{one.id}",
        "html_url": one.details_url,
        "status": one.status,
        "conclusion": one.conclusion,
        "created_at": moment(one.started),
        "started_at": moment(one.started),
        "completed_at": moment_or_none(one.completed),
        "name": one.name,
        "steps": [],
        "check_run_url": f"{base}/check-runs/{one.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
        "workflow_name": of.name,
    }


def workflow(world: World, repository: Repository, one: WorkflowRun) -> Shape:
    """Shape the workflow of a run."""
    number, path = _workflow_id(repository, one), _workflow_path(one)
    page = repositories.page(world, repository)
    return {
        "id": number,
        "node_id": node_id("W", number),
        "name": one.name,
        "path": path,
        "state": "active",
        "created_at": moment(repository.created),
        "updated_at": moment(repository.created),
        "url": f"{repositories.url(world, repository)}/actions/workflows/{number}",
        "html_url": f"{page}/blob/{repository.default_branch}/{path}",
        "badge_url": f"{page}/workflows/{quote(one.name)}/badge.svg",
    }


def _workflow_id(repository: Repository, one: WorkflowRun) -> int:
    """Give the id of the first run of a workflow: it is as good as any."""
    return next(run.id for run in repository.workflow_runs if run.name == one.name)


def _workflow_path(one: WorkflowRun) -> str:
    return f".github/workflows/{quote(one.name)}.yml"
