"""Issues: open, look at, change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agent.demo.simulator import actions, refusals
from agent.demo.simulator.access import require
from agent.demo.simulator.call import TITLE_LIMIT, Body, Call, Reply
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Issue, Label, Repository, User
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import issues as shapes

api = Operations()
ASSIGNEES_MAX = 10
_ROOT = "/repos/{owner}/{repo}/issues"
_ONE = "/repos/{owner}/{repo}/issues/{issue_number}"
_LOCK_REASONS = ("off-topic", "too heated", "resolved", "spam")


class LabelName(Body):
    """A label, spelt as an object."""

    name: str


class _NewIssue(Body):
    title: str
    body: str | None = None
    labels: list[str | LabelName] = []
    assignees: list[str] = []
    assignee: str | None = None


class _EditedIssue(Body):
    title: str | None = None
    body: str | None = None
    state: str | None = None
    state_reason: str | None = None
    labels: list[str | LabelName] | None = None
    assignees: list[str] | None = None


def names(labels: list[str | LabelName]) -> list[str]:
    """Give label names, however they were spelt."""
    return [one if isinstance(one, str) else one.name for one in labels]


def areas(issue: Issue) -> tuple[str, ...]:
    """Give the permissions that let an App write to an issue; a pull request has two."""
    return ("issues", "pull_requests") if issue.pull else ("issues",)


def enabled(repository: Repository) -> None:
    """Refuse where issues are switched off."""
    if not repository.issues_enabled:
        raise Refusal(410, "Issues has been disabled in this repository.")


def check_title(resource: str, title: str) -> None:
    """Refuse titles that are blank or too long."""
    if not title.strip():
        raise refusals.invalid(resource, "title", "missing_field")
    if len(title) > TITLE_LIMIT:
        raise refusals.too_long(resource, "title", TITLE_LIMIT)


@api.post(_ROOT, content=True)
def create_issue(call: Call) -> object:
    """Open an issue; labels and assignees of those who may not set them are dropped."""
    repository = call.writing("issues", role="read")
    enabled(repository)
    body = call.body(_NewIssue)
    check_title("Issue", body.title)
    call.check_body("Issue", body.body)
    logins = [*body.assignees, *([body.assignee] if body.assignee else [])]
    labels, people = [], []
    if call.has_role(repository, "triage"):
        may_create = call.has_role(repository, "write")
        labels = actions.named_labels(
            call.world, repository, names(body.labels), may_create=may_create
        )
        people = _assignable(call, repository, logins)
    made = actions.open_issue(
        call.world, repository, call.caller.user, body.title, body.body, labels, people
    )
    shaped = shapes.issue(call.world, repository, made)
    return Reply(shaped, headers={"Location": shaped["url"]})


@api.get(_ROOT)
def list_issues(call: Call) -> object:
    """List issues and pull requests; by default the open ones, the newest first."""
    repository = call.reading("issues", "pull_requests")
    enabled(repository)
    state = _chosen(call, "state", ("open", "closed", "all"))
    sort = _chosen(call, "sort", ("created", "updated", "comments"))
    ascending = _chosen(call, "direction", ("desc", "asc")) == "asc"
    since = _since(call)
    wanted = {name.strip().lower() for name in call.query.get("labels", "").split(",")} - {""}
    found = [
        one
        for one in repository.issues.values()
        if state in ("all", one.state)
        and wanted <= {label.name.lower() for label in one.labels}
        # Times have no fractions there.
        and (since is None or int(one.updated) >= since)
    ]
    keys: dict[str, Callable[[Issue], float]] = {
        "created": lambda one: one.created,
        "updated": lambda one: one.updated,
        "comments": lambda one: len(one.comments),
    }
    found.sort(key=lambda one: (keys[sort](one), one.number), reverse=not ascending)
    return call.page(found, lambda one: shapes.issue(call.world, repository, one))


def _chosen(call: Call, name: str, allowed: tuple[str, ...]) -> str:
    """Give a choice of the query, or refuse what is none; the first is the default."""
    given = call.query.get(name) or allowed[0]
    if given not in allowed:
        raise refusals.invalid("Search", name, "invalid")
    return given


def _since(call: Call) -> float | None:
    text = call.query.get("since")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as problem:
        raise refusals.invalid("Search", "since", "invalid") from problem


@api.get(_ONE + "/events")
def list_events(call: Call) -> object:
    """List what has happened to an issue, the oldest first."""
    repository = call.reading("issues", "pull_requests")
    issue = call.issue(repository)
    return call.page(issue.happenings, lambda one: shapes.event(call.world, repository, one))


@api.get(_ONE)
def get_issue(call: Call) -> object:
    """Answer with an issue or pull request."""
    repository = call.reading("issues", "pull_requests")
    issue = call.issue(repository)
    if not issue.pull:
        enabled(repository)
    return shapes.issue(call.world, repository, issue)


@api.patch(_ONE)
def edit_issue(call: Call) -> object:
    """Change an issue: the author or who may write; labels, by who may triage."""
    repository = call.repository()
    issue = call.issue(repository)
    call.allow_write(repository, *areas(issue), role="read")
    body, sent, actor = call.body(_EditedIssue), call.sent(), call.caller.user
    if issue.author is not actor and not call.has_role(repository, "triage"):
        raise refusals.role_forbidden()
    if issue.author is not actor and sent & {"title", "body"}:
        require(call.world, call.caller, repository, areas(issue), "write", "write")
    if body.title is not None:
        check_title("Issue", body.title)
    call.check_body("Issue", body.body)
    if body.state not in (None, "open", "closed"):
        raise refusals.invalid("Issue", "state", "invalid")
    if body.state_reason not in (None, "completed", "not_planned", "reopened", "duplicate"):
        raise refusals.invalid("Issue", "state_reason", "invalid")
    actions.edit(
        call.world, repository, issue, actor,
        title=body.title, body=body.body, body_given="body" in sent,
    )  # fmt: skip
    if call.has_role(repository, "triage"):
        _set_labels_and_people(call, repository, issue, body)
    if body.state:
        actions.set_state(call.world, repository, issue, body.state, body.state_reason, actor)
    return shapes.issue(call.world, repository, issue)


def _set_labels_and_people(
    call: Call, repository: Repository, issue: Issue, body: _EditedIssue
) -> None:
    if body.labels is not None:
        may_create = call.has_role(repository, "write")
        wanted = actions.named_labels(
            call.world, repository, names(body.labels), may_create=may_create
        )
        replace_labels(call, repository, issue, wanted)
    if body.assignees is not None:
        issue.assignees = _assignable(call, repository, body.assignees)


def replace_labels(call: Call, repository: Repository, issue: Issue, wanted: list[Label]) -> None:
    """Let an issue have exactly these labels."""
    for label in [one for one in issue.labels if one not in wanted]:
        actions.remove_label(call.world, repository, issue, label, call.caller.user)
    actions.add_labels(call.world, repository, issue, wanted, call.caller.user)


def _assignable(call: Call, repository: Repository, logins: list[str]) -> list[User]:
    if len(logins) > ASSIGNEES_MAX:
        raise refusals.custom("Issue", f"An issue can have up to {ASSIGNEES_MAX} assignees.")
    found = call.people(logins, "assignees")
    for one in found:
        if call.world.role(repository, one) == "none":
            raise refusals.invalid("Issue", "assignees", "invalid")
    return found
