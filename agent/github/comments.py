"""Comments of ours on issues and pull requests: made once, and found again.

Found by their author and the hidden marker they begin with; a stranger's comment that quotes the
marker is never taken for ours.
"""

from typing import NamedTuple

from github.IssueComment import IssueComment
from github.Repository import Repository

from agent.github.access import RepositorySession
from agent.github.api_errors import LostReply, ignore_statuses


class OwnComment(NamedTuple):
    number: int
    body: str
    url: str


def make_marker(kind: str, key: str) -> str:
    return f"<!-- mergewright:{kind} {key} -->"


def mark_issue_seen(session: RepositorySession) -> None:
    """Show on the issue with a pair of eyes that the label was seen; once per account."""
    number = session.issue.number
    session.try_nicety(
        "the reaction",
        lambda: session.ask(
            lambda repository: repository.get_issue(number).create_reaction("eyes"),
            doing=f"react to issue #{number}",
            patient=False,
        ),
    )


def list_comments(
    session: RepositorySession, mark: str, *, on: int | None = None
) -> list[OwnComment]:
    """List the comments of ours that begin with a mark, the oldest first.

    Args:
        on: Number of the issue or pull request; None: the session's.
    """
    number = on or session.issue.number

    def work(repository: Repository) -> list[OwnComment]:
        return sorted(
            _comment(one)
            for one in repository.get_issue(number).get_comments()
            # An account that was deleted is no account of ours.
            if (one.body or "").startswith(mark) and one.user
            if session.access.is_own(one.user.login)
        )

    return session.ask(work, doing=f"read the comments of #{number}")


def delete_comment(session: RepositorySession, comment: int) -> None:
    """Delete a comment of ours; one that is gone, or may not be deleted, ends no run."""
    number = session.issue.number

    def work() -> None:
        with ignore_statuses(404):
            session.ask(
                lambda repository: repository.get_issue(number).get_comment(comment).delete(),
                doing=f"delete our comment on #{number}",
            )

    session.try_nicety("the removal of an earlier comment", work)


def leave_comment(
    session: RepositorySession,
    mark: str,
    text: str,
    *,
    on: int | None = None,
) -> OwnComment:
    """Make a comment unless it is there; a lost reply makes no second one."""
    found = list_comments(session, mark, on=on)
    return found[0] if found else create_comment(session, mark, text, on=on)


def create_comment(
    session: RepositorySession,
    mark: str,
    text: str,
    *,
    on: int | None = None,
) -> OwnComment:
    number, body = on or session.issue.number, session.hide(f"{mark}\n{text}")
    return session.ask(
        lambda repository: _comment(repository.get_issue(number).create_comment(body)),
        found=lambda: next(iter(list_comments(session, mark, on=on)), None),
        doing=f"comment on #{number}",
    )


def _comment(found: IssueComment) -> OwnComment:
    if not isinstance(found.id, int):
        raise LostReply("its response contains no comment")
    return OwnComment(found.id, (found.body or "").replace("\r\n", "\n"), found.html_url)
