"""Operations on issues: themselves, their comments, labels and reactions."""

from tests.simulator import actions, shapes
from tests.simulator.calls import (
    Call,
    InvalidField,
    NotFound,
    Refusal,
    Reply,
    operation,
    require_length,
)
from tests.simulator.records import Label, Reaction, Repository

_REPOSITORY = "/repos/{owner}/{repo}"
_ISSUES = f"{_REPOSITORY}/issues"
_ISSUE = f"{_ISSUES}/{{issue_number}}"
_COMMENT = f"{_ISSUES}/comments/{{comment_id}}"
_READS = ("issues", "pull_requests")
_REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
_LONGEST_LABEL = 50


@operation("GET", _ISSUE)
def _get_issue(call: Call) -> object:
    repository = call.require_reading(*_READS)
    return shapes.shape_issue(call.find_issue(repository))


# --- comments ------------------------------------------------------------------------------------


def _read_text(call: Call) -> str:
    body: str = call.body["body"]
    if not body.strip():
        raise InvalidField("IssueComment", "body", "missing_field", "body can't be blank")
    require_length("IssueComment", "body", body)
    return body


@operation("GET", f"{_ISSUE}/comments")
def _list_comments(call: Call) -> object:
    """List a conversation, oldest first."""
    issue = call.find_issue(call.require_reading(*_READS))
    return call.paginate(issue.comments, lambda comment: shapes.shape_comment(issue, comment))


@operation("POST", f"{_ISSUE}/comments", 201)
def _create_comment(call: Call) -> object:
    """Write a comment; in a locked conversation only people with write access can."""
    repository, issue = call.require_writing_issue()
    if issue.locked and (call.caller.is_installation or not call.has_role(repository, "write")):
        raise Refusal(403, "Unable to create comment because issue is locked.")
    made = actions.comment(issue, call.caller.user, _read_text(call))
    return shapes.shape_comment(issue, made)


@operation("GET", _COMMENT)
def _get_comment(call: Call) -> object:
    repository = call.require_reading(*_READS)
    return shapes.shape_comment(*call.find_comment(repository))


@operation("PATCH", _COMMENT)
def _edit_comment(call: Call) -> object:
    repository = call.require_writing(*_READS, role="read")
    issue, comment = call.find_comment(repository)
    if comment.author is not call.caller.user and not call.has_role(repository, "write"):
        raise Refusal(403, "Must have admin rights to Repository.")
    comment.body, comment.updated = _read_text(call), call.world.now()
    return shapes.shape_comment(issue, comment)


@operation("DELETE", _COMMENT, 204)
def _delete_comment(call: Call) -> object:
    repository = call.require_writing(*_READS, role="read")
    issue, comment = call.find_comment(repository)
    if comment.author is not call.caller.user and not call.has_role(repository, "write"):
        raise Refusal(403, "Must have admin rights to Repository.")
    issue.comments.remove(comment)
    return None


# --- reactions -----------------------------------------------------------------------------------


def _react(call: Call, reactions: list[Reaction]) -> Reply:
    """Add a reaction; a second time changes nothing and is 200."""
    content, user = call.body["content"], call.caller.user
    if content not in _REACTIONS:
        raise InvalidField("Reaction", "content", "invalid")
    for reaction in reactions:
        if reaction.user is user and reaction.content == content:
            return Reply({"id": reaction.id, "content": content}, 200)
    made = Reaction(call.world.next_id(), user, content)
    reactions.append(made)
    return Reply({"id": made.id, "content": content})


@operation("POST", f"{_ISSUE}/reactions", 201)
def _react_to_issue(call: Call) -> object:
    return _react(call, call.require_writing_issue()[1].reactions)


@operation("POST", f"{_COMMENT}/reactions", 201)
def _react_to_comment(call: Call) -> object:
    repository = call.require_writing(*_READS, role="read")
    return _react(call, call.find_comment(repository)[1].reactions)


@operation("POST", f"{_REPOSITORY}/pulls/comments/{{comment_id}}/reactions", 201)
def _react_to_review_comment(call: Call) -> object:
    """Add a reaction to a comment on a line; writing to issues is not enough for that."""
    repository, number = (
        call.require_writing("pull_requests", role="read"),
        call.read_number("comment_id"),
    )
    for issue in repository.pulls():
        for comment in issue.pull.review_comments() if issue.pull else ():
            if comment.id == number:
                return _react(call, comment.reactions)
    raise NotFound


# --- labels --------------------------------------------------------------------------------------


def _find_labels(call: Call, repository: Repository, names: list[str]) -> list[Label]:
    """Find labels; as at GitHub, unknown ones are made by who may push."""
    labels = []
    for name in names:
        require_length("Label", "name", name, _LONGEST_LABEL)
        if name.lower() not in repository.labels:
            if not call.has_role(repository, "write"):
                raise InvalidField("Label", "base", "custom", "Could not resolve to a label.")
            call.world.add_label(repository, name)
        labels.append(repository.labels[name.lower()])
    return labels


@operation("POST", f"{_ISSUE}/labels")
def _add_labels(call: Call) -> object:
    """Add labels to an issue; as at GitHub, a caller who may push makes unknown ones."""
    repository, issue = call.require_writing_issue("triage")
    labels = _find_labels(call, repository, call.body["labels"])
    actions.add_labels(issue, labels, call.caller.user)
    return call.paginate(issue.labels, lambda label: {"name": label.name, "color": label.color})
