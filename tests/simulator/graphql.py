"""The five questions that our client asks GraphQL, known by the names of their operations.

The fields of an answer are those that the client names; `tests/contract` holds its documents
against GitHub's schema.
"""

import re
from collections.abc import Callable
from typing import Any

from tests.simulator import calls, pull_actions, shapes
from tests.simulator.calls import Caller, Refusal
from tests.simulator.records import Issue, Pull, Repository, ReviewComment, Thread
from tests.simulator.shapes import Shape, build_node_id
from tests.simulator.world import World

_THREADS_PER_PAGE = 50
_NAME = re.compile(r"\s*(?:query|mutation)\s+(\w+)")
_CLOSES = re.compile(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?) #(\d+)")
_TYPES = {403: "FORBIDDEN", 404: "NOT_FOUND", 422: "UNPROCESSABLE"}


def answer(world: World, caller: Caller, sent: dict[str, Any]) -> Shape:
    """Answer a document with its variables; errors come with status 200, as at GitHub."""
    named = _NAME.match(sent["query"])
    work = _OPERATIONS.get(named[1]) if named else None
    if work is None:
        return {"errors": [{"message": "The simulator does not know this operation."}]}
    query = _Asked(world, caller, sent.get("variables") or {})
    try:
        with world.lock:
            return {"data": work(query)}
    except Refusal as refusal:
        kind = _TYPES.get(refusal.status, "UNPROCESSABLE")
        return {"data": None, "errors": [{"message": refusal.message, "type": kind}]}


class _Asked:
    def __init__(self, world: World, caller: Caller, variables: dict[str, Any]) -> None:
        self.world = world
        self.caller = caller
        self.given = variables

    def repository(self, full_name: str) -> Repository:
        repository = self.world.find_repository(full_name)
        if repository is None or not calls.is_visible(self.caller, repository):
            raise Refusal(404, f"Could not resolve to a Repository with the name '{full_name}'.")
        return repository

    def subject(self, area: str) -> Issue:
        repository = self.repository(f"{self.given['owner']}/{self.given['name']}")
        calls.require(self.caller, repository, (area,), "read", "read")
        number = self.given["number"]
        issue = repository.issues.get(number)
        if issue is None or bool(issue.pull) is not (area == "pull_requests"):
            raise Refusal(404, f"Could not resolve to a subject with the number of {number}.")
        return issue

    def thread(self, wanted: str) -> tuple[Pull, Thread]:
        for repository in self.world.repositories.values():
            for issue in repository.pulls():
                for thread in issue.pull.threads if issue.pull else ():
                    if build_node_id("PRRT", thread.id) == wanted and issue.pull:
                        return issue.pull, thread
        raise Refusal(404, f"Could not resolve to a node with the global id of '{wanted}'")


# --- operations ----------------------------------------------------------------------------------


def _answer_text(query: _Asked) -> Shape:
    issue = query.subject("issues")
    edited = shapes.format_time_if_any(issue.edited)
    shape = {"title": issue.title, "body": issue.body or "", "lastEditedAt": edited}
    return {"repository": {"issue": shape | _shape_renamings(issue, last=1)}}


def _answer_threads(query: _Asked) -> Shape:
    """Return the newest review threads; a cursor is a position."""
    pull = query.subject("pull_requests").pull
    if pull is None:
        raise Refusal(404, "Could not resolve to a PullRequest.")
    threads = pull.threads
    before = query.given.get("cursor")
    end = len(threads) if before is None else int(before)
    begin = max(0, end - _THREADS_PER_PAGE)
    nodes = [
        {
            "id": build_node_id("PRRT", thread.id),
            "isResolved": thread.resolved_by is not None,
            "path": thread.comments[0].path,
            "line": thread.comments[0].line,
            "diffSide": "RIGHT",
            "first": {"nodes": [_shape_first(pull, thread.comments[0])]},
            "newest": {"nodes": [_shape_words(pull, comment) for comment in thread.comments[-50:]]},
        }
        for thread in threads[begin:end]
    ]
    info = {"more": begin > 0, "cursor": str(begin)}
    shape = {"reviewThreads": {"pageInfo": info, "nodes": nodes}}
    return {"repository": {"pullRequest": shape}}


