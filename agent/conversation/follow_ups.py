"""What asks for a follow-up: words about a pull request of ours, or red checks on it. Pure.

Owns which of them count. That they count is only the occasion: what is to be done is read from the
pull request when the follow-up begins.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.adapters.sql_follow_ups import Wish
from agent.conversation.said import Happened, Said
from agent.domain import StoredRun
from agent.pulls import mentions

#: What people say within a minute is taken together.
QUIET_SECONDS = 60.0
_RED = frozenset({"failure", "error", "timed_out", "startup_failure"})
#: Somebody has to allow it before it goes on.
_HELD = "action_required"


def of_words(said: Said, own: Collection[str]) -> Wish | None:
    """Say what a comment without a command asks for; None: nothing of us.

    A remark on a line always does; a whole review does where it asks for changes, and any other
    comment where it names us.

    Args:
        own: Our logins, in lower case.
    """
    if not said.on_pull:
        return None
    asks = said.place == "inline" or said.verdict == "changes_requested"
    return Wish(kind="review", quiet=QUIET_SECONDS) if asks or mentions(said.body, own) else None


def of_checks(happened: Happened) -> Wish | None:
    """Say what the end of a check asks for; None: nothing."""
    if not happened.commit or happened.conclusion not in {*_RED, _HELD}:
        return None
    return Wish(kind="ci", quiet=QUIET_SECONDS)


def first_of(stored: StoredRun) -> str:
    """Return the id of the run that opened the pull request that a run is about."""
    about = stored.run.follow_up
    return about.of if about else stored.run.run_id
