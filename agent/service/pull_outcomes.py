"""What becomes of our pull requests: events about them, and the figures of each that has ended.

What a delivery says is only the occasion: how the pull request stands is asked. An event is handled
without git; what people changed before they merged is asked of git beside everything else. Figures
are written last, in one row, so whatever is cut off is done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from agent.conversation.events import Event
from agent.errors import AgentError, Cancelled
from agent.git import merge_edits
from agent.git.merge_edits import MergedPullRequest
from agent.github.intake_api import GithubIntakeApi
from agent.models.clock import read_clock
from agent.models.code_host import CodeHost
from agent.models.intake import LivePull
from agent.models.model_use import ModelTotal
from agent.models.outcome import HumanEdits, PullEnd, PullFigures, StoredRun
from agent.models.run import Reason
from agent.service.intake import Decision, Handled, Ignored, PutOff
from agent.settings import Settings
from agent.store.sql_requests import FollowUpRequest
from agent.store.sql_run_store import SqlRunStore

_log = structlog.get_logger()

EVERY_SECONDS = 15.0
#: What git could not tell is asked again after so long, each time twice as long: for 17 hours.
_AGAIN_SECONDS, _MOST_TRIES = 60.0, 11


def handle_event(
    event: Event, intake_api: GithubIntakeApi, store: SqlRunStore, *, now: float, quiet: float
) -> Decision:
    """Note how a pull request of ours stands, or have its checks seen to; may be done twice.

    Args:
        quiet: Seconds in which nothing else may happen before red checks are seen to.
    """
    if event.commit:
        return _handle_checks(event, store, now, quiet)
    if event.number is None:
        return Ignored(reason="it names neither a commit nor a pull request", routine=True)
    found = store.find_run_of_pull(event.repository_id, event.number)
    if found is None and store.is_publishing(event.repository_id):
        return PutOff(reason="a run of this repository is about to tell of its pull request")
    if found is None or found.run.snapshot is None:
        return Ignored(reason="no pull request of ours", routine=True)
    # In the repository as it is called by now.
    here = {"repository": event.repository, "number": event.number, "issue_id": 0}
    pull = intake_api.read_pull(found.run.snapshot.issue.model_copy(update=here))
    if pull is None:
        return Ignored(reason="the pull request is not there any more")
    first = found.run.first
    if pull.state != "open":
        _stop_follow_up(found, pull.state, store)
    if not store.note_pull(first, _make_end(event.number, pull), now):
        return Ignored(reason=f"the pull request is {pull.state}, as is known", routine=True)
    return Handled(reason=f"the pull request of run {first} is {pull.state}")


def _make_end(number: int, pull: LivePull) -> PullEnd | None:
    if pull.state == "open":
        return None
    return PullEnd(pull=number, state=pull.state, at=pull.ended_at, base=pull.base)


def _stop_follow_up(found: StoredRun, became: str, store: SqlRunStore) -> None:
    about = found.run.follow_up
    if about is not None and found.active:
        words = f"Pull request #{about.pull} was {became}, so its follow-up was stopped."
        store.request_stop(found.run.run_id, words, Reason.SUPERSEDED)


def _handle_checks(event: Event, store: SqlRunStore, now: float, quiet: float) -> Decision:
    """Have red checks seen to, where they are of the commit that we have pushed last."""
    wish = FollowUpRequest(kind="ci", quiet=quiet)
    found = store.find_run_of_head(event.repository_id, event.commit)
    if found is None and store.is_publishing(event.repository_id, of_follow_up=True):
        return PutOff(reason="a run of this repository is about to tell of its commit")
    if found is None:
        return Ignored(reason="no commit of ours that a pull request ends in", routine=True)
    following = store.queue_follow_up(found.run.first, wish, now)
    if following in ("over", "full"):
        return Ignored(reason=f"no follow-up for these checks ({following})")
    return Handled(reason=f"checks of run {found.run.run_id}'s commit ({following})")


# --- figures --------------------------------------------------------------------------------------


class PullOutcomeRecorder:
    def __init__(
        self,
        settings: Settings,
        store: SqlRunStore,
        code_host: Callable[[], CodeHost],
        stop: threading.Event,
    ) -> None:
        """Take what it works with.

        Args:
            code_host: Gives the code host that the pull requests are on.
            stop: Once set, git is ended, and what it was asked is asked again another time.
        """
        self._settings = settings
        self._store = store
        self._code_host = code_host
        self._stop = stop

    def turn(self) -> float:
        """Put the figures of one end together; return the seconds until the next look."""
        now = read_clock()
        first = self._store.find_ended_pull(now)
        if first is None or (end := first.pull_end) is None:
            return EVERY_SECONDS
        run_id, follow_ups = first.run.run_id, self._store.follow_ups(first.run.run_id)
        edits = None
        if end.state == "merged":
            try:
                edits = self._find_edits(end, first, follow_ups)
            except Cancelled:
                return EVERY_SECONDS
            except Exception as problem:  # noqa: BLE001  one end must not hold the others up
                words = problem.message if isinstance(problem, AgentError) else repr(problem)
                _log.info("merged, but not compared", run=run_id, problem=words)
                again = end.model_copy(update={"attempts": end.attempts + 1})
                if again.attempts < _MOST_TRIES:
                    later = now + _AGAIN_SECONDS * 2.0**end.attempts
                    self._store.update_pull_end(run_id, again, later)
                    return 0.0
        uses = [use for one in (first, *follow_ups) if one.outcome for use in one.outcome.models]
        figures = PullFigures(
            used=ModelTotal.from_uses(uses),
            rounds=len(follow_ups),
            edits=edits,
        )
        self._store.update_pull_end(run_id, end.model_copy(update={"figures": figures}), None)
        return 0.0

    def _find_edits(
        self, end: PullEnd, first: StoredRun, follow_ups: Sequence[StoredRun]
    ) -> HumanEdits | None:
        """Ask git what people changed; None: there is nothing to compare."""
        commits = [commit for one in (first, *follow_ups) if (commit := _find_made_commit(one))]
        code_host = self._code_host()
        remote = code_host.find_remote(first.run)
        if not commits or remote is None:
            return None
        asked = MergedPullRequest(
            pull=end.pull,
            base=end.base,
            first=commits[0],
            ours=commits[-1],
        )
        return merge_edits.measure_edits(
            remote.url,
            code_host.create_credential(first.run, write=False),
            self._settings.home / "mirrors",
            asked,
            max_bytes=self._settings.max_repository_mb * 1024**2,
            stopped=self._stop,
        )


def _find_made_commit(one: StoredRun) -> str | None:
    """Return the commit that a run has made; one that only answered names that of somebody else."""
    if one.outcome is None or (one.run.follow_up and one.outcome.change_digest is None):
        return None
    return one.outcome.commit
