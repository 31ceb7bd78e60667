"""Operations on pull requests and their reviews."""

from tests.simulator import actions, events, pull_actions, shapes
from tests.simulator.calls import Call, InvalidField, NotFound, Refusal, operation, require_length
from tests.simulator.records import ReviewComment, Thread

_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = f"{_PULLS}/{{pull_number}}"
_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@operation("GET", _PULLS)
def _list_pulls(call: Call) -> object:
    """List pull requests; `head` is OWNER:BRANCH."""
    repository, query = call.require_reading("pull_requests"), call.query
    head = query.get("head", "").partition(":")[2]
    pulls = [
        pull.pull
        for pull in repository.pulls()
        if pull.pull
        and query.get("state", "open") in ("all", pull.state)
        and head in ("", pull.pull.head_ref)
    ]
    by_update = query.get("sort") == "updated"
    pulls.sort(key=lambda pull: (pull.issue.updated * by_update, pull.issue.number))
    if query.get("direction", "asc" if by_update else "desc") == "desc":
        pulls.reverse()
    return call.paginate(pulls, shapes.shape_pull)


@operation("POST", _PULLS, 201)
def _create_pull(call: Call) -> object:
    repository, body = call.require_writing("pull_requests", role="read"), call.body
    require_length("PullRequest", "title", body["title"], 256)
    require_length("PullRequest", "body", body.get("body"))
    made = pull_actions.open_pull(
        repository,
        call.caller.user,
        title=body["title"],
        body=body.get("body"),
        head=body["head"],
        base=body["base"],
        draft=body.get("draft", False),
    )
    return shapes.shape_full_pull(made)


@operation("GET", _PULL)
def _get_pull(call: Call) -> object:
    repository = call.require_reading("pull_requests")
    return shapes.shape_full_pull(call.find_pull(repository))


@operation("PATCH", _PULL)
def _edit_pull(call: Call) -> object:
    repository, body = call.require_writing("pull_requests", role="read"), call.body
    pull = call.find_pull(repository)
    issue = pull.issue
    if issue.author is not call.caller.user and not call.has_role(repository, "write"):
        raise Refusal(403, "Must have admin rights to Repository.")
    require_length("PullRequest", "body", body.get("body"))
    by = call.caller.user
    actions.edit(issue, by, title=body.get("title"), body=body.get("body"))
    actions.set_state(issue, body.get("state", issue.state), by)
    return shapes.shape_full_pull(pull)


@operation("POST", f"{_PULL}/requested_reviewers", 201)
def _request_reviewers(call: Call) -> object:
    """Ask people for a review; they must be collaborators and must not be the author."""
    repository, by = call.require_writing("pull_requests", role="write"), call.caller.user
    pull = call.find_pull(repository)
    if call.body.get("team_reviewers"):
        raise Refusal(422, "Could not resolve to a node with the global id of any of the teams.")
    for login in call.body["reviewers"]:
        reviewer = call.world.users.get(login.lower())
        if reviewer is pull.issue.author:
            raise Refusal(422, "Review cannot be requested from pull request author.")
        if reviewer is None or repository.roles.get(login.lower(), "none") == "none":
            raise Refusal(422, "Reviews may only be requested from collaborators.")
        if reviewer not in pull.requested:
            pull.requested.append(reviewer)
            actions.note(pull.issue, "review_requested", by)
            shaped = shapes.shape_user(reviewer)
            events.on_issue(pull.issue, "review_requested", by, requested_reviewer=shaped)
    return shapes.shape_pull(pull)


# --- reviews -------------------------------------------------------------------------------------


@operation("GET", f"{_PULL}/reviews")
def _list_reviews(call: Call) -> object:
    pull = call.find_pull(call.require_reading("pull_requests"))
    return call.paginate(pull.reviews, lambda review: shapes.shape_review(pull, review))


@operation("POST", f"{_PULL}/reviews")
def _create_review(call: Call) -> object:
    repository, body = call.require_writing("pull_requests", role="read"), call.body
    pull = call.find_pull(repository)
    event, lines, by = body.get("event", "COMMENT"), body.get("comments", []), call.caller.user
    hunks = [pull_actions.find_line(pull, remark["path"], remark["line"]) for remark in lines]
    if None in hunks:
        raise Refusal(422, "Unprocessable Entity", errors=["Line could not be resolved"])
    review = pull_actions.add_review(pull, by, _STATES[event], body.get("body") or "")
    pull.issue.updated = call.world.now()
    made = []
    for line, hunk in zip(lines, hunks, strict=True):
        number, start = line["line"], line.get("start_line")
        made.append(
            ReviewComment(
                call.world.next_id(), review.id, line["body"], by, line["path"], hunk or "",
                pull.issue.updated, number, number, start,
            )
        )  # fmt: skip
        pull.threads.append(Thread(call.world.next_id(), [made[-1]]))
    events.on_review(pull, review, made)
    return shapes.shape_review(pull, review)


@operation("POST", f"{_PULL}/comments/{{comment_id}}/replies", 201)
def _create_reply(call: Call) -> object:
    """Answer a comment on a line; answers have no answers."""
    repository, body = call.require_writing("pull_requests", role="read"), call.body["body"]
    pull = call.find_pull(repository)
    number = call.read_number("comment_id")
    thread = next(
        (candidate for candidate in pull.threads if candidate.comments[0].id == number), None
    )
    if thread is None:
        raise NotFound
    if not body.strip():
        raise InvalidField("PullRequestReviewComment", "body", "missing_field")
    require_length("PullRequestReviewComment", "body", body)
    review = pull_actions.add_review(pull, call.caller.user, "COMMENTED", body)
    return shapes.shape_review_comment(pull, pull_actions.add_answer(pull, thread, review))
