"""The five questions that our client asks GraphQL, known by the names of their operations.

The fields of an answer are those that the client names; `tests/contract` holds its documents
against GitHub's schema.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from agent.demo.simulator import calls, git_store, pull_actions, shapes
from agent.demo.simulator.calls import Caller, Refusal
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
from agent.demo.simulator.shapes import Shape, build_node_id
from agent.demo.simulator.world import World

T = TypeVar("T")
_NAME = re.compile(r"\s*(?:query|mutation)\s+(\w+)")
_TYPES = {403: "FORBIDDEN", 404: "NOT_FOUND", 422: "UNPROCESSABLE"}


def answer(world: World, caller: Caller, sent: dict[str, Any]) -> Shape:
    """Answer a document with its variables; errors come with status 200, as at GitHub."""
    named = _NAME.match(sent["query"])
    work = _OPERATIONS.get(named[1]) if named else None
    if work is None:
        return {"errors": [{"message": "The simulator does not know this operation."}]}
    asked = _Asked(world, caller, sent["query"], sent.get("variables") or {})
    try:
        with world.lock:
            return {"data": work(asked)}
    except Refusal as refusal:
        kind = _TYPES.get(refusal.status, "UNPROCESSABLE")
        return {"data": None, "errors": [{"message": refusal.message, "type": kind}]}


class _Asked:
    """One document with its variables."""

    def __init__(self, world: World, caller: Caller, text: str, given: dict[str, Any]) -> None:
        self.world = world
        self.caller = caller
        self.text = text
        self.given = given

    def repository(self, full_name: str) -> Repository:
        """Give a repository that the caller can see."""
        found = self.world.find_repository(full_name)
        if found is None or not calls.is_visible(self.caller, found):
            raise Refusal(404, f"Could not resolve to a Repository with the name '{full_name}'.")
        return found

    def subject(self, area: str) -> Issue:
        """Give the issue or pull request that the variables name."""
        found = self.repository(f"{self.given['owner']}/{self.given['name']}")
        calls.require(self.caller, found, (area,), "read", "read")
        number = self.given["number"]
        issue = found.issues.get(number)
        if issue is None or bool(issue.pull) is not (area == "pull_requests"):
            raise Refusal(404, f"Could not resolve to a subject with the number of {number}.")
        return issue

    def thread(self, wanted: str) -> tuple[Pull, Thread]:
        """Give the review thread of an id."""
        for repository in self.world.repositories.values():
            for issue in repository.pulls():
                for thread in issue.pull.threads if issue.pull else ():
                    if build_node_id("PRRT", thread.id) == wanted and issue.pull:
                        return issue.pull, thread
        raise Refusal(404, f"Could not resolve to a node with the global id of '{wanted}'")

    def page(self, start: str, items: Sequence[T], shape: Callable[[T], Shape]) -> Shape:
        """Give the part of a connection that is asked for; a cursor is a position.

        Args:
            start: Of the connection in the document, such as `comments(first`.
        """
        bounds = re.search(rf"\b{re.escape(start)}: (\d+)(?:, \w+: \$(\w+))?", self.text)
        if bounds is None:
            raise Refusal(422, f"A document of this name has {start}.")
        size, cursor = int(bounds[1]), self.given.get(bounds[2])
        if start.endswith("first"):
            begin = int(cursor or 0)
            end = min(len(items), begin + size)
        else:
            end = len(items) if cursor is None else int(cursor)
            begin = max(0, end - size)
        return {
            "nodes": [shape(one) for one in items[begin:end]],
            "pageInfo": {
                "hasNextPage": end < len(items),
                "hasPreviousPage": begin > 0,
                "startCursor": str(begin),
                "endCursor": str(end),
            },
        }


# --- nodes ---------------------------------------------------------------------------------------


def _actor(one: User) -> Shape:
    """Give an account; bots go without the suffix that REST gives them, as at GitHub."""
    login = one.login.removesuffix("[bot]")
    return {"__typename": one.kind, "login": login, "databaseId": one.id}


def _comment(one: Comment | ReviewComment, url: str) -> Shape:
    return {
        "fullDatabaseId": str(one.id),
        "body": one.body,
        "createdAt": shapes.format_time(one.created),
        "url": url,
        "author": _actor(one.author),
    }


def _review(one: Review, page: str) -> Shape:
    return {
        "fullDatabaseId": str(one.id),
        "body": one.body,
        "state": one.state,
        "submittedAt": shapes.format_time(one.submitted),
        "url": f"{page}#pullrequestreview-{one.id}",
        "author": _actor(one.author),
    }


def _comments_of(asked: _Asked, pull: Pull, thread: Thread) -> Shape:
    states = {one.id: one.state for one in pull.reviews}

    def shape(one: ReviewComment) -> Shape:
        shaped = _comment(one, f"{pull.issue.page_url}#discussion_r{one.id}")
        review = {"state": states[one.review_id]}
        return {**shaped, "diffHunk": one.diff_hunk, "pullRequestReview": review}

    start = "comments(first" if "comments(first" in asked.text else "comments(last"
    return asked.page(start, thread.comments, shape)


def _thread(asked: _Asked, pull: Pull, one: Thread) -> Shape:
    first = one.comments[0]
    return {
        "id": build_node_id("PRRT", one.id),
        "isResolved": one.resolved_by is not None,
        "isOutdated": first.line is None,
        "path": first.path,
        "line": first.line,
        "startLine": first.start_line if first.line else None,
        "diffSide": "RIGHT",
        "subjectType": "LINE",
        "comments": _comments_of(asked, pull, one),
    }


# --- operations ----------------------------------------------------------------------------------


def _answer_text(asked: _Asked) -> Shape:
    issue = asked.subject("issues")
    edited = shapes.format_time_if_any(issue.edited)
    found = {"title": issue.title, "body": issue.body or "", "lastEditedAt": edited}
    return {"repository": {"issue": found}}


def _answer_pull(asked: _Asked) -> Shape:
    issue = asked.subject("pull_requests")
    pull, page = issue.pull, issue.page_url
    if pull is None:
        raise AssertionError("that was looked at")
    found: Shape = {
        "number": issue.number,
        "url": page,
        "state": "MERGED" if pull.merged else issue.state.upper(),
        "isDraft": pull.draft,
        "title": issue.title,
        "body": issue.body or "",
        "headRefName": pull.head_ref,
        "headRefOid": pull.head_sha,
        "baseRefName": pull.base_ref,
        "mergeable": "MERGEABLE" if shapes.is_mergeable(pull) else "CONFLICTING",
    }
    if "reviewThreads(" in asked.text:
        found["reviewThreads"] = asked.page(
            "reviewThreads(last", pull.threads, lambda one: _thread(asked, pull, one)
        )
    if "reviews(" in asked.text:
        found["reviews"] = asked.page("reviews(last", pull.reviews, lambda one: _review(one, page))
    if "comments(last" in asked.text:
        found["comments"] = asked.page(
            "comments(last",
            issue.comments,
            lambda one: _comment(one, f"{page}#issuecomment-{one.id}"),
        )
    return {"repository": {"pullRequest": found}}


def _answer_thread(asked: _Asked) -> Shape:
    pull, thread = asked.thread(asked.given["id"])
    calls.require(asked.caller, pull.issue.repository, ("pull_requests",), "read", "read")
    return {"node": {"comments": _comments_of(asked, pull, thread)}}


def _resolve(asked: _Asked) -> Shape:
    pull, thread = asked.thread(asked.given["input"]["threadId"])
    for area in ("pull_requests", "contents"):
        calls.require(asked.caller, pull.issue.repository, (area,), "write", "write")
    pull_actions.resolve(pull, thread, asked.caller.user)
    return {"resolveReviewThread": {"thread": {"isResolved": True}}}


def _commit(asked: _Asked) -> Shape:
    """Make one signed commit on a branch that must be where the caller says."""
    given, by = asked.given["input"], asked.caller.user
    repository = asked.repository(given["branch"]["repositoryNameWithOwner"])
    calls.require(asked.caller, repository, ("contents",), "write", "write")
    name = given["branch"]["branchName"]
    tip = git_store.branch(repository.git_dir, name)
    if tip is None:
        raise Refusal(404, f"No such branch: {name}")
    if tip != given["expectedHeadOid"]:
        raise Refusal(422, "Expected branch to point elsewhere. Pull and try again.")
    changes, git_dir = given["fileChanges"], repository.git_dir
    edits: dict[str, str | None] = {
        one["path"]: git_store.write_blob(git_dir, base64.b64decode(one["contents"]))
        for one in changes.get("additions", [])
    }
    edits |= {one["path"]: None for one in changes.get("deletions", [])}
    tree = git_store.edit_tree(git_dir, tip, edits)
    message = given["message"]
    text = f"{message['headline']}\n\n{message.get('body', '')}".strip() + "\n"
    made = pull_actions.write_commit(repository, by, tree, (tip,), text)
    pull_actions.move_reference(repository, by, f"refs/heads/{name}", tip, made)
    return {"createCommitOnBranch": {"commit": {"oid": made}}}


_OPERATIONS: dict[str, Callable[[_Asked], Shape]] = {
    "Text": _answer_text,
    "Pull": _answer_pull,
    "End": _answer_thread,
    "Resolve": _resolve,
    "Commit": _commit,
}
