"""Tell people elsewhere how a run of an issue ended: in chats, by mail, by webhooks.

One line and a link, never twice for a run. Who cannot be reached holds nothing up, and is not
tried again: the issue has the words.
"""

from __future__ import annotations

import re
import threading

import structlog

from agent.errors import SettingsInvalid
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run, RunState
from agent.settings import Settings, read_secret
from agent.text import sanitise

_log = structlog.get_logger()
_NAME = "notify"
_BETWEEN = re.compile(r"[,\s]+")
_LONGEST = 300
_WITHHELD = frozenset({Reason.NEW_FAILURES, Reason.UNVERIFIED, Reason.NO_TESTS, Reason.POLICY})
_WORDS = {
    RunState.DECLINED: "needs a person",
    RunState.NEEDS_HUMAN: "needs a person",
    RunState.FAILED: "failed",
}


def describe_end(run: Run, outcome: Outcome) -> str:
    """Say in a line and a link how a run ended; empty: nobody needs to hear of it."""
    pull, snapshot = outcome.pull_request, run.snapshot
    if snapshot is None or run.follow_up is not None or run.dry_run:
        return ""
    words = "withheld" if outcome.reason in _WITHHELD else _WORDS.get(outcome.state, "")
    if pull is not None:
        words = "draft opened" if pull.draft else "pull request opened"
    if not words:
        return ""
    title = sanitise.make_inert(sanitise.strip_terminal_codes(snapshot.title))
    place = f"{snapshot.issue.repository}#{snapshot.issue.number}"
    line = sanitise.shorten(" ".join(f"{place}: {words}: {title}".split()), _LONGEST)
    return f"{line}\n{pull.url if pull else snapshot.url}"


def list_addresses(settings: Settings) -> tuple[str, ...]:
    """List the addresses that the operator gives, as apprise writes them.

    Raises:
        SettingsInvalid: One is none; which, is said without its words, that may be a secret.
    """
    given = read_secret(settings, _NAME)
    found = [one for one in _BETWEEN.split(given.get_secret_value() if given else "") if one]
    if found:
        # It takes a second to load, and most have no use for it.
        import apprise

        for number, address in enumerate(found, 1):
            if apprise.Apprise.instantiate(address) is None:
                raise SettingsInvalid(
                    f"MERGEWRIGHT_NOTIFY: entry {number} is no address that apprise knows, as"
                    " mailto://, slack:// or json://HOST"
                )
    return tuple(found)


def send(settings: Settings, words: str) -> threading.Thread:
    """Send a line to all addresses, without waiting for them."""
    thread = threading.Thread(target=_send, args=(settings, words), name="notify", daemon=True)
    thread.start()
    return thread


def _send(settings: Settings, words: str) -> None:
    try:
        if addresses := list_addresses(settings):
            import apprise

            for number, address in enumerate(addresses, 1):
                receiver = apprise.Apprise()
                receiver.add(address)
                if not receiver.notify(body=words, body_format=apprise.NotifyFormat.TEXT):
                    _log.warning("a receiver was not reached", entry=number)
    except Exception as problem:  # noqa: BLE001  whatever a receiver does, no run feels it
        _log.warning("nobody was notified", error=type(problem).__name__)
