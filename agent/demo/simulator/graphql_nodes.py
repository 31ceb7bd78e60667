"""What the fields of GraphQL hold: nodes made from records, and connections to page through."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from agent.demo.simulator import access, git_store
from agent.demo.simulator.call import Call
from agent.demo.simulator.records import (
    Comment,
    Issue,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Thread,
    User,
)
from agent.demo.simulator.shapes import issues, people, pulls, repositories
from agent.demo.simulator.shapes.people import moment, moment_or_none, node_id

Node = dict[str, Any]
T = TypeVar("T")
_PAGE_MAX = 100


class Refused(Exception):
    """An error of one field, with the type that GitHub gives it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def unknown_node(given: str) -> Refused:
    """Refuse an id that leads nowhere, or where the caller may not look."""
    return Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{given}'")


def queries(call: Call) -> Node:
    """Give the fields of the query root."""
    return {
        "repository": lambda owner, name, followRenames=True: _repository(call, owner, name),  # noqa: N803
        "node": lambda id: _node(call, id),  # noqa: A006 GitHub's name
    }


def find_repository(call: Call, full_name: str) -> Repository:
    """Give a repository that the caller can see."""
    found = call.world.find_repository(full_name) or call.world.moved_repository(full_name)
    if found is None or not access.visible(call.world, call.caller, found):
        raise Refused(
            "NOT_FOUND", f"Could not resolve to a Repository with the name '{full_name}'."
        )
    return found


def _repository(call: Call, owner: str, name: str) -> Node:
    return repository(call, find_repository(call, f"{owner}/{name}"))


def _node(call: Call, given: str) -> Node:
    for one in call.world.repositories.values():
        if not access.visible(call.world, call.caller, one):
            continue
        if node_id("R", one.id) == given:
            return repository(call, one)
        for issue in one.pulls():
            if issue.pull and node_id("PR", issue.pull.id) == given:
                return pull_request(call, one, issue, issue.pull)
            for thread_ in issue.pull.threads if issue.pull else []:
                if issue.pull and node_id("PRRT", thread_.id) == given:
                    return thread(call, one, issue, issue.pull, thread_)
    raise unknown_node(given)


def find_pull(call: Call, given: str) -> tuple[Repository, Issue, Pull]:
    """Give the pull request of an id, if the caller can see it."""
    for repository_ in call.world.repositories.values():
        for issue in repository_.pulls():
            if issue.pull and node_id("PR", issue.pull.id) == given:
                if access.visible(call.world, call.caller, repository_):
                    return repository_, issue, issue.pull
    raise unknown_node(given)


def find_thread(call: Call, given: str) -> tuple[Repository, Issue, Pull, Thread]:
    """Give the review thread of an id, if the caller can see it."""
    for repository_ in call.world.repositories.values():
        for issue in repository_.pulls():
            for thread_ in issue.pull.threads if issue.pull else []:
                if issue.pull and node_id("PRRT", thread_.id) == given:
                    if access.visible(call.world, call.caller, repository_):
                        return repository_, issue, issue.pull, thread_
    raise unknown_node(given)


# nodes


def actor(call: Call, user: User) -> Node:
    """Give an account; bots go without the suffix that REST gives them, as at GitHub."""
    shaped = people.user(call.world, user)
    return {
        "__typename": user.kind,
        "id": shaped["node_id"],
        "databaseId": user.id,
        "login": user.login.removesuffix("[bot]"),
        "name": user.name,
        "avatarUrl": lambda size=None: shaped["avatar_url"],
        "resourcePath": shaped["html_url"].removeprefix(call.world.base_url),
        "url": shaped["html_url"],
    }


def repository(call: Call, one: Repository) -> Node:
    """Give a repository."""
    return {
        "__typename": "Repository",
        "id": node_id("R", one.id),
        "name": one.name,
        "nameWithOwner": one.full_name,
        "url": repositories.page(call.world, one),
        "issue": lambda number: _issue(call, one, number),
        "pullRequest": lambda number: _numbered(call, one, number),
    }


def _issue(call: Call, one: Repository, number: int) -> Node:
    access.require(call.world, call.caller, one, ("issues",), "read", "read")
    found = one.issues.get(number)
    if found is None or found.pull is not None:
        raise Refused("NOT_FOUND", f"Could not resolve to an Issue with the number of {number}.")
    return {
        "__typename": "Issue",
        "id": node_id("I", found.id),
        "databaseId": found.id,
        "fullDatabaseId": str(found.id),
        "number": found.number,
        "title": found.title,
        "body": found.body or "",
        "author": actor(call, found.author),
        "closed": found.state == "closed",
        "locked": found.locked,
        "createdAt": moment(found.created),
        "updatedAt": moment(found.updated),
        "lastEditedAt": moment_or_none(found.edited),
        "url": issues.page(call.world, one, found),
        "repository": lambda: repository(call, one),
    }


