"""Comments of ours on issues and pull requests: created once, and found again.

They are found by their author and their hidden first marker; a stranger's comment that quotes the
marker is never mistaken for ours.
"""

from typing import NamedTuple

from agent.github import issues
from agent.github.access import Raw, RepositorySession
from agent.github.api_errors import LostReply
from agent.models.intake import Reaction


class OwnComment(NamedTuple):
    number: int
    body: str
    url: str


def make_marker(kind: str, key: str) -> str:
    return f"<!-- mergewright:{kind} {key} -->"


def react(session: RepositorySession, subject: str, content: Reaction) -> None:
    """React to an issue or comment, named by its path; a refusal is only logged.

    GitHub keeps one reaction of a kind for an account.
    """
    path, doing = f"{subject}/reactions", f"react on #{session.issue.number}"
    session.try_nicety(
        "a reaction",
        lambda: session.call("POST", path, body={"content": content}, doing=doing),
    )


def list_comments(
    session: RepositorySession, mark: str, *, on: int | None = None
) -> list[OwnComment]:
    """List our comments that begin with a mark, oldest first; `on` None: of the session's issue."""
    return [
        _read_comment(raw)
        for raw in issues.list_comments(session, on or session.issue.number)
        if (raw["body"] or "").startswith(mark) and session.access.is_own(issues.name_author(raw))
    ]


def edit_comment(session: RepositorySession, comment: int, whole: str) -> None:
    session.call(
        "PATCH",
        f"issues/comments/{comment}",
        body={"body": whole},
        doing=f"edit our comment on issue #{session.issue.number}",
    )


def delete_comment(session: RepositorySession, comment: int) -> None:
    """Delete a comment of ours; if it is gone, or GitHub refuses, that is only logged."""
    doing = f"delete our comment on #{session.issue.number}"
    session.try_nicety(
        "the removal of an earlier comment",
        lambda: session.call("DELETE", f"issues/comments/{comment}", doing=doing),
    )


def leave_comment(
    session: RepositorySession, mark: str, text: str, *, on: int | None = None
) -> OwnComment:
    """Make a comment unless it is there; after a lost reply, no second one is made."""
    own_comments = list_comments(session, mark, on=on)
    return own_comments[0] if own_comments else create_comment(session, mark, text, on=on)


def create_comment(
    session: RepositorySession, mark: str, text: str, *, on: int | None = None
) -> OwnComment:
    number = on or session.issue.number
    return session.call(
        "POST",
        f"issues/{number}/comments",
        _read_comment,
        body={"body": session.hide(f"{mark}\n{text}")},
        find_effect=lambda: next(iter(list_comments(session, mark, on=on)), None),
        doing=f"comment on #{number}",
    )


def _read_comment(raw: Raw) -> OwnComment:
    if not isinstance(raw["id"], int):
        raise LostReply("its response contains no comment")
    return OwnComment(raw["id"], (raw["body"] or "").replace("\r\n", "\n"), raw["html_url"])
