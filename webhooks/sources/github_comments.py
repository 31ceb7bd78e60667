"""What people write on issues and pull requests: comments, reviews, remarks on lines. Pure.

Owns what counts as a person's word. Whether it is a command, whether this person may give it and
what becomes of it, is decided by others, on what the comment says by then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import Field

from agent.conversation.events import Comment, Place
from agent.models.ticket import IssueRef
from webhooks.sources import github_payloads as parts
from webhooks.sources.github_payloads import Ignored, ParsedEvent

#: GitHub takes no longer ones.
MOST_CHARACTERS = 65_536


class _Words(NamedTuple):
    """A comment, whatever its place."""

    place: Place
    number: int
    """Of the comment."""
    author: parts.Account
    body: str
    at: str
    verdict: str = ""


def _parse_comment(action: str | None, payload: dict[str, Any]) -> ParsedEvent | Ignored:
    told = _OnIssue.model_validate(payload)
    on_pull = told.issue.pull_request is not None
    words = _make_words("issue", told.comment, told.comment.created_at)
    return _make_event(action, told, told.issue, words, on_pull=on_pull)


def _parse_remark(action: str | None, payload: dict[str, Any]) -> ParsedEvent | Ignored:
    told = _OnLine.model_validate(payload)
    words = _make_words("inline", told.comment, told.comment.created_at)
    return _make_event(action, told, told.pull_request, words, on_pull=True)


def _parse_review(action: str | None, payload: dict[str, Any]) -> ParsedEvent | Ignored:
    told = _Reviewed.model_validate(payload)
    written = _make_words("review", told.review, told.review.submitted_at)
    words = written._replace(verdict=told.review.state.lower())
    if not words.body.strip():
        # What it says stands in remarks on lines, of which each comes by itself.
        return Ignored(action=action, reason="a review without a text of its own")
    return _make_event(action, told, told.pull_request, words, on_pull=True)


def _make_words(place: Place, written: _Written, at: str) -> _Words:
    return _Words(place, written.id, written.user, written.body or "", at)


def _make_event(
    action: str | None,
    told: _Where,
    subject: parts.Issue | parts.Pull,
    words: _Words,
    *,
    on_pull: bool,
) -> ParsedEvent | Ignored:
    author, repository = words.author, told.repository
    if author.is_bot or told.sender.is_bot:
        # Nobody here acts on what a program writes, our own words least of all.
        return Ignored(action=action, reason="a bot wrote it")
    if author.id != told.sender.id:
        return Ignored(action=action, reason="it was sent by somebody else than who wrote it")
    said = Comment(
        subject=IssueRef(
            repository=repository.full_name,
            repository_id=repository.id,
            number=subject.number,
            issue_id=subject.id,
            installation_id=told.installation.id if told.installation else None,
        ),
        on_pull=on_pull,
        place=words.place,
        comment_id=words.number,
        author=author.login,
        author_id=author.id,
        body=words.body[:MOST_CHARACTERS],
        verdict=words.verdict,
        at=words.at,
        clone_url=repository.clone_url,
    )
    return ParsedEvent(action=action, about=said)


# --- what we need of the payload -----------------------------------------------------------------


class _Written(parts.Part):
    id: parts.Number
    user: parts.Account
    body: str | None = None


class _Comment(_Written):
    created_at: parts.Moment


class _Review(_Written):
    submitted_at: parts.Moment
    state: str = Field(default="", max_length=40)


class _Where(parts.Part):
    repository: parts.Cloned
    sender: parts.Account
    installation: parts.Installation | None = None


class _OnIssue(_Where):
    issue: parts.Issue
    comment: _Comment


class _OnLine(_Where):
    pull_request: parts.Pull
    comment: _Comment


class _Reviewed(_Where):
    pull_request: parts.Pull
    review: _Review


# Editing or deleting one triggers nothing: who may edit a comment need not be who wrote it.
READS: parts.Reads = {
    "issue_comment": {"created": _parse_comment},
    "pull_request_review": {"submitted": _parse_review},
    "pull_request_review_comment": {"created": _parse_remark},
}
"""What is read here, by event and action."""
