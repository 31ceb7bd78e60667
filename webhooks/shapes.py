"""Read a delivery's body strictly and hold it against the event that its header names. Pure.

The header is not signed, the body is: a body must look like the event that it is said to be. Only
what tells events apart is looked at here; the fields are the sources' own matter.
"""

from __future__ import annotations

from typing import Any

import jiter

from webhooks.refusals import Refused

#: By event that is acted on: what its body has at the top.
_HAS: dict[str, frozenset[str]] = {
    event: frozenset(keys.split())
    for event, keys in {
        "check_run": "action check_run",
        "check_suite": "action check_suite",
        "issue_comment": "action issue comment",
        "issues": "action issue repository",
        "ping": "zen hook_id",
        "pull_request": "action number pull_request",
        "pull_request_review": "action pull_request review",
        "pull_request_review_comment": "action pull_request comment",
        "push": "ref before after",
        "status": "sha state context",
    }.items()
}
#: What an event is about; it has none of these but its own.
_SUBJECTS = frozenset({
    "check_run", "check_suite", "comment", "discussion", "forkee", "issue", "pull_request",
    "release", "review", "thread", "workflow_job", "workflow_run", "zen",
})  # fmt: skip


def read_body(event: str, body: bytes) -> dict[str, Any]:
    """Parse the body: at most 200 levels deep, no key twice, numbers of a sane length.

    Raises:
        Refused: 400 it is not such JSON; 422 it is not a body of this event.
    """
    try:
        payload = jiter.from_json(
            body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys"
        )
    except ValueError as problem:
        # The parser's words name the place and may repeat a key, which can hold anything.
        words = str(problem).encode("ascii", "backslashreplace").decode()[:200]
        raise Refused(400, f"The body is not the JSON that we read: {words}.") from None
    if not isinstance(payload, dict):
        raise Refused(422, "The body is no JSON object.")
    _check_shape(event, payload)
    return payload


def _check_shape(event: str, payload: dict[str, Any]) -> None:
    has = _HAS.get(event)
    if has is None:
        return
    if missing := sorted(has - payload.keys()):
        raise Refused(422, f"The body is not one of the event {event}: no {', '.join(missing)}.")
    if foreign := sorted((_SUBJECTS & payload.keys()) - has):
        raise Refused(
            422, f"The body is not one of the event {event}: it has {', '.join(foreign)}."
        )