def _numbered(call: Call, one: Repository, number: int) -> Node:
    access.require(call.world, call.caller, one, ("pull_requests",), "read", "read")
    issue = one.issues.get(number)
    if issue is None or issue.pull is None:
        raise Refused(
            "NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}."
        )
    return pull_request(call, one, issue, issue.pull)


def commit(call: Call, one: Repository, sha: str) -> Node:
    """Give a commit."""
    read = git_store.read_commit(one.git_dir, sha)
    headline, _, body = read.message.partition("\n")
    state = "VALID" if read.verified else "UNKNOWN_KEY"
    signature = {
        "isValid": read.verified,
        "state": state,
        "wasSignedByGitHub": read.verified,
    }
    return {
        "__typename": "Commit",
        "id": f"C_{base64.urlsafe_b64encode(bytes.fromhex(sha)).decode().rstrip('=')}",
        "oid": sha,
        "message": read.message,
        "messageHeadline": headline,
        "messageBody": body.strip(),
        "committedDate": moment(read.committer.when),
        "signature": signature if read.signature else None,
        "url": f"{repositories.page(call.world, one)}/commit/{sha}",
    }


def pull_request(call: Call, on: Repository, issue: Issue, pull: Pull) -> Node:
    """Give a pull request."""
    state = "MERGED" if pull.merged else issue.state.upper()
    return {
        "__typename": "PullRequest",
        "id": node_id("PR", pull.id),
        "databaseId": pull.id,
        "fullDatabaseId": str(pull.id),
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "author": actor(call, issue.author),
        "isDraft": pull.draft,
        "locked": issue.locked,
        "state": state,
        "closed": issue.state == "closed",
        "merged": pull.merged is not None,
        "mergeable": lambda: "MERGEABLE" if pulls.is_mergeable(on, pull) else "CONFLICTING",
        "headRefName": pull.head_ref,
        "headRefOid": pull.head_sha,
        "baseRefName": pull.base_ref,
        "baseRefOid": pull.base_sha,
        "createdAt": moment(issue.created),
        "updatedAt": moment(issue.updated),
        "url": issues.page(call.world, on, issue),
        "repository": lambda: repository(call, on),
        "reviewDecision": _decision(pull),
        "reviewThreads": lambda **asked: connection(
            "reviewThreads",
            _seen_threads(call, pull),
            lambda one: thread(call, on, issue, pull, one),
            **asked,
        ),
        "reviews": lambda states=None, **asked: connection(
            "reviews",
            _seen_reviews(call, pull, states),
            lambda one: _review(call, issues.page(call.world, on, issue), one),
            **asked,
        ),
        "comments": lambda **asked: connection(
            "comments",
            issue.comments,
            lambda one: _comment(call, on, issue, pull, one),
            **asked,
        ),
    }


def _seen_reviews(call: Call, pull: Pull, states: list[str] | None) -> list[Review]:
    """Give the reviews, oldest first; a pending one only to its author."""
    me = call.caller.user
    return [
        one
        for one in pull.reviews
        if (one.state != "PENDING" or one.author is me) and (not states or one.state in states)
    ]


def _seen_threads(call: Call, pull: Pull) -> list[Thread]:
    """Give the threads, oldest first, without those of other people's pending reviews."""
    me = call.caller.user
    hidden = {one.id for one in pull.reviews if one.state == "PENDING" and one.author is not me}
    return [one for one in pull.threads if one.comments[0].review_id not in hidden]


def _comment(call: Call, on: Repository, issue: Issue, pull: Pull, one: Comment) -> Node:
    return {
        "__typename": "IssueComment",
        "id": node_id("IC", one.id),
        "databaseId": one.id,
        "fullDatabaseId": str(one.id),
        "author": actor(call, one.author),
        "authorAssociation": people.association(call.world, on, one.author),
        "body": one.body,
        "createdAt": moment(one.created),
        "updatedAt": moment(one.updated),
        "pullRequest": lambda: pull_request(call, on, issue, pull),
        "url": f"{issues.page(call.world, on, issue)}#issuecomment-{one.id}",
    }


def _decision(pull: Pull) -> str | None:
    latest = {one.author.login: one.state for one in pull.reviews if one.state != "COMMENTED"}
    if "CHANGES_REQUESTED" in latest.values():
        return "CHANGES_REQUESTED"
    return "APPROVED" if "APPROVED" in latest.values() else None


