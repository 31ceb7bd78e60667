"""GitHub's deliveries: which source reads which event, and what no source reads. Pure.

Owns the table of what we act on. What a delivery then starts is the intake's to decide.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from webhooks import shapes
from webhooks.sources import github_checks, github_comments, github_issues, github_pulls
from webhooks.sources.github_payloads import Ignored, ParsedEvent, Reads

READS: Reads = {
    **github_issues.READS,
    **github_comments.READS,
    **github_pulls.READS,
    **github_checks.READS,
}
"""All that is read."""
_ACTION = re.compile(r"[a-z_]{1,64}")


def parse_event(event: str, body: bytes) -> ParsedEvent | Ignored:
    """Read a delivery whose signature is verified.

    Args:
        event: As the header names it: a short word, which is not signed.

    Raises:
        Refused: 400 the body is not JSON that we read; 422 it does not fit the event.
    """
    payload = shapes.read_body(event, body)
    action = _action(payload)
    if event == "ping":
        return Ignored(action=None, reason="ping: the webhook is set up")
    if event not in READS:
        return Ignored(action=action, reason=f"nothing here acts on the event {event}")
    actions = READS[event]
    told = event if None in actions else f"{event}.{action}"
    if action not in actions:
        told = told if action else f"an unnamed action on {event}"
        return Ignored(action=action, reason=f"nothing here acts on {told}")
    try:
        return actions[action](action, payload)
    except ValidationError as problem:
        place = ".".join(str(part) for part in problem.errors(include_input=False)[0]["loc"])
        return Ignored(action=action, reason=f"{told} without a usable {place}")


def _action(payload: dict[str, Any]) -> str | None:
    action = payload.get("action")
    return action if isinstance(action, str) and _ACTION.fullmatch(action) else None
