"""Check runs, check suites and annotations."""

from __future__ import annotations

from agent.demo.simulator.records import CheckRun, Repository
from agent.demo.simulator.shapes import people, pulls, repositories
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
    suite = f"{repositories.url(world, repository)}/check-suites/{one.suite_id}"
    branch = next(
        (
            issue.pull.head_ref
            for issue in repository.pulls()
            if issue.pull and issue.pull.head_sha == one.head_sha
        ),
        None,
    )
    shaped["check_suite"] = {
        "id": one.suite_id,
        "node_id": node_id("CS", one.suite_id),
        "head_branch": branch,
        "head_sha": one.head_sha,
        "status": one.status,
        "conclusion": one.conclusion,
        "url": suite,
        "before": "0" * 40,
        "after": one.head_sha,
        "pull_requests": shaped["pull_requests"],
        "app": shaped["app"],
        "created_at": moment(one.started),
        "updated_at": moment(one.completed or one.started),
    }
    return shaped