def thread(call: Call, on: Repository, issue: Issue, pull: Pull, one: Thread) -> Node:
    """Give a review thread."""
    first = one.comments[0]
    resolved = one.resolved_by is not None
    token = call.caller.token
    is_app = token is not None and token.installation is not None
    if is_app:
        # As with the mutation itself, writing to pull requests alone is not enough.
        areas = ("pull_requests", "contents")
        may = all(access.allows(call.caller, (area,), "write") for area in areas)
    else:
        may = access.at_least(call.world.role(on, call.caller.user), "write")
    return {
        "__typename": "PullRequestReviewThread",
        "id": node_id("PRRT", one.id),
        "isResolved": resolved,
        "isCollapsed": resolved,
        "isOutdated": first.line is None,
        "path": first.path,
        "line": first.line,
        "originalLine": first.original_line,
        "startLine": first.start_line,
        "originalStartLine": first.start_line,
        "diffSide": first.side,
        "startDiffSide": first.start_side,
        "subjectType": first.subject_type.upper(),
        "resolvedBy": actor(call, one.resolved_by) if one.resolved_by else None,
        "viewerCanReply": True,
        "viewerCanResolve": may and not resolved,
        "viewerCanUnresolve": may and resolved,
        "pullRequest": lambda: pull_request(call, on, issue, pull),
        "repository": lambda: repository(call, on),
        "comments": lambda skip=None, **asked: connection(
            "comments",
            one.comments,
            lambda each: review_comment(call, on, issue, pull, each),
            **asked,
        ),
    }


def review_comment(
    call: Call, on: Repository, issue: Issue, pull: Pull, one: ReviewComment
) -> Node:
    """Give a comment on a line."""
    by_id = {each.id: each for each in pull.review_comments()}
    replied = by_id.get(one.in_reply_to or 0)
    review = next((each for each in pull.reviews if each.id == one.review_id), None)
    page = issues.page(call.world, on, issue)
    return {
        "__typename": "PullRequestReviewComment",
        "id": node_id("PRRC", one.id),
        "databaseId": one.id,
        "fullDatabaseId": str(one.id),
        "author": actor(call, one.author),
        "authorAssociation": people.association(call.world, on, one.author),
        "body": one.body,
        "createdAt": moment(one.created),
        "updatedAt": moment(one.updated),
        "diffHunk": one.diff_hunk,
        "path": one.path,
        "line": one.line,
        "originalLine": one.original_line,
        "startLine": one.start_line,
        "outdated": one.line is None,
        "url": f"{page}#discussion_r{one.id}",
        "commit": lambda: commit(call, on, one.commit_id),
        "originalCommit": lambda: commit(call, on, one.original_commit_id),
        "pullRequest": lambda: pull_request(call, on, issue, pull),
        "pullRequestReview": lambda: _review(call, page, review) if review else None,
        "replyTo": lambda: review_comment(call, on, issue, pull, replied) if replied else None,
    }


def _review(call: Call, page: str, one: Review) -> Node:
    return {
        "__typename": "PullRequestReview",
        "id": node_id("PRR", one.id),
        "databaseId": one.id,
        "fullDatabaseId": str(one.id),
        "author": actor(call, one.author),
        "body": one.body,
        "state": one.state,
        "submittedAt": moment_or_none(one.submitted),
        "url": f"{page}#pullrequestreview-{one.id}",
    }


# connections


def connection(
    name: str,
    items: Sequence[T],
    shape: Callable[[T], Node],
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Node:
    """Give a page of things, bounded as GitHub demands."""
    if first is None and last is None:
        raise Refused(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{name}` "
            "connection.",
        )
    size = first if first is not None else (last or 0)
    if not 0 <= size <= _PAGE_MAX:
        raise Refused(
            "EXCESSIVE_PAGINATION",
            f"Requesting {size} records on the `{name}` connection exceeds the `first` limit of "
            f"{_PAGE_MAX} records.",
        )
    start = _position(after) if after else 0
    end = _position(before) - 1 if before else len(items)
    if first is not None:
        end = min(end, start + first)
    else:
        start = max(start, end - size)
    chosen = [(index + 1, shape(items[index])) for index in range(start, max(start, end))]
    return {
        "nodes": [node for _, node in chosen],
        "edges": [{"cursor": _cursor(index), "node": node} for index, node in chosen],
        "totalCount": len(items),
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(chosen[0][0]) if chosen else None,
            "endCursor": _cursor(chosen[-1][0]) if chosen else None,
        },
    }


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:v2:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().rsplit(":", 1)[1])
    except (ValueError, IndexError) as problem:
        words = f"`{cursor}` does not appear to be a valid cursor."
        raise Refused("INVALID_CURSOR_ARGUMENTS", words) from problem
