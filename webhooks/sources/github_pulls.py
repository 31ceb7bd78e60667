"""What happens to pull requests, besides what people say: occasions to look. Pure.

Nothing of a payload is kept but which pull request it is about and who did it: how it stands is
looked up when somebody acts on it.
"""

from __future__ import annotations

from typing import Any

from agent.conversation.said import Happened
from webhooks.sources import github_payloads as parts
from webhooks.sources.github_payloads import Ignored, Told


def _happened(action: str | None, payload: dict[str, Any]) -> Told:
    return _told("pull_request", action, _Pull.model_validate(payload))


def _edited(action: str | None, payload: dict[str, Any]) -> Told | Ignored:
    told = _Edited.model_validate(payload)
    if told.changes.base is None:
        return Ignored(action=action, reason="only the words of a pull request were edited")
    return _told("pull_request", action, told)


def _thread(action: str | None, payload: dict[str, Any]) -> Told:
    return _told("pull_request_review_thread", action, _Thread.model_validate(payload))


def _told(event: str, action: str | None, told: _Pull | _Thread) -> Told:
    happened = Happened(
        repository=told.repository.full_name,
        repository_id=told.repository.id,
        installation_id=told.installation.id if told.installation else None,
        number=told.pull_request.number,
        event=f"{event}.{action}",
        # Whoever deleted the account is shown by GitHub as this one.
        actor=told.sender.login if told.sender else "ghost",
    )
    return Told(action=action, about=happened)


# --- what we need of the payload -----------------------------------------------------------------


class _Pull(parts.Part):
    pull_request: parts.Pull
    repository: parts.Repository
    sender: parts.Named
    installation: parts.Installation | None = None


class _Changes(parts.Part):
    base: dict[str, Any] | None = None


class _Edited(_Pull):
    changes: _Changes


class _Thread(parts.Part):
    pull_request: parts.Pull
    repository: parts.Repository
    # GitHub does not promise to say who it was.
    sender: parts.Named | None = None
    installation: parts.Installation | None = None


READS: parts.Reads = {
    # Merged is closed as well; pushed to by anybody is `synchronize`.
    "pull_request": {
        **dict.fromkeys(("closed", "reopened", "synchronize"), _happened),
        "edited": _edited,
    },
    "pull_request_review_thread": dict.fromkeys(("resolved", "unresolved"), _thread),
}
"""What is read here, by event and action."""
