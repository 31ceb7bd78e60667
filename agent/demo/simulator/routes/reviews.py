"""Reviews of pull requests and the comments on lines."""

from __future__ import annotations

import json

from agent.demo.simulator import events, pull_actions, refusals
from agent.demo.simulator.call import BODY_LIMIT, Body, Call
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Issue, Pull, Repository, Review, ReviewComment, Thread
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import pulls as shapes
from agent.demo.simulator.world import World

api = Operations()
_ONE = "/repos/{owner}/{repo}/pulls/{pull_number}"
_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
_RESOURCE = "PullRequestReviewComment"


class _Line(Body):
    path: str
    body: str
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    position: int | None = None


class _NewReview(Body):
    body: str | None = None
    event: str | None = None
    commit_id: str | None = None
    comments: list[_Line] = []


class _NewComment(Body):
    body: str
    commit_id: str | None = None
    path: str | None = None
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    in_reply_to: int | None = None
    subject_type: str | None = None


class _Answer(Body):
    body: str


@api.get(_ONE + "/reviews")
def list_reviews(call: Call) -> object:
    """List reviews, oldest first; a pending one only to its author."""
    repository = call.reading("pull_requests")
    issue, pull = call.pull(repository)
    me = call.caller.token.user if call.caller.token else None
    seen = [one for one in pull.reviews if one.state != "PENDING" or one.author is me]
    return call.page(seen, lambda one: shapes.review(call.world, repository, issue, one))


@api.post(_ONE + "/reviews", 200, content=True)
def create_review(call: Call) -> object:
    """Review a pull request, with comments on lines."""
    repository = call.writing("pull_requests", role="read")
    issue, pull = call.pull(repository)
    body = call.body(_NewReview)
    if body.event not in (None, *_STATES):
        raise _refused(f"Variable $event of type PullRequestReviewEvent was invalid: {body.event}")
    if body.event in ("REQUEST_CHANGES", "COMMENT") and not (body.body or body.comments):
        raise _refused("Body can't be blank")
    if issue.author is call.caller.user and body.event in ("APPROVE", "REQUEST_CHANGES"):
        what = "approve" if body.event == "APPROVE" else "request changes on"
        raise _refused(f"Can not {what} your own pull request")
    call.check_body("PullRequestReview", body.body)
    lines = _placed_all(repository, pull, body.comments)
    review = _add_review(
        call.world, pull, call, _STATES.get(body.event or "", "PENDING"), body.body or ""
    )
    made = [_add_comment(call, pull, review, line, place) for line, place in lines]
    if review.state != "PENDING":
        _announce(call, repository, issue, pull, review)
        for comment in made:
            events.on_review_comment(call.world, repository, issue, comment, call.caller.user)
    return shapes.review(call.world, repository, issue, review)


def _refused(words: str) -> Refusal:
    return Refusal(422, "Unprocessable Entity", errors=[words])


def _add_review(world: World, pull: Pull, call: Call, state: str, body: str) -> Review:
    submitted = None if state == "PENDING" else world.now()
    made = Review(world.next_id(), call.caller.user, body, state, pull.head_sha, submitted)
    pull.reviews.append(made)
    return made


def _announce(call: Call, repository: Repository, issue: Issue, pull: Pull, review: Review) -> None:
    if review.author in pull.requested:
        pull.requested.remove(review.author)
    issue.updated = call.world.now()
    events.on_review(call.world, repository, issue, review, call.caller.user)


def _placed(repository: Repository, pull: Pull, line: _Line) -> tuple[_Line, pull_actions.Place]:
    """Find the commented line in the difference, or refuse as GitHub does."""
    if not line.body.strip():
        raise refusals.invalid(_RESOURCE, "body", "missing_field")
    if len(line.body) > BODY_LIMIT:
        raise refusals.too_long(_RESOURCE, "body", BODY_LIMIT)
    patch = pull_actions.patch_of(repository, pull, line.path)
    if patch is None:
        raise refusals.invalid(_RESOURCE, "pull_request_review_thread.path", "invalid")
    if line.line is None and line.position is not None:
        line = _by_position(patch, line, line.position)
    wanted = [(line.line or 0, line.side)]
    if line.start_line is not None:
        wanted.append((line.start_line, line.start_side or line.side))
    for number, side in wanted:
        if pull_actions.find_line(patch, number, side) is None:
            raise refusals.invalid(
                _RESOURCE,
                "pull_request_review_thread.line",
                "custom",
                "pull_request_review_thread.line must be part of the diff",
            )
    place = pull_actions.find_line(patch, line.line or 0, line.side)
    if place is None:
        raise refusals.invalid(_RESOURCE, "line", "invalid")
    return line, place


