"""Operations on check runs, commit statuses and runs of workflows."""

import secrets
from urllib.parse import urlsplit

from tests.simulator import calls, events, git_store, shapes
from tests.simulator.calls import Call, NotFound, Refusal, Reply, operation, require_length
from tests.simulator.records import CheckRun, Repository, Status

LOGS = "/_logs/"
"""Where logs of jobs are fetched, without a token."""
_REPOSITORY = "/repos/{owner}/{repo}"
_COMMIT = f"{_REPOSITORY}/commits/{{ref}}"


def _resolve(call: Call, repository: Repository) -> str:
    sha = git_store.resolve(repository.git_dir, call.params.get("ref") or call.params["sha"])
    if sha is None:
        raise Refusal(422, "No commit found for SHA")
    return sha


@operation("POST", f"{_REPOSITORY}/check-runs", 201)
def _create_check_run(call: Call) -> object:
    """Report a check that is over; only an App can."""
    app_id, body = call.caller.user.app_id, call.body
    if app_id is None:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    repository, sha = call.require_writing("checks", role="write"), body["head_sha"]
    if git_store.resolve(repository.git_dir, sha) != sha:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    same = (check_run for check_run in repository.check_runs.values() if check_run.head_sha == sha)
    suites = {check_run.app_id: check_run.suite_id for check_run in same}
    suite_id = suites.get(app_id) or call.world.next_id()
    number = call.world.next_id()
    output = body["output"]
    require_length("CheckRun", "summary", output["summary"], calls.LONGEST_TEXT - 1)
    run = CheckRun(
        number, suite_id, app_id, body["name"], sha, body["status"], body["conclusion"],
        body.get("external_id"), body.get("details_url"), **output,
    )  # fmt: skip
    repository.check_runs[number] = run
    for action in ("created", "completed"):
        events.on_check_run(repository, run, action, call.caller.user)
    return shapes.shape_check_run(repository, run)


@operation("GET", f"{_COMMIT}/check-runs")
def _list_check_runs(call: Call) -> object:
    repository, name = call.require_reading("checks"), call.query.get("check_name")
    sha = _resolve(call, repository)
    newest: dict[tuple[int, str], CheckRun] = {}
    for run in repository.check_runs.values():
        if run.head_sha == sha and name in (None, run.name):
            newest[run.suite_id, run.name] = run
    runs = sorted(newest.values(), key=lambda run: -run.id)
    return call.paginate(
        runs,
        lambda check_run: shapes.shape_check_run(repository, check_run),
        lambda page: {"total_count": len(runs), "check_runs": page},
    )


# --- statuses ------------------------------------------------------------------------------------


@operation("POST", f"{_REPOSITORY}/statuses/{{sha}}", 201)
def _create_status(call: Call) -> object:
    repository, body, world = call.require_writing("statuses", role="write"), call.body, call.world
    sha, description = _resolve(call, repository), body.get("description")
    require_length("Status", "description", description, 140)
    context, address = body.get("context", "default"), body.get("target_url")
    made = Status(world.next_id(), sha, body["state"], context, description, address)
    repository.statuses.append(made)
    fields = {"id": made.id, "sha": sha, "state": made.state, "context": context}
    events.deliver(repository, "status", None, call.caller.user, fields)
    return shapes.shape_status(made)


@operation("GET", f"{_COMMIT}/status")
def _get_combined_status(call: Call) -> object:
    repository = call.require_reading("statuses")
    sha = _resolve(call, repository)
    newest = {status.context: status for status in repository.statuses if status.sha == sha}
    return call.paginate(
        list(newest.values()), shapes.shape_status, lambda page: {"statuses": page}
    )


# --- workflows -----------------------------------------------------------------------------------


@operation("GET", f"{_REPOSITORY}/actions/runs")
def _list_workflow_runs(call: Call) -> object:
    repository, sha = call.require_reading("actions"), call.query["head_sha"]
    runs = [run for run in reversed(repository.workflow_runs) if run.head_sha == sha]
    return call.paginate(
        runs,
        lambda run: shapes.shape_workflow_run(repository, run),
        lambda page: {"workflow_runs": page},
    )


@operation("GET", f"{_REPOSITORY}/actions/jobs/{{job_id}}/logs", 302)
def _get_job_log(call: Call) -> object:
    repository = call.require_reading("actions")
    # Unlike the list, a log is not shown to a caller who only sees a public repository.
    calls.require(call.caller, repository, ("actions",), "read", "triage")
    job = repository.check_runs.get(call.read_number("job_id"))
    if job is None or job.log is None:
        raise NotFound
    name = secrets.token_hex(16)
    call.world.logs[name] = job.log
    port = urlsplit(call.world.base_url).port
    return Reply(headers={"Location": f"http://localhost:{port}{LOGS}{name}"})
