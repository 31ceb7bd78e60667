"""Parse GitHub's deliveries into events.

Owns the table of the handled events, sent by webhook or read from GitHub's log. The intake decides
whether a label starts a run, by its name and who set it, and asks GitHub for the current state.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError

from agent.conversation import payloads
from agent.conversation.events import Comment, ConversationEvent, Event, Request, Withdrawal
from agent.models.clock import read_clock
from agent.models.outcome import Place
from agent.models.record import replace
from agent.models.ticket import Delivery, IssueRef, Snapshot

#: Maximum length of a comment on GitHub.
MOST_CHARACTERS = 65_536
#: Conclusions of checks that failed or, with `action_required`, wait for an approval.
_RED = frozenset({"failure", "error", "timed_out", "startup_failure", "action_required"})
#: Actions on issues that may withdraw a request.
_TAKES_BACK = ("unlabeled", "closed", "deleted", "transferred", "locked")


class Ignored(NamedTuple):
    """A delivery that needs no action."""

    reason: str
    """A sentence; from outside, it quotes only the names of event and action."""


Reading = Callable[[dict[str, Any]], Event | Ignored]


def make_delivery(delivery_id: str, event: str, parsed: Event | Ignored) -> Delivery:
    """Return the delivery as the inbox stores it."""
    received = Delivery(delivery_id=delivery_id, event=event, received_at=read_clock(), body=b"")
    if isinstance(parsed, Ignored):
        return replace(received, ignored=parsed.reason)
    return replace(received, body=parsed.model_dump_json().encode())


def parse_payload(event: str, action: str | None, payload: dict[str, Any]) -> Event | Ignored:
    """Parse a payload of a webhook, of GitHub's log, or of the event file in GitHub Actions."""
    if event not in READS:
        return Ignored(reason=f"the event {event} is not handled")
    actions = READS[event]
    name = event if None in actions else f"{event}.{action}"
    if action not in actions:
        name = name if action else f"an event {event} without an action"
        return Ignored(reason=f"{name} is not handled")
    try:
        return actions[action](payload)
    except ValidationError as problem:
        place = ".".join(str(part) for part in problem.errors(include_input=False)[0]["loc"])
        return Ignored(reason=f"{name} without a usable {place}")


# --- issues ------------------------------------------------------------------------------------


def _parse_request(payload: dict[str, Any]) -> Request | Ignored:
    asked = payloads.LabelledIssue.model_validate(payload)
    issue = asked.issue
    if issue.pull_request is not None:
        return Ignored(reason="the label is on a pull request")
    snapshot = Snapshot(
        issue=_make_reference(asked.repository, issue),
        url=issue.html_url,
        title=issue.title,
        body=issue.body or "",
        labels=tuple(label.name for label in issue.labels),
        # GitHub shows deleted accounts under this name.
        author=issue.user.login if issue.user else "ghost",
        actor=asked.sender.login,
        actor_id=asked.sender.id,
        approved_at=issue.updated_at,
    )
    return Request(
        snapshot=snapshot,
        label=asked.label.name,
        actor_is_bot=asked.sender.type == "Bot",
        clone_url=asked.repository.clone_url,
    )


def _parse_withdrawal(payload: dict[str, Any]) -> Withdrawal | Ignored:
    parsed = payloads.IssuePayload.model_validate(payload)
    if parsed.issue.pull_request is not None:
        return Ignored(reason="it is a pull request")
    return Withdrawal(issue=_make_reference(parsed.repository, parsed.issue))


def _make_reference(repository: payloads.Repository, subject: payloads.Subject) -> IssueRef:
    return IssueRef(
        repository=repository.full_name,
        repository_id=repository.id,
        number=subject.number,
        issue_id=subject.id,
    )


# --- comments -----------------------------------------------------------------------------------


def _parse_text(place: Place, payload: dict[str, Any]) -> Comment | Ignored:
    parsed = payloads.TextPayload.model_validate(payload)
    text, author = parsed.text, parsed.text.user
    body = text.body or ""
    if place == "review" and not body.strip():
        # The review's remarks on lines have deliveries of their own.
        return Ignored(reason="a review without text")
    if author.is_bot or parsed.sender.is_bot:
        # Comments of programs, ours among them, are not acted on.
        return Ignored(reason="a bot wrote it")
    if author.id != parsed.sender.id:
        return Ignored(reason="it was sent by someone other than its author")
    return Comment(
        subject=_make_reference(parsed.repository, parsed.subject),
        on_pull=place != "issue" or parsed.subject.pull_request is not None,
        place=place,
        comment_id=text.id,
        author=author.login,
        author_id=author.id,
        body=body[:MOST_CHARACTERS],
        verdict=text.state.lower() if place == "review" else "",
        at=text.at,
        clone_url=parsed.repository.clone_url,
    )


# --- events -------------------------------------------------------------------------------------


def _parse_pull(payload: dict[str, Any]) -> ConversationEvent:
    parsed = payloads.PullRequestPayload.model_validate(payload)
    return replace(_make_event(parsed.repository), number=parsed.pull_request.number)


def _parse_push(payload: dict[str, Any]) -> ConversationEvent | Ignored:
    parsed = payloads.PushPayload.model_validate(payload)
    branch = parsed.ref.removeprefix("refs/heads/")
    if branch == parsed.ref:
        return Ignored(reason="a push of something other than a branch")
    return replace(_make_event(parsed.repository), branch=branch)


def _parse_suite(payload: dict[str, Any]) -> ConversationEvent | Ignored:
    parsed = payloads.CheckSuitePayload.model_validate(payload)
    suite = parsed.check_suite
    checked = _make_checked(parsed.repository, suite.head_sha, suite.conclusion)
    if isinstance(checked, Ignored) or suite.app is None:
        return checked
    return replace(checked, app_id=suite.app.id)


def _parse_status(payload: dict[str, Any]) -> ConversationEvent | Ignored:
    parsed = payloads.StatusPayload.model_validate(payload)
    return _make_checked(parsed.repository, parsed.sha, parsed.state)


def _make_checked(
    repository: payloads.Repository, commit: str, conclusion: str | None
) -> ConversationEvent | Ignored:
    if conclusion not in _RED:
        return Ignored(reason="checks that neither failed nor need approval")
    return replace(_make_event(repository), commit=commit)


def _make_event(repository: payloads.Repository) -> ConversationEvent:
    return ConversationEvent(repository=repository.full_name, repository_id=repository.id)


READS: Mapping[str, Mapping[str | None, Reading]] = {
    "issues": {"labeled": _parse_request, **dict.fromkeys(_TAKES_BACK, _parse_withdrawal)},
    # Edits are ignored, since people other than the author can make them. Deletions are, too.
    "issue_comment": {"created": partial(_parse_text, "issue")},
    "pull_request_review": {"submitted": partial(_parse_text, "review")},
    "pull_request_review_comment": {"created": partial(_parse_text, "inline")},
    # A merge is a `closed`, too. Other changes need no event: the next follow-up run reads them.
    "pull_request": dict.fromkeys(("closed", "reopened"), _parse_pull),
    # A suite completes with the last of its check runs, so single runs need no event.
    "check_suite": {"completed": _parse_suite},
    # These have no action.
    "push": {None: _parse_push},
    "status": {None: _parse_status},
}
"""The parsers, by event and action."""
