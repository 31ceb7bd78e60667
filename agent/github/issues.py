"""Issues and pull requests as they are now: state, text, events, and what people write there."""

from collections.abc import Iterator

from agent.github.access import Raw, RepositorySession
from agent.github.api_errors import LostReply, ignore_statuses
from agent.github.repositories import GONE
from agent.models.intake import LiveIssue
from agent.models.record import replace
from agent.models.ticket import IssueRef

_TEXT = """query Text($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) {
      title body lastEditedAt
      timelineItems(itemTypes: RENAMED_TITLE_EVENT, last: 1) {
        nodes { ... on RenamedTitleEvent { createdAt } }
      }
    }
  }
}"""
#: Pages of comments or reviews of one subject.
_MOST_PAGES = 20


def read_issue(session: RepositorySession) -> LiveIssue | None:
    """Read the issue; None: it was deleted, transferred, or another one has its number."""
    wanted = session.issue
    with ignore_statuses(*GONE):
        path, doing = f"issues/{wanted.number}", f"read issue #{wanted.number}"
        return session.call("GET", path, lambda raw: _make_live_issue(wanted, raw), doing=doing)
    return None


def _make_live_issue(wanted: IssueRef, raw: Raw) -> LiveIssue | None:
    """Convert a response; None: it is another issue than the wanted one."""
    if not isinstance(raw["id"], int):
        raise LostReply("its response contains no issue")
    if wanted.issue_id and raw["id"] != wanted.issue_id:
        return None
    return LiveIssue(
        issue=replace(wanted, issue_id=raw["id"]),
        state=raw["state"],
        locked=raw["locked"],
        labels=tuple(str(label["name"]) for label in raw["labels"]),
        title=raw["title"],
        body=raw["body"] or "",
        author=name_author(raw),
        updated_at=raw["updated_at"],
        url=raw["html_url"],
        is_pull_request=raw.get("pull_request") is not None,
    )


def name_author(raw: Raw) -> str:
    """Return the login of an author; `ghost` if the account is gone, as GitHub shows it."""
    return str(raw["user"]["login"]) if raw["user"] else "ghost"


def add_last_edit(session: RepositorySession, live: LiveIssue) -> LiveIssue | None:
    """Read the text and `changed_at`, its last edit, which REST lacks; None: the issue is gone."""

    def read(data: Raw) -> LiveIssue:
        raw = data["repository"]["issue"]
        renamed = [event["createdAt"] for event in raw["timelineItems"]["nodes"] if event]
        moments = [str(at) for at in (*renamed, raw["lastEditedAt"]) if at is not None]
        # GitHub's times sort as text.
        changed_at = max(moments, default=None)
        return replace(live, title=raw["title"], body=raw["body"], changed_at=changed_at)

    number = live.issue.number
    with ignore_statuses(404):
        doing = f"read when issue #{number} was last edited"
        return session.query(_TEXT, {"number": number}, read, doing=doing)
    return None


# --- what people write -------------------------------------------------------------------------


def list_comments(session: RepositorySession, number: int) -> Iterator[Raw]:
    path = f"issues/{number}/comments"
    return session.pages(path, {}, most=_MOST_PAGES, doing="read comments")


def list_reviews(session: RepositorySession, number: int) -> Iterator[Raw]:
    path = f"pulls/{number}/reviews"
    listed = session.pages(path, {}, most=_MOST_PAGES, doing="read reviews")
    return (raw for raw in listed if raw.get("submitted_at") is not None)
