"""Operations on check runs, commit statuses and runs of workflows."""

from __future__ import annotations

import secrets
from datetime import datetime
from urllib.parse import urlsplit

from agent.demo.simulator import calls, events, git_store, shapes
from agent.demo.simulator.calls import Call, NotFound, Refusal, Reply, operation, require_length
from agent.demo.simulator.records import Annotation, CheckRun, Repository, Status

LOGS = "/_logs/"
"""Where logs of jobs are fetched, without a token."""
_REPOSITORY = "/repos/{owner}/{repo}"
_COMMIT = f"{_REPOSITORY}/commits/{{ref}}"
_MOST_ANNOTATIONS = 50


def _require_app_writing(call: Call) -> tuple[Repository, int]:
    """Give the repository, if an App asks that may write checks; nobody else can."""
    app_id = call.caller.user.app_id
    if app_id is None:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    return call.require_writing("checks", role="write"), app_id


def _resolve(call: Call, repository: Repository) -> str:
    sha = git_store.resolve(repository.git_dir, call.params.get("ref") or call.params["sha"])
    if sha is None:
        raise Refusal(422, "No commit found for SHA")
    return sha


@operation("POST", f"{_REPOSITORY}/check-runs", 201)
def _create_check_run(call: Call) -> object:
    repository, app_id = _require_app_writing(call)
    sha = call.body["head_sha"]
    if git_store.resolve(repository.git_dir, sha) != sha:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    same = (one for one in repository.check_runs.values() if one.head_sha == sha)
    suites = {one.app_id: one.suite_id for one in same}
    suite_id = suites.get(app_id) or call.world.next_id()
    number, now = call.world.next_id(), call.world.now()
    run = CheckRun(number, suite_id, app_id, call.body["name"], sha, "queued", now)
    repository.check_runs[number] = run
    _apply(call, run)
    events.on_check_run(call.world, repository, run, "created", call.caller.user)
    if run.status == "completed":
        events.on_check_run(call.world, repository, run, "completed", call.caller.user)
    return shapes.shape_check_run(call.world, repository, run)


def _apply(call: Call, run: CheckRun) -> None:
    body = call.body
    run.status = body.get("status", run.status)
    run.external_id = body.get("external_id", run.external_id)
    run.details_url = body.get("details_url", run.details_url)
    if "conclusion" in body:
        run.status, run.conclusion = "completed", body["conclusion"]
        ended = body.get("completed_at")
        run.completed = datetime.fromisoformat(ended).timestamp() if ended else call.world.now()
    if output := body.get("output"):
        for name in ("summary", "text"):
            require_length("CheckRun", name, output.get(name), calls.LONGEST_TEXT - 1)
        annotations = output.get("annotations", [])
        if len(annotations) > _MOST_ANNOTATIONS:
            raise Refusal(422, "Invalid request.\n\nNo more than 50 items are allowed.")
        run.title, run.summary = output.get("title", run.title), output["summary"]
        run.text = output.get("text")
        for one in annotations:
            lines, level = (one["start_line"], one["end_line"]), one["annotation_level"]
            run.annotations.append(Annotation(one["path"], *lines, level, one["message"]))


@operation("GET", f"{_COMMIT}/check-runs")
def _list_check_runs(call: Call) -> object:
    """List the newest check run of each name and suite on a commit, or all of them."""
    repository, name = call.require_reading("checks"), call.query.get("check_name")
    sha, every = _resolve(call, repository), call.query.get("filter") == "all"
    newest: dict[object, CheckRun] = {}
    for run in repository.check_runs.values():
        if run.head_sha == sha and name in (None, run.name):
            newest[run.id if every else (run.suite_id, run.name)] = run
    runs = sorted(newest.values(), key=lambda run: -run.id)
    return call.paginate(
        runs,
        lambda one: shapes.shape_check_run(call.world, repository, one),
        lambda page: {"total_count": len(runs), "check_runs": page},
    )


# --- statuses ------------------------------------------------------------------------------------


