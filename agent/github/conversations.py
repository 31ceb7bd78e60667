"""What people write, for whom GitHub sends no webhooks: implements `Conversations`.

One request lists what has changed; only in that comments are looked for, and only those since the
last look.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from agent.github import live_issue
from agent.github.access import Access
from agent.github.session import Raw, Session, all_in_our_words
from agent.models.polling import Changed, Subject, Written
from agent.models.ticket import IssueRef

_PER_PAGE = 100
#: Of what has changed; the rest is listed at the next look.
_CHANGED_PAGES = 2
#: Of the comments of one subject since the last look.
_MOST_PAGES = 20
_READS_PULLS = "pull_requests: read"
#: GitHub takes no longer ones.
_MOST_CHARACTERS = 65_536


@all_in_our_words
class GithubConversations:
    """Looks for comments in the repositories that the operator names."""

    def __init__(self, access: Access) -> None:
        """Ask nothing yet."""
        self._access = access

    def list_changed(self, repository: str, since: str | None) -> Changed:
        """List what has changed; the clock is that of the answer before."""
        session = self._access.open_named_session(repository, "listen in")
        facts = live_issue.repository_facts(session)
        now = datetime.fromtimestamp(time.time() + session.notice.behind, UTC)
        told = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if since is None:
            return Changed(subjects=(), whole=True, now=told)
        wanted = {"state": "all", "sort": "updated", "direction": "asc", "since": since}
        listed = list(_list_pages(session, "issues", wanted, "issues: read", _CHANGED_PAGES))
        found = [_subject(facts, raw) for raw in listed]
        return Changed(
            # The same one may have come to the next page while they were read.
            subjects=tuple({one.ref.number: one for one in found}.values()),
            whole=len(listed) < _CHANGED_PAGES * _PER_PAGE,
            now=told,
        )

    def list_written(self, subject: Subject, since: str) -> tuple[Written, ...]:
        """List comments; of a pull request also reviews and remarks on lines."""
        session = self._access.open_session(subject.ref, f"listen in {subject.ref.repository}")
        number = subject.ref.number
        # GitHub lists by the last edit.
        found = [one for one in _comments(session, number, since) if one.at >= since]
        if subject.on_pull:
            reviews = [one for one in _reviews(session, number) if one.at >= since]
            found += [*reviews, *_remarks(session, number, since, reviews)]
        return tuple(found)


def _subject(facts: Raw, raw: Raw) -> Subject:
    return Subject(
        ref=IssueRef(
            repository=str(facts["full_name"]),
            repository_id=int(facts["id"]),
            number=int(raw["number"]),
            issue_id=int(raw["id"]),
        ),
        on_pull=raw.get("pull_request") is not None,
        is_closed=raw["state"] == "closed",
        updated_at=str(raw["updated_at"]),
        clone_url=str(facts["clone_url"]),
    )


def _comments(session: Session, number: int, since: str) -> Iterator[Written]:
    path = f"issues/{number}/comments"
    for raw in _by_people(_list_pages(session, path, {"since": since}, "issues: read")):
        yield _make_written(raw, "issue", raw["created_at"], edited=_was_edited(raw))


def _reviews(session: Session, number: int) -> Iterator[Written]:
    for raw in _by_people(_list_pages(session, f"pulls/{number}/reviews", {}, _READS_PULLS)):
        # One without a time is still being written. Whether it was edited is not told.
        if raw.get("submitted_at") is not None:
            written = _make_written(raw, "review", raw["submitted_at"], edited=False)
            yield written.model_copy(update={"verdict": str(raw["state"]).lower()})


def _remarks(
    session: Session, number: int, since: str, reviews: Iterable[Written]
) -> Iterator[Written]:
    """List remarks on lines; those of a new review may have been written long before it."""
    new = {one.comment_id for one in reviews}
    for raw in _by_people(_list_pages(session, f"pulls/{number}/comments", {}, _READS_PULLS)):
        if raw["created_at"] >= since or raw["pull_request_review_id"] in new:
            yield _make_written(raw, "inline", raw["created_at"], edited=_was_edited(raw))


def _by_people(listed: Iterable[Raw]) -> Iterator[Raw]:
    """Go through what accounts that are there wrote, and no program."""
    return (raw for raw in listed if raw["user"] is not None and raw["user"]["type"] != "Bot")


def _was_edited(raw: Raw) -> bool:
    return bool(raw["updated_at"] != raw["created_at"])


def _make_written(raw: Raw, place: str, at: str, *, edited: bool) -> Written:
    author = raw["user"]
    given = {
        "place": place,
        "comment_id": raw["id"],
        "author": author["login"],
        "author_id": author["id"],
        "body": (raw["body"] or "")[:_MOST_CHARACTERS],
        "at": at,
        "edited": edited,
    }
    return Written.model_validate(given)


def _list_pages(
    session: Session, path: str, wanted: Raw, needs: str, most: int = _MOST_PAGES
) -> Iterator[Raw]:
    return session.pages(path, wanted, most=most, doing="look for comments", needs=needs)
