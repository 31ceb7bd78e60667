"""What the project's own checks come to: occasions to look at a commit. Pure.

Owns which ends of checks are worth a look: what failed at once, the rest when all of an App's
checks are over. Which pull request the commit belongs to is known to others, and what the checks
say of it is looked up.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from agent.conversation.events import Event
from webhooks.sources import github_payloads as parts
from webhooks.sources.github_payloads import Ignored, ParsedEvent

_FAILED = frozenset({"failure", "timed_out", "startup_failure"})
#: Somebody has to allow it before it goes on.
_WAITS = "action_required"


def _parse_suite(action: str | None, payload: dict[str, Any]) -> ParsedEvent:
    told = _Suite.model_validate(payload)
    return _make_event(action, f"check_suite.{action}", told, told.check_suite)


def _parse_run(action: str | None, payload: dict[str, Any]) -> ParsedEvent | Ignored:
    told = _Run.model_validate(payload)
    if told.check_run.conclusion not in _FAILED | {_WAITS}:
        reason = "a check that did not fail: its suite tells when all are over"
        return Ignored(action=action, reason=reason)
    return _make_event(action, f"check_run.{action}", told, told.check_run)


def _parse_status(action: str | None, payload: dict[str, Any]) -> ParsedEvent | Ignored:
    told = _Status.model_validate(payload)
    if told.state == "pending":
        return Ignored(action=action, reason="a status that is still pending")
    return _make_event(action, "status", told, _Checked(head_sha=told.sha, conclusion=told.state))


def _make_event(action: str | None, event: str, told: _Where, checked: _Checked) -> ParsedEvent:
    happened = Event(
        repository=told.repository.full_name,
        repository_id=told.repository.id,
        commit=checked.head_sha,
        event=event,
        conclusion=checked.conclusion or "",
        actor=told.sender.login,
    )
    return ParsedEvent(action=action, about=happened)


# --- what we need of the payload -----------------------------------------------------------------


class _Checked(parts.Part):
    head_sha: parts.Commit
    conclusion: str | None = Field(default=None, max_length=40)


class _Where(parts.Part):
    repository: parts.Repository
    sender: parts.Named


class _Suite(_Where):
    check_suite: _Checked


class _Run(_Where):
    check_run: _Checked


class _Status(_Where):
    sha: parts.Commit
    state: Literal["pending", "success", "failure", "error"]


READS: parts.Reads = {
    "check_run": {"completed": _parse_run},
    "check_suite": {"completed": _parse_suite},
    # It has no action.
    "status": {None: _parse_status},
}
"""What is read here, by event and action."""
