"""What the mutations of GraphQL do."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from agent.demo.simulator import (
    access,
    actions,
    events,
    git_store,
    graphql_nodes,
    pull_actions,
    refusals,
)
from agent.demo.simulator.call import Call
from agent.demo.simulator.git_store import GitRefused, TreeEdit
from agent.demo.simulator.graphql_nodes import Node, Refused
from agent.demo.simulator.records import Issue, Pull, Repository, Thread
from agent.demo.simulator.routes import reviews

Input = dict[str, Any]


def mutations(call: Call) -> Node:
    """Give the fields of the mutation root."""
    return {
        "createCommitOnBranch": lambda **sent: _commit(call, sent["input"]),
        "markPullRequestReadyForReview": lambda **sent: _ready(call, sent["input"]),
        "addPullRequestReviewThreadReply": lambda **sent: _reply(call, sent["input"]),
        "resolveReviewThread": lambda **sent: _resolve(call, sent["input"]),
        "unresolveReviewThread": lambda **sent: _unresolve(call, sent["input"]),
    }


def _writing(call: Call, repository: Repository, area: str) -> None:
    access.require(call.world, call.caller, repository, (area,), "write", "write")
    if repository.archived:
        raise refusals.archived()


def _ready(call: Call, given: Input) -> Node:
    repository, issue, pull = graphql_nodes.find_pull(call, given["pullRequestId"])
    access.require(call.world, call.caller, repository, ("pull_requests",), "write", "read")
    if issue.author is not call.caller.user:
        _writing(call, repository, "pull_requests")
    if repository.archived:
        raise refusals.archived()
    if issue.state == "closed":
        raise Refused("UNPROCESSABLE", "Pull request is closed")
    if pull.draft:
        pull.draft = False
        actions.note(call.world, issue, "ready_for_review", call.caller.user)
        events.on_pull(call.world, repository, issue, "ready_for_review", call.caller.user)
    node = graphql_nodes.pull_request(call, repository, issue, pull)
    return {"clientMutationId": given.get("clientMutationId"), "pullRequest": node}


def _reply(call: Call, given: Input) -> Node:
    found = graphql_nodes.find_thread(call, given["pullRequestReviewThreadId"])
    repository, issue, pull, thread = found
    access.require(call.world, call.caller, repository, ("pull_requests",), "write", "read")
    if repository.archived:
        raise refusals.archived()
    made = reviews.reply(call, repository, issue, pull, thread.comments[0].id, given["body"])
    node = graphql_nodes.review_comment(call, repository, issue, pull, made)
    return {"clientMutationId": given.get("clientMutationId"), "comment": node}


def _resolve(call: Call, given: Input) -> Node:
    repository, issue, pull, thread = _settled(call, given)
    pull_actions.resolve(call.world, repository, issue, thread, call.caller.user)
    node = graphql_nodes.thread(call, repository, issue, pull, thread)
    return {"clientMutationId": given.get("clientMutationId"), "thread": node}


def _unresolve(call: Call, given: Input) -> Node:
    repository, issue, pull, thread = _settled(call, given)
    pull_actions.unresolve(call.world, repository, issue, thread, call.caller.user)
    node = graphql_nodes.thread(call, repository, issue, pull, thread)
    return {"clientMutationId": given.get("clientMutationId"), "thread": node}


def _settled(call: Call, given: Input) -> tuple[Repository, Issue, Pull, Thread]:
    """Give the thread that the caller may resolve; GitHub asks Apps for `contents` as well."""
    repository, issue, pull, thread = graphql_nodes.find_thread(call, given["threadId"])
    _writing(call, repository, "pull_requests")
    _writing(call, repository, "contents")
    return repository, issue, pull, thread


def _commit(call: Call, given: Input) -> Node:
    """Make one signed commit on a branch that must be where the caller says."""
    repository, name = _branch(call, given["branch"])
    _writing(call, repository, "contents")
    tip = git_store.branch(repository.git_dir, name)
    if tip is None:
        raise Refused("NOT_FOUND", f"No such branch: {name}")
    if tip != given["expectedHeadOid"]:
        raise Refused(
            "STALE_DATA",
            f'Expected branch to point to "{given["expectedHeadOid"]}" but it did not. '
            "Pull and try again.",
        )
    changes = given.get("fileChanges") or {}
    edits = [_addition(repository, one) for one in changes.get("additions") or []]
    edits += [_deletion(repository, tip, one["path"]) for one in changes.get("deletions") or []]
    try:
        tree = git_store.edit_tree(repository.git_dir, tip, edits)
    except GitRefused as problem:
        raise Refused("UNPROCESSABLE", f"A path is invalid: {problem}") from problem
    message = given["message"]
    if not message["headline"].strip():
        raise Refused("UNPROCESSABLE", "Commit message headline can't be blank")
    body = (message.get("body") or "").strip("\n")
    made = git_store.write_commit(
        repository.git_dir,
        tree,
        (tip,),
        f"{message['headline']}\n\n{body}\n" if body else f"{message['headline']}\n",
        pull_actions.person(call.world, call.caller.user),
        pull_actions.web_flow(call.world),
        sign=True,
    )
    full = f"refs/heads/{name}"
    pull_actions.move_reference(call.world, repository, call.caller, full, tip, made)
    return {
        "clientMutationId": given.get("clientMutationId"),
        "commit": graphql_nodes.commit(call, repository, made),
    }


def _branch(call: Call, given: Input) -> tuple[Repository, str]:
    full_name, wanted = given.get("repositoryNameWithOwner"), given.get("branchName")
    if not full_name or not wanted:
        raise Refused("UNPROCESSABLE", "Specify a repository and a branch name")
    return graphql_nodes.find_repository(call, full_name), wanted.removeprefix("refs/heads/")


def _addition(repository: Repository, one: Input) -> TreeEdit:
    try:
        content = base64.b64decode(one["contents"], validate=True)
    except binascii.Error as problem:
        raise Refused("UNPROCESSABLE", f"{one['path']}: contents are not Base64") from problem
    sha = git_store.write_blob(repository.git_dir, content)
    return TreeEdit(one["path"], "100644", sha)


def _deletion(repository: Repository, tip: str, path: str) -> TreeEdit:
    if git_store.entry(repository.git_dir, tip, path) is None:
        words = f"A path was requested for deletion which does not exist: {path}"
        raise Refused("UNPROCESSABLE", words)
    return TreeEdit(path, "0", None)
