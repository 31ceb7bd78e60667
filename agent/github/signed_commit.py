"""Commits made through the API so that GitHub signs them: on a branch of their own, or on top."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from github.Repository import Repository

from agent.errors import BranchTaken, RepositoryUnfit
from agent.github.api_errors import RefusedRequest, ignore_statuses
from agent.github.session import Scope, Session
from agent.models.change import Change, ChangedFile

_NEEDS = "contents: write"
_MUTATION = """
mutation Commit($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}
"""
_NEW_BRANCH = (
    "is there already, with other content. Take the label off and set it again; the next attempt"
    " has a branch of its own."
)
_MOVED = (
    "has got another commit while this one was made, so nothing was added to it. Ask again for an"
    " answer on what is there now."
)
#: More than that, GitHub's comparison does not list.
_MOST_FILES = 300


def make_signed_commit(
    session: Session, branch: str, message: str, change: Change, *, new: bool
) -> str:
    """Make a commit on a branch that ends at the Change's base commit; return its object id.

    The branch is never moved by force: whoever was there first, or comes in between, keeps it.

    Args:
        new: Whether the branch is to be made, at the base commit.

    Raises:
        BranchTaken: It ends elsewhere, and not in this very change; or it is gone.
        RepositoryUnfit: The base commit is gone, or the Change has a file that cannot be committed
            this way.
    """
    _refuse_modes(change)
    head = _head(session, branch)
    if head is None and new:
        head = _create_branch(session, branch, change.base_commit)
    if head is None:
        raise BranchTaken(f"The branch {branch} was deleted, so nothing can be added to it.")
    return _commit(session, branch, head, message, change, _NEW_BRANCH if new else _MOVED)


def _refuse_modes(change: Change) -> None:
    named = [
        file.path
        for file in change.files
        if file.after is not None and (file.executable or file.was_executable)
    ]
    if named:
        raise RepositoryUnfit(
            "The repository wants signed commits, and GitHub's API, which signs them, cannot"
            f" commit executable files: {', '.join(named)}. A person has to make this change."
        )
    if len(change.files) > _MOST_FILES:
        raise RepositoryUnfit(
            f"The repository wants signed commits, and {len(change.files)} files are too many for"
            " one that GitHub's API can make and compare."
        )


def _head(session: Session, branch: str) -> str | None:
    """Commit at which the branch is now; None: there is no such branch."""
    with ignore_statuses(404):
        return session.ask(
            lambda repository: repository.get_git_ref(f"heads/{branch}").object.sha,
            doing=f"read the branch {branch}",
            needs="contents: read",
        )
    return None


def _create_branch(session: Session, branch: str, start: str) -> str:
    """Make the branch; return where it is, which is elsewhere if somebody was quicker."""
    try:
        return session.ask(
            lambda repository: repository.create_git_ref(f"refs/heads/{branch}", start).object.sha,
            found=lambda: _head(session, branch),
            doing=f"create the branch {branch}",
            needs=_NEEDS,
            scope=Scope.PUSH,
        )
    except RefusedRequest as problem:
        if problem.has_phrase("already exists") and (head := _head(session, branch)):
            return head
        if problem.status != 422:
            raise
        raise RepositoryUnfit(
            f"GitHub does not let us create the branch {branch} at the commit {start[:12]}, which"
            f" the change was made on ({problem.words}). Was its history rewritten? Take the label"
            " off and set it again for an attempt on what is there now."
        ) from problem


def _commit(
    session: Session, branch: str, head: str, message: str, change: Change, taken: str
) -> str:
    """Make the commit, unless the branch ends in it already.

    Args:
        taken: What is wrong with the branch where it ends elsewhere.
    """

    def found() -> str | None:
        now = _head(session, branch)
        return None if now in (None, change.base_commit) else ours(now or "")

    def ours(commit: str) -> str:
        if _is_this_change(session, commit, message, change):
            return commit
        raise BranchTaken(f"The branch {branch} {taken}")

    if head != change.base_commit:
        return ours(head)
    headline, _, body = message.strip().partition("\n")
    wanted: dict[str, Any] = {
        "branch": {"repositoryNameWithOwner": session.name, "branchName": branch},
        "message": {"headline": headline, "body": body.strip()},
        "expectedHeadOid": change.base_commit,
        "fileChanges": {
            "additions": [
                {"path": file.path, "contents": base64.b64encode(file.after).decode()}
                for file in change.files
                if file.after is not None
            ],
            "deletions": [{"path": file.path} for file in change.files if file.after is None],
        },
        "clientMutationId": session.notice.run_id,
    }
    try:
        return session.query(
            _MUTATION,
            {"input": wanted},
            lambda data: str(data["createCommitOnBranch"]["commit"]["oid"]),
            found=found,
            doing="make the signed commit",
            needs=_NEEDS,
            scope=Scope.PUSH,
        )
    except RefusedRequest as problem:
        # The branch moved, or went, between our look and the commit.
        if problem.status in (404, 422):
            if hit := found():
                return hit
            if _head(session, branch) is None:
                raise RepositoryUnfit(
                    f"Somebody deleted the branch {branch} while the commit was made, so nothing"
                    " was published. Take the label off and set it again for another attempt."
                ) from problem
        raise


def _is_this_change(session: Session, head: str, message: str, change: Change) -> bool:
    """Whether a commit is the one we would make: on the base, same message, same files."""

    def work(repository: Repository) -> bool:
        commit = repository.get_commit(head)
        files = {file.filename: (file.status, file.sha) for file in commit.files}
        return (
            [parent.sha for parent in commit.parents] == [change.base_commit]
            and commit.commit.message.split() == message.split()
            and files.keys() == set(change.paths)
            and all(_is_same(file, *files[file.path]) for file in change.files)
        )

    doing = "compare the branch with our change"
    return session.ask(work, doing=doing, needs="contents: read")


def _is_same(file: ChangedFile, status: str, blob: str) -> bool:
    if file.after is None or status == "removed":
        return file.after is None and status == "removed"
    # As git names a content.
    content = f"blob {len(file.after)}\0".encode() + file.after
    sha1 = hashlib.sha1(content, usedforsecurity=False)
    return blob in (sha1.hexdigest(), hashlib.sha256(content).hexdigest())
