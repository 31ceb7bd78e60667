"""Parse the body of a delivery: JSON within bounds, which must fit the event in the header."""

import re
from typing import Any

import jiter

from agent.conversation import deliveries
from agent.conversation.deliveries import Ignored
from agent.conversation.events import Event
from webhooks.admission import RefusedDelivery

_ACTION = re.compile(r"[a-z_]{1,64}")
#: For each event that we handle, keys that its body has at the top level. The header with the event
#: is not signed, but the body is, so the body must fit the event in the header.
_HAS: dict[str, frozenset[str]] = {
    event: frozenset(keys.split())
    for event, keys in {
        "check_suite": "action check_suite",
        "issue_comment": "action issue comment",
        "issues": "action issue repository",
        "ping": "zen hook_id",
        "pull_request": "action pull_request",
        "pull_request_review": "action pull_request review",
        "pull_request_review_comment": "action pull_request comment",
        "push": "ref before after",
        "status": "sha state context",
    }.items()
}
#: Keys of the subjects of events; a body has only those of its own event.
_SUBJECTS = frozenset({
    "check_run", "check_suite", "comment", "discussion", "forkee", "issue", "pull_request",
    "release", "review", "thread", "workflow_job", "workflow_run", "zen",
})  # fmt: skip


def read_body(event: str, body: bytes) -> dict[str, Any]:
    """Parse the body: at most 200 levels deep, no key twice, numbers of a sane length.

    Raises:
        RefusedDelivery: 400 it is not such JSON; 422 it is not a body of this event.
    """
    try:
        payload = jiter.from_json(
            body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys"
        )
    except ValueError as problem:
        # The parser's message names the place, and may contain a key with any characters.
        words = str(problem).encode("ascii", "backslashreplace").decode()[:200]
        raise RefusedDelivery(400, f"The body is not valid JSON: {words}.") from None
    if not isinstance(payload, dict):
        raise RefusedDelivery(422, "The body is not a JSON object.")
    has = _HAS.get(event)
    if has is not None and (missing := sorted(has - payload.keys())):
        raise RefusedDelivery(
            422, f"The body does not fit the event {event}: it has no {', '.join(missing)}."
        )
    if has is not None and (foreign := sorted((_SUBJECTS & payload.keys()) - has)):
        raise RefusedDelivery(
            422, f"The body does not fit the event {event}: it has {', '.join(foreign)}."
        )
    return payload


def parse_event(event: str, body: bytes) -> Event | Ignored:
    """Read a delivery whose signature is verified.

    Args:
        event: Event of the unsigned header: a short word.

    Raises:
        RefusedDelivery: 400: the body is not JSON within our bounds; 422: it does not fit the
            event.
    """
    payload = read_body(event, body)
    action = payload.get("action")
    action = action if isinstance(action, str) and _ACTION.fullmatch(action) else None
    if event == "ping":
        return Ignored(reason="ping: the webhook is set up")
    return deliveries.parse_payload(event, action, payload)
