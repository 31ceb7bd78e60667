"""Runs of workflows and the logs of their jobs."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from agent.demo.simulator import access, refusals
from agent.demo.simulator.call import Call, Reply
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import checks as shapes

api = Operations()
BLOBS = "/_blobs"
"""Where logs are fetched, by whoever has the address."""
_BLOB_SECONDS = 60.0
_FILTERS = {"head_sha": "head_sha", "branch": "head_branch", "event": "event"}


@api.get("/repos/{owner}/{repo}/actions/runs")
def list_workflow_runs(call: Call) -> object:
    """List runs of workflows, newest first."""
    repository = call.reading("actions")
    wanted = call.query.get("status")
    found = [
        one
        for one in reversed(repository.workflow_runs)
        if all(call.query.get(name) in (None, getattr(one, own)) for name, own in _FILTERS.items())
        and wanted in (None, one.status, one.conclusion)
    ]
    return call.page(
        found,
        lambda one: shapes.workflow_run(call.world, repository, one),
        lambda page: {"total_count": len(found), "workflow_runs": page},
    )


@api.get("/repos/{owner}/{repo}/actions/runs/{run_id}/jobs")
def list_jobs(call: Call) -> object:
    """List the jobs of a run, those of its last attempt unless all are asked for."""
    repository, number = call.reading("actions"), call.number("run_id")
    run = next((one for one in repository.workflow_runs if one.id == number), None)
    if run is None:
        raise refusals.not_found()
    jobs = [one for one in repository.check_runs.values() if one.suite_id == run.suite_id]
    if call.query.get("filter") != "all":
        jobs = list({one.name: one for one in jobs}.values())
    return call.page(
        jobs,
        lambda one: shapes.job(call.world, repository, run, one),
        lambda page: {"total_count": len(jobs), "jobs": page},
    )


@api.get("/repos/{owner}/{repo}/actions/jobs/{job_id}/logs")
def get_job_log(call: Call) -> object:
    """Lead to the log of a job that is over, on another host, for a minute."""
    repository = call.reading("actions")
    token = call.caller.token
    # Unlike the list, a log is for nobody who only happens to see a public repository.
    if token is None:
        raise refusals.role_forbidden()
    if token.installation and not access.allows(call.caller, ("actions",), "read"):
        raise refusals.integration_forbidden({"actions": "read"})
    job = repository.check_runs.get(call.number("job_id"))
    if job is None or job.app_id != call.world.actions_app().id or job.status != "completed":
        raise refusals.not_found()
    if job.log is None:
        raise Refusal(410, "Server Error")
    name = secrets.token_hex(16)
    call.world.blobs[name] = (call.world.now() + _BLOB_SECONDS, job.log)
    return Reply(status=302, headers={"Location": f"{_elsewhere(call.world.base_url)}/{name}"})


def _elsewhere(base_url: str) -> str:
    """Give the address of the store, which has another name than the API."""
    parts = urlsplit(base_url)
    host = "localhost" if parts.hostname == "127.0.0.1" else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port}{BLOBS}"
