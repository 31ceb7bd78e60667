"""Commit statuses: what a client without App reports in place of check runs."""

from __future__ import annotations

from agent.demo.simulator import check_events, git_store, refusals
from agent.demo.simulator.call import Body, Call
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Repository, Status
from agent.demo.simulator.shapes import commits, repositories

api = Operations()
_STATES = ("error", "failure", "pending", "success")
DESCRIPTION_LIMIT = 140
_CONTEXT_LIMIT = 255
_PER_CONTEXT = 1_000


class _NewStatus(Body):
    state: str
    target_url: str | None = None
    description: str | None = None
    context: str = "default"


@api.post("/repos/{owner}/{repo}/statuses/{sha}")
def create_status(call: Call) -> object:
    """Report a status of a commit."""
    repository = call.writing("statuses", role="write", hidden=True)
    body, sha = call.body(_NewStatus), call.params["sha"]
    if body.state not in _STATES:
        raise refusals.invalid("Status", "state", "inclusion")
    if git_store.object_kind(repository.git_dir, sha) != "commit":
        raise refusals.unprocessable(f"No commit found for SHA: {sha}")
    if len(body.description or "") > DESCRIPTION_LIMIT:
        raise refusals.too_long("Status", "description", DESCRIPTION_LIMIT)
    if len(body.context) > _CONTEXT_LIMIT:
        raise refusals.too_long("Status", "context", _CONTEXT_LIMIT)
    if body.target_url and not body.target_url.startswith(("http://", "https://")):
        raise refusals.custom("Status", "Target URL must use http(s) scheme")
    same = [one for one in repository.statuses if (one.sha, one.context) == (sha, body.context)]
    if len(same) >= _PER_CONTEXT:
        said = "This SHA and context has reached the maximum number of statuses."
        raise refusals.custom("Status", said)
    made = Status(
        call.world.next_id(), sha, body.state, body.context, body.description,
        body.target_url or None, call.caller.user, call.world.now(),
    )  # fmt: skip
    repository.statuses.append(made)
    check_events.on_status(call.world, repository, made, call.caller.user)
    return commits.status(call.world, repository, made)


def _of(call: Call, repository: Repository) -> tuple[str, list[Status]]:
    """Give the commit and its statuses, newest first."""
    sha = git_store.resolve(repository.git_dir, call.params["ref"])
    if sha is None:
        raise refusals.not_found()
    return sha, [one for one in reversed(repository.statuses) if one.sha == sha]


@api.get("/repos/{owner}/{repo}/commits/{ref}/statuses")
def list_statuses(call: Call) -> object:
    """List all statuses of a commit."""
    repository = call.reading("statuses")
    _, found = _of(call, repository)
    return call.page(found, lambda one: commits.status(call.world, repository, one))


@api.get("/repos/{owner}/{repo}/commits/{ref}/status")
def get_combined_status(call: Call) -> object:
    """Answer with the newest status of each context, and what they come to."""
    repository = call.reading("statuses")
    sha, found = _of(call, repository)
    newest: dict[str, Status] = {}
    for one in found:
        newest.setdefault(one.context, one)
    states = {one.state for one in newest.values()}
    combined = "success" if states == {"success"} else "pending"
    if states & {"error", "failure"}:
        combined = "failure"
    base = repositories.url(call.world, repository)
    return call.page(
        list(newest.values()),
        lambda one: commits.simple_status(call.world, repository, one),
        lambda page: {
            "state": combined,
            "statuses": page,
            "sha": sha,
            "total_count": len(newest),
            "repository": repositories.minimal(call.world, repository),
            "commit_url": f"{base}/commits/{sha}",
            "url": f"{base}/commits/{sha}/status",
        },
    )