def _shape_words(pull: Pull, comment: ReviewComment) -> Shape:
    """Shape a comment on a line; the login of a bot comes without the suffix that REST has."""
    shaped, author = shapes.shape_review_comment(pull, comment), comment.author
    return {
        "fullDatabaseId": str(comment.id),
        "body": comment.body,
        "createdAt": shaped["created_at"],
        "url": shaped["html_url"],
        "author": {
            "__typename": author.kind,
            "login": author.login.removesuffix("[bot]"),
            "databaseId": author.id,
        },
    }


def _shape_first(pull: Pull, comment: ReviewComment) -> Shape:
    words = _shape_words(pull, comment)
    return {**words, "diffHunk": comment.diff_hunk}


def _answer_merged(query: _Asked) -> Shape:
    """Return all merged pull requests on one page."""
    repository = query.repository(f"{query.given['owner']}/{query.given['name']}")
    calls.require(query.caller, repository, ("pull_requests",), "read", "read")
    merged = [issue for issue in repository.pulls() if issue.pull and issue.pull.merged]
    merged.sort(key=lambda issue: issue.created, reverse=True)
    nodes = [_shape_merged(issue) for issue in merged]
    info = {"more": False, "cursor": None}
    return {"repository": {"pullRequests": {"pageInfo": info, "nodes": nodes}}}


def _shape_merged(issue: Issue) -> Shape:
    named = map(int, _CLOSES.findall(issue.body or ""))
    closed = [issue.repository.issues[number] for number in named]
    return {
        "number": issue.number,
        "createdAt": shapes.format_time(issue.created),
        "baseRefOid": issue.pull.base_sha if issue.pull else "",
        "closingIssuesReferences": {"nodes": [_shape_history(issue) for issue in closed]},
    }


def _shape_history(issue: Issue) -> Shape:
    edits = [{"editedAt": shapes.format_time(moment), "diff": text} for moment, text in issue.texts]
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "createdAt": shapes.format_time(issue.created),
        "userContentEdits": {"nodes": edits[::-1]},
        **_shape_renamings(issue),
    }


def _shape_renamings(issue: Issue, last: int = 100) -> Shape:
    renamings = [
        {
            "__typename": "RenamedTitleEvent",
            "createdAt": shapes.format_time(happening.created),
            "previousTitle": happening.was,
        }
        for happening in issue.happenings
        if happening.event == "renamed"
    ]
    return {"timelineItems": {"nodes": renamings[-last:]}}


def _resolve(query: _Asked) -> Shape:
    pull, thread = query.thread(query.given["input"]["threadId"])
    for area in ("pull_requests", "contents"):
        calls.require(query.caller, pull.issue.repository, (area,), "write", "write")
    pull_actions.resolve(pull, thread, query.caller.user)
    return {"resolveReviewThread": {"thread": {"isResolved": True}}}


def _convert_to_draft(query: _Asked) -> Shape:
    wanted = query.given["input"]["pullRequestId"]
    for repository in query.world.repositories.values():
        for issue in repository.pulls():
            if issue.pull and build_node_id("PR", issue.pull.id) == wanted:
                for area in ("pull_requests", "contents"):
                    calls.require(query.caller, repository, (area,), "write", "write")
                pull_actions.set_draft(issue.pull, query.caller.user, draft=True)
                return {"convertPullRequestToDraft": {"pullRequest": {"isDraft": True}}}
    raise Refusal(404, f"Could not resolve to a node with the global id of '{wanted}'")


_OPERATIONS: dict[str, Callable[[_Asked], Shape]] = {
    "Text": _answer_text,
    "Merged": _answer_merged,
    "Threads": _answer_threads,
    "Resolve": _resolve,
    "Draft": _convert_to_draft,
}
