"""Pull requests: open, change, look at, merge."""

from __future__ import annotations

from agent.demo.simulator import (
    access,
    actions,
    events,
    git_store,
    pull_actions,
    refusals,
)
from agent.demo.simulator.call import Body, Call
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Issue, Pull, Repository
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.routes.issues import check_title
from agent.demo.simulator.shapes import people
from agent.demo.simulator.shapes import pulls as shapes

api = Operations()
_ROOT = "/repos/{owner}/{repo}/pulls"
_ONE = _ROOT + "/{pull_number}"
_COMMITS_MAX = 250
_FILES_MAX = 3_000
_REVIEWERS_MAX = 15


class _NewPull(Body):
    title: str | None = None
    head: str
    base: str
    body: str | None = None
    draft: bool = False
    maintainer_can_modify: bool = True
    issue: int | None = None


class _EditedPull(Body):
    title: str | None = None
    body: str | None = None
    state: str | None = None
    base: str | None = None
    maintainer_can_modify: bool | None = None


class _Reviewers(Body):
    reviewers: list[str] = []
    team_reviewers: list[str] = []


class _Merge(Body):
    commit_title: str | None = None
    commit_message: str | None = None
    sha: str | None = None
    merge_method: str = "merge"


@api.get(_ROOT)
def list_pulls(call: Call) -> object:
    """List pull requests; `head` is OWNER:BRANCH, anything else filters nothing."""
    repository = call.reading("pull_requests")
    state = call.query.get("state", "open")
    owner, colon, head = call.query.get("head", "").partition(":")
    base = call.query.get("base")
    found = []
    for one in repository.pulls():
        pull = one.pull
        if pull is None or state not in ("all", one.state) or base not in (None, pull.base_ref):
            continue
        if colon and (owner.lower(), head) != (repository.owner.login.lower(), pull.head_ref):
            continue
        found.append(one)
    found.sort(key=lambda one: one.updated if call.query.get("sort") == "updated" else one.number)
    default = "asc" if call.query.get("sort") else "desc"
    if call.query.get("direction", default) == "desc":
        found.reverse()
    return call.page(found, lambda one: _simple(call, repository, one))


def _simple(call: Call, repository: Repository, one: Issue) -> object:
    return shapes.simple(call.world, repository, one, one.pull) if one.pull else None


@api.post(_ROOT, content=True)
def create_pull(call: Call) -> object:
    """Open a pull request."""
    repository = call.writing("pull_requests", role="read")
    body = call.body(_NewPull)
    if body.title is None or body.issue is not None:
        raise refusals.invalid("PullRequest", "title", "missing_field")
    check_title("PullRequest", body.title)
    call.check_body("PullRequest", body.body)
    made = pull_actions.open_pull(
        call.world,
        repository,
        call.caller.user,
        title=body.title,
        body=body.body,
        head=body.head,
        base=body.base,
        draft=body.draft,
    )
    pull = made.pull
    if pull is None:
        raise refusals.not_found()
    pull.maintainer_can_modify = body.maintainer_can_modify
    shaped = shapes.full(call.world, repository, made, pull)
    return {**shaped, "mergeable": None, "rebaseable": None, "mergeable_state": "unknown"}


def _full(call: Call, repository: Repository, issue: Issue, pull: Pull | None) -> object:
    return shapes.full(call.world, repository, issue, pull) if pull else None


@api.get(_ONE)
def get_pull(call: Call) -> object:
    """Answer with a pull request."""
    repository = call.reading("pull_requests")
    return _full(call, repository, *call.pull(repository))


