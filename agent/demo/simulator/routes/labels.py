"""Labels: of a repository, and on an issue."""

from __future__ import annotations

import re

from agent.demo.simulator import actions, refusals
from agent.demo.simulator.call import Body, Call, Reply
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Issue, Repository
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.routes import issues
from agent.demo.simulator.routes.issues import LabelName
from agent.demo.simulator.shapes import repositories as shapes

api = Operations()
_ROOT = "/repos/{owner}/{repo}/labels"
_ON_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}/labels"
_COLOR = re.compile(r"[0-9a-fA-F]{6}")
DESCRIPTION_LIMIT = 100


class _NewLabel(Body):
    name: str
    color: str | None = None
    description: str | None = None


class _Labels(Body):
    labels: list[str | LabelName] = []


@api.post(_ROOT)
def create_label(call: Call) -> object:
    """Make a label."""
    repository = call.writing("issues", "pull_requests", role="write")
    body = call.body(_NewLabel)
    actions.check_label_name(body.name)
    color = body.color or "ededed"
    if not _COLOR.fullmatch(color):
        raise refusals.invalid("Label", "color", "invalid")
    if body.description is not None and len(body.description) > DESCRIPTION_LIMIT:
        raise refusals.too_long("Label", "description", DESCRIPTION_LIMIT)
    if body.name.lower() in repository.labels:
        raise refusals.invalid("Label", "name", "already_exists")
    made = call.world.add_label(repository, body.name, color, body.description)
    return shapes.label(call.world, repository, made)


def _labels(call: Call, repository: Repository, issue: Issue) -> Reply:
    return call.page(issue.labels, lambda one: shapes.label(call.world, repository, one))


def _triaged(call: Call) -> tuple[Repository, Issue]:
    """Give the issue, if the caller may put labels on it."""
    repository = call.repository()
    issue = call.issue(repository)
    call.allow_write(repository, *issues.areas(issue), role="triage")
    return repository, issue


@api.post(_ON_ISSUE, 200)
def add_issue_labels(call: Call) -> object:
    """Put labels on an issue."""
    repository, issue = _triaged(call)
    wanted = issues.names(call.body(_Labels, bare="labels").labels)
    may_create = call.has_role(repository, "write")
    labels = actions.named_labels(call.world, repository, wanted, may_create=may_create)
    actions.add_labels(call.world, repository, issue, labels, call.caller.user)
    return _labels(call, repository, issue)


@api.delete(_ON_ISSUE + "/{name}", 200)
def remove_issue_label(call: Call) -> object:
    """Take a label off an issue."""
    repository, issue = _triaged(call)
    label = repository.labels.get(call.params["name"].lower())
    if label is None or label not in issue.labels:
        raise Refusal(404, "Label does not exist")
    actions.remove_label(call.world, repository, issue, label, call.caller.user)
    return _labels(call, repository, issue)
