"""What asks for a follow-up: words about a pull request of ours, or red checks on it. Pure.

Owns which of them count. That they count is only the occasion: what is to be done is read from the
pull request when the follow-up begins.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.conversation.commands import is_mentioned
from agent.conversation.events import Comment, Event
from agent.store.sql_follow_ups import FollowUpRequest

_RED = frozenset({"failure", "error", "timed_out", "startup_failure"})
#: Somebody has to allow it before it goes on.
_HELD = "action_required"


def read_comment_request(
    said: Comment, own: Collection[str], quiet: float
) -> FollowUpRequest | None:
    """Say what a comment without a command asks for; None: nothing of us.

    A remark on a line always does; a whole review does where it asks for changes, and any other
    comment where it names us.

    Args:
        own: Our logins, in lower case.
        quiet: Seconds in which nobody may say more before it begins.
    """
    if not said.on_pull:
        return None
    asks = said.place == "inline" or said.verdict == "changes_requested"
    return (
        FollowUpRequest(kind="review", quiet=quiet)
        if asks or is_mentioned(said.body, own)
        else None
    )


def read_checks_request(event: Event, quiet: float) -> FollowUpRequest | None:
    """Say what the end of a check asks for; None: nothing.

    Args:
        quiet: Seconds in which no other may end before it begins.
    """
    if not event.commit or event.conclusion not in {*_RED, _HELD}:
        return None
    return FollowUpRequest(kind="ci", quiet=quiet)
