"""Notify people of the end of an issue's run: in chats, by mail, by webhooks.

One line and a link, once for a run. An unreachable address delays nothing and is not retried: the
issue has the result.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from agent.errors import SettingsInvalid
from agent.models.outcome import Outcome
from agent.models.run import WITHHELD, Run, RunState
from agent.secret_values import read_addresses
from agent.settings import Settings
from agent.text import sanitise

if TYPE_CHECKING:
    from apprise import Apprise

_log = structlog.get_logger()
_WORDS = {
    RunState.DECLINED: "needs a person",
    RunState.NEEDS_HUMAN: "needs a person",
    RunState.FAILED: "failed",
}


def describe_end(run: Run, outcome: Outcome) -> str:
    """Describe the end of a run in a line and a link; empty: no notification is sent."""
    pull, snapshot = outcome.pull_request, run.snapshot
    if snapshot is None or run.follow_up is not None or run.dry_run:
        return ""
    words = "withheld" if outcome.reason in WITHHELD else _WORDS.get(outcome.state, "")
    if pull is not None:
        words = "draft opened" if pull.draft else "pull request opened"
    if not words:
        return ""
    title = sanitise.make_inert(sanitise.strip_terminal_codes(snapshot.title))
    place = f"{snapshot.issue.repository}#{snapshot.issue.number}"
    line = sanitise.shorten(" ".join(f"{place}: {words}: {title}".split()), 300)
    return f"{line}\n{pull.url if pull else snapshot.url}"


def load_receivers(settings: Settings) -> Apprise | None:
    """Make the receivers that the operator's addresses name; None: there are none.

    Raises:
        SettingsInvalid: One is invalid; the message has its number, as its text may be a secret.
    """
    if not (addresses := read_addresses(settings)):
        return None
    # Imported here: it takes a second to load, and most installations do not use it.
    import apprise

    receivers = apprise.Apprise()
    for number, address in enumerate(addresses, 1):
        if not receivers.add(address):
            raise SettingsInvalid(
                f"MERGEWRIGHT_NOTIFY: entry {number} is not an apprise URL such as mailto://,"
                " slack:// or json://HOST"
            )
    return receivers


def send(settings: Settings, words: str) -> threading.Thread:
    """Send a line to all addresses, without waiting for them."""
    thread = threading.Thread(target=_send, args=(settings, words), name="notify", daemon=True)
    thread.start()
    return thread


def _send(settings: Settings, words: str) -> None:
    try:
        receivers = load_receivers(settings)
        if receivers is not None and not receivers.notify(body=words, body_format="text"):
            _log.warning("a notification could not be sent to every receiver")
    except Exception as problem:  # noqa: BLE001  no receiver may affect the run
        _log.warning("no notification was sent", error=type(problem).__name__)
