"""Comments in conversations, and reactions."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.demo.simulator import actions, events, refusals
from agent.demo.simulator.call import Body, Call, Reply
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Comment, Issue, Reaction, Repository
from agent.demo.simulator.routes import issues
from agent.demo.simulator.shapes import issues as shapes
from agent.demo.simulator.shapes import people

api = Operations()
_ON_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}/comments"
_ONE = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
_REACTIONS = "/repos/{owner}/{repo}/issues/{issue_number}/reactions"


class _Text(Body):
    body: str


class _Reaction(Body):
    content: str


def _text(call: Call) -> str:
    body = call.body(_Text).body
    if not body.strip():
        raise refusals.invalid("IssueComment", "body", "missing_field", "body can't be blank")
    call.check_body("IssueComment", body)
    return body


@api.get(_ONE)
def get_comment(call: Call) -> object:
    """Answer with one comment."""
    repository = call.reading("issues", "pull_requests")
    issue, comment = call.comment(repository)
    return shapes.comment(call.world, repository, issue, comment)


def _own(call: Call) -> tuple[Repository, Issue, Comment]:
    """Give a comment that the caller may change: their own, or anybody's for who may write."""
    repository = call.repository()
    issue, comment = call.comment(repository)
    call.allow_write(repository, *issues.areas(issue), role="read")
    if comment.author is not call.caller.user and not call.has_role(repository, "write"):
        raise refusals.role_forbidden()
    return repository, issue, comment


@api.patch(_ONE)
def edit_comment(call: Call) -> object:
    """Change a comment."""
    repository, issue, comment = _own(call)
    before, comment.body = comment.body, _text(call)
    comment.updated = call.world.now()
    changes = {"body": {"from": before}}
    events.on_comment(call.world, repository, issue, comment, "edited", call.caller.user, changes)
    return shapes.comment(call.world, repository, issue, comment)


@api.get(_ON_ISSUE)
def list_comments(call: Call) -> object:
    """List a conversation, oldest first; `since` leaves out what was last edited before."""
    repository = call.reading("issues", "pull_requests")
    issue = call.issue(repository)
    since = _since(call)
    found = [one for one in issue.comments if int(one.updated) >= since]
    return call.page(found, lambda one: shapes.comment(call.world, repository, issue, one))


def _since(call: Call) -> float:
    given = call.query.get("since")
    if given is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as problem:
        raise refusals.unprocessable(f"{given} is not a valid date-time.") from problem
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@api.post(_ON_ISSUE, content=True)
def create_comment(call: Call) -> object:
    """Comment; in a locked conversation only people with write access can."""
    repository = call.repository()
    issue = call.issue(repository)
    call.allow_write(repository, *issues.areas(issue), role="read")
    token = call.caller.token
    is_app = token is not None and token.installation is not None
    if issue.locked and (is_app or not call.has_role(repository, "write")):
        raise refusals.locked()
    made = actions.comment(call.world, repository, issue, call.caller.user, _text(call))
    shaped = shapes.comment(call.world, repository, issue, made)
    return Reply(shaped, headers={"Location": shaped["url"]})


# reactions


def _react(call: Call, given: list[Reaction]) -> Reply:
    content = call.body(_Reaction).content
    if content not in people.REACTIONS:
        raise refusals.invalid("Reaction", "content", "invalid")
    for one in given:
        if one.user is call.caller.user and one.content == content:
            return Reply(people.reaction(call.world, one), 200)
    made = Reaction(call.world.next_id(), call.caller.user, content, call.world.now())
    given.append(made)
    return Reply(people.reaction(call.world, made))


@api.post(_REACTIONS)
def react_to_issue(call: Call) -> object:
    """React to an issue; a second time changes nothing and is 200."""
    repository = call.repository()
    issue = call.issue(repository)
    call.allow_write(repository, *issues.areas(issue), role="read")
    return _react(call, issue.reactions)


@api.post(_ONE + "/reactions")
def react_to_comment(call: Call) -> object:
    """React to a comment."""
    repository = call.repository()
    issue, comment = call.comment(repository)
    call.allow_write(repository, *issues.areas(issue), role="read")
    return _react(call, comment.reactions)


@api.post("/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions")
def react_to_review_comment(call: Call) -> object:
    """React to a comment on a line; writing to issues is not enough for that."""
    repository = call.writing("pull_requests", role="read")
    return _react(call, call.review_comment(repository).reactions)