@operation("POST", f"{_REPOSITORY}/statuses/{{sha}}", 201)
def _create_status(call: Call) -> object:
    repository, body, world = call.require_writing("statuses", role="write"), call.body, call.world
    sha, description = _resolve(call, repository), body.get("description")
    require_length("Status", "description", description, 140)
    context, address = body.get("context", "default"), body.get("target_url")
    made = Status(
        world.next_id(), sha, body["state"], context, description, address, call.caller.user,
        world.now(),
    )  # fmt: skip
    repository.statuses.append(made)
    shaped = shapes.shape_status(world, repository, made)
    shared = ("avatar_url", "target_url", "context", "description", "state")
    commit = git_store.read_commit(repository.git_dir, sha)
    fields = {
        "id": made.id,
        "sha": sha,
        "name": repository.full_name,
        **{name: shaped[name] for name in (*shared, "created_at", "updated_at")},
        "commit": shapes.shape_commit(world, repository, commit),
        "branches": [],
    }
    events.deliver(world, repository, "status", None, call.caller.user, fields)
    return shaped


@operation("GET", f"{_COMMIT}/statuses")
def _list_statuses(call: Call) -> object:
    repository = call.require_reading("statuses")
    sha = _resolve(call, repository)
    found = [one for one in reversed(repository.statuses) if one.sha == sha]
    return call.paginate(found, lambda one: shapes.shape_status(call.world, repository, one))


@operation("GET", f"{_COMMIT}/status")
def _get_combined_status(call: Call) -> object:
    """Answer with the newest status of each context, and what they come to."""
    repository = call.require_reading("statuses")
    sha = _resolve(call, repository)
    newest = {one.context: one for one in repository.statuses if one.sha == sha}
    states = {one.state for one in newest.values()}
    bad = "failure" if states & {"error", "failure"} else "pending"
    address = f"{shapes.build_url(call.world, repository)}/commits/{sha}"
    return call.paginate(
        list(newest.values()),
        lambda one: shapes.shape_status(call.world, repository, one, creator=False),
        lambda page: {
            "state": "success" if states == {"success"} else bad,
            "statuses": page,
            "sha": sha,
            "total_count": len(newest),
            "repository": shapes.shape_minimal_repository(call.world, repository),
            "commit_url": address,
            "url": f"{address}/status",
        },
    )


# --- workflows -----------------------------------------------------------------------------------


@operation("GET", f"{_REPOSITORY}/actions/runs")
def _list_workflow_runs(call: Call) -> object:
    repository, sha = call.require_reading("actions"), call.query["head_sha"]
    found = [one for one in reversed(repository.workflow_runs) if one.head_sha == sha]
    return call.paginate(
        found,
        lambda one: shapes.shape_workflow_run(call.world, repository, one),
        lambda page: {"total_count": len(found), "workflow_runs": page},
    )


@operation("GET", f"{_REPOSITORY}/actions/runs/{{run_id}}/jobs")
def _list_jobs(call: Call) -> object:
    repository, number = call.require_reading("actions"), call.read_number("run_id")
    run = next((one for one in repository.workflow_runs if one.id == number), None)
    if run is None:
        raise NotFound
    found = (one for one in repository.check_runs.values() if one.suite_id == run.suite_id)
    jobs = list({one.name: one for one in found}.values())
    return call.paginate(
        jobs,
        lambda one: shapes.shape_job(call.world, repository, run, one),
        lambda page: {"total_count": len(jobs), "jobs": page},
    )


@operation("GET", f"{_REPOSITORY}/actions/jobs/{{job_id}}/logs", 302)
def _get_job_log(call: Call) -> object:
    repository = call.require_reading("actions")
    # Unlike the list, a log is for nobody who only happens to see a public repository.
    calls.require(call.world, call.caller, repository, ("actions",), "read", "triage")
    job = repository.check_runs.get(call.read_number("job_id"))
    if job is None or job.log is None:
        raise NotFound
    name = secrets.token_hex(16)
    call.world.logs[name] = job.log
    port = urlsplit(call.world.base_url).port
    return Reply(headers={"Location": f"http://localhost:{port}{LOGS}{name}"})