@api.patch(_ONE)
def edit_pull(call: Call) -> object:
    """Change a pull request: its author, or who may write."""
    repository = call.writing("pull_requests", role="read")
    issue, pull = call.pull(repository)
    body, actor = call.body(_EditedPull), call.caller.user
    if issue.author is not actor and not call.has_role(repository, "write"):
        raise refusals.role_forbidden()
    if body.title is not None:
        check_title("PullRequest", body.title)
    call.check_body("PullRequest", body.body)
    if body.state not in (None, "open", "closed"):
        raise refusals.invalid("PullRequest", "state", "invalid")
    changes: dict[str, object] = {}
    if body.base is not None and body.base != pull.base_ref:
        changes = _rebase(repository, issue, pull, body.base)
    actions.edit(
        call.world, repository, issue, actor,
        title=body.title, body=body.body, body_given="body" in call.sent(), changes=changes,
    )  # fmt: skip
    if body.maintainer_can_modify is not None:
        pull.maintainer_can_modify = body.maintainer_can_modify
    if body.state == "open" and issue.state == "closed":
        _check_reopen(repository, pull)
    if body.state:
        actions.set_state(call.world, repository, issue, body.state, None, actor)
    return _full(call, repository, issue, pull)


def _rebase(repository: Repository, issue: Issue, pull: Pull, base: str) -> dict[str, object]:
    """Have a pull request go to another branch; give what GitHub tells of that."""
    tip = git_store.branch(repository.git_dir, base)
    if tip is None or issue.state == "closed":
        raise refusals.invalid("PullRequest", "base", "invalid")
    before = {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}
    pull.base_ref, pull.base_sha = base, tip
    return {"base": before}


def _check_reopen(repository: Repository, pull: Pull) -> None:
    tip = git_store.branch(repository.git_dir, pull.head_ref)
    if pull.merged or tip is None:
        said = f"state cannot be changed. The {pull.head_ref} branch has been deleted or merged."
        raise refusals.invalid("PullRequest", "state", "invalid", said)
    pull.head_sha = tip


@api.post(_ONE + "/requested_reviewers")
def request_reviewers(call: Call) -> object:
    """Ask people for a review; they must be able to read and must not be the author."""
    repository = call.writing("pull_requests", role="write")
    issue, pull = call.pull(repository)
    body = call.body(_Reviewers)
    if body.team_reviewers:
        raise refusals.unprocessable(
            "Could not resolve to a node with the global id of any of the teams."
        )
    found = [call.world.users.get(login.lower()) for login in body.reviewers]
    if issue.author in found:
        raise refusals.unprocessable("Review cannot be requested from pull request author.")
    asked = [
        one
        for one in found
        if one and one.kind == "User" and _is_collaborator(call, repository, one.login)
    ]
    if len(asked) < len(body.reviewers):
        raise refusals.unprocessable(
            "Reviews may only be requested from collaborators. One or more of the users or teams "
            "you specified is not a collaborator of the "
            f"{repository.full_name} repository."
        )
    if len(set(pull.requested) | set(asked)) > _REVIEWERS_MAX:
        raise refusals.unprocessable(f"At most {_REVIEWERS_MAX} reviewers can be requested.")
    for one in asked:
        if one not in pull.requested:
            pull.requested.append(one)
            actions.note(call.world, issue, "review_requested", call.caller.user, words=one.login)
            shaped = {"requested_reviewer": _person(call, one.login)}
            events.on_pull(
                call.world, repository, issue, "review_requested", call.caller.user, **shaped
            )
    return _simple(call, repository, issue)


def _is_collaborator(call: Call, repository: Repository, login: str) -> bool:
    given = repository.roles.get(login.lower(), "none")
    return given != "none" or repository.owner.login == login


def _person(call: Call, login: str) -> object:
    return people.user(call.world, call.world.user(login))


@api.put(_ONE + "/merge")
def merge(call: Call) -> object:
    """Merge, if nothing is in the way: 405 where it is, 409 where the head has moved."""
    repository = call.repository()
    call.allow_write(repository, "contents", role="write", hidden=True)
    access.require(call.world, call.caller, repository, ("pull_requests",), "read", "read")
    issue, pull = call.pull(repository)
    body = call.body(_Merge)
    if body.merge_method not in ("merge", "squash", "rebase"):
        raise refusals.invalid("PullRequest", "merge_method", "invalid")
    if body.sha is not None and body.sha != pull.head_sha:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.")
    sha = pull_actions.merge(
        call.world, repository, issue, pull, call.caller,
        method=body.merge_method, title=body.commit_title, message=body.commit_message,
    )  # fmt: skip
    return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}