def _placed_all(
    repository: Repository, pull: Pull, lines: list[_Line]
) -> list[tuple[_Line, pull_actions.Place]]:
    """Find all lines of a review; here GitHub refuses in sentences, without fields."""
    placed = []
    for line in lines:
        try:
            placed.append(_placed(repository, pull, line))
        except Refusal as refusal:
            named = json.dumps(refusal.errors)
            what = "Path" if ".path" in named else "Line" if ".line" in named else "Body"
            raise _refused(f"{what} could not be resolved") from refusal
    return placed


def _by_position(patch: str, line: _Line, position: int) -> _Line:
    """Turn a position below the first `@@`, the older way to say it, into line and side."""
    found = pull_actions.line_at(patch, position)
    if found is None:
        return line
    return line.model_copy(update={"line": found[0], "side": found[1]})


def _add_comment(
    call: Call, pull: Pull, review: Review, line: _Line, place: pull_actions.Place
) -> ReviewComment:
    now = call.world.now()
    thread = Thread(call.world.next_id())
    made = ReviewComment(
        id=call.world.next_id(),
        review_id=review.id,
        thread_id=thread.id,
        body=line.body,
        author=call.caller.user,
        path=line.path,
        diff_hunk=place.hunk,
        commit_id=pull.head_sha,
        original_commit_id=pull.head_sha,
        created=now,
        updated=now,
        line=line.line,
        original_line=line.line or 0,
        side=line.side,
        start_line=line.start_line,
        start_side=(line.start_side or line.side) if line.start_line else None,
        position=place.position,
    )
    thread.comments.append(made)
    pull.threads.append(thread)
    return made


@api.get(_ONE + "/comments")
def list_review_comments(call: Call) -> object:
    """List the comments on lines, oldest first."""
    repository = call.reading("pull_requests")
    issue, pull = call.pull(repository)
    return call.page(
        pull.review_comments(),
        lambda one: shapes.review_comment(call.world, repository, issue, one),
    )


@api.post(_ONE + "/comments", content=True)
def create_review_comment(call: Call) -> object:
    """Comment on a line of the difference, or answer with `in_reply_to`."""
    repository = call.writing("pull_requests", role="read")
    issue, pull = call.pull(repository)
    body = call.body(_NewComment)
    if body.in_reply_to is not None:
        made = reply(call, repository, issue, pull, body.in_reply_to, body.body)
        return shapes.review_comment(call.world, repository, issue, made)
    if body.path is None or body.line is None:
        missing = "path" if body.path is None else "line"
        raise refusals.invalid(_RESOURCE, missing, "missing_field")
    if body.commit_id != pull.head_sha:
        raise refusals.invalid(_RESOURCE, "commit_id", "invalid")
    line = _Line(
        path=body.path, body=body.body, line=body.line, side=body.side,
        start_line=body.start_line, start_side=body.start_side,
    )  # fmt: skip
    _, place = _placed(repository, pull, line)
    review = _add_review(call.world, pull, call, "COMMENTED", "")
    made = _add_comment(call, pull, review, line, place)
    _announce(call, repository, issue, pull, review)
    events.on_review_comment(call.world, repository, issue, made, call.caller.user)
    return shapes.review_comment(call.world, repository, issue, made)


@api.post(_ONE + "/comments/{comment_id}/replies", content=True)
def create_reply(call: Call) -> object:
    """Answer a comment on a line."""
    repository = call.writing("pull_requests", role="read")
    issue, pull = call.pull(repository)
    words = call.body(_Answer).body
    made = reply(call, repository, issue, pull, call.number("comment_id"), words)
    return shapes.review_comment(call.world, repository, issue, made)


def reply(
    call: Call, repository: Repository, issue: Issue, pull: Pull, to: int, words: str
) -> ReviewComment:
    """Add an answer to the thread that begins with a comment; answers have no answers."""
    thread = next((one for one in pull.threads if one.comments[0].id == to), None)
    if thread is None:
        raise refusals.not_found()
    if not words.strip():
        raise refusals.invalid(_RESOURCE, "body", "missing_field")
    call.check_body(_RESOURCE, words)
    first, now = thread.comments[0], call.world.now()
    review = _add_review(call.world, pull, call, "COMMENTED", "")
    made = ReviewComment(
        id=call.world.next_id(),
        review_id=review.id,
        thread_id=thread.id,
        body=words,
        author=call.caller.user,
        path=first.path,
        diff_hunk=first.diff_hunk,
        commit_id=first.commit_id,
        original_commit_id=first.original_commit_id,
        created=now,
        updated=now,
        line=first.line,
        original_line=first.original_line,
        side=first.side,
        start_line=first.start_line,
        start_side=first.start_side,
        position=first.position,
        in_reply_to=first.id,
    )
    thread.comments.append(made)
    _announce(call, repository, issue, pull, review)
    events.on_review_comment(call.world, repository, issue, made, call.caller.user)
    return made
