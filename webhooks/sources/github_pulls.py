"""The end of a pull request, and that one is open again: occasions to look. Pure.

Nothing of a payload is kept but which pull request it is about and who did it: how it stands is
looked up when somebody acts on it.
"""

from __future__ import annotations

from typing import Any

from agent.conversation.events import Event
from webhooks.sources import github_payloads as parts
from webhooks.sources.github_payloads import ParsedEvent


class _Pull(parts.Part):
    pull_request: parts.Pull
    repository: parts.Repository
    sender: parts.Named


def _parse_pull(action: str | None, payload: dict[str, Any]) -> ParsedEvent:
    told = _Pull.model_validate(payload)
    happened = Event(
        repository=told.repository.full_name,
        repository_id=told.repository.id,
        number=told.pull_request.number,
        event=f"pull_request.{action}",
        actor=told.sender.login,
    )
    return ParsedEvent(action=action, about=happened)


# Merged is closed as well. What else happens to one, the next follow-up reads from it.
READS: parts.Reads = {"pull_request": dict.fromkeys(("closed", "reopened"), _parse_pull)}
"""What is read here, by event and action."""
