"""Ends of pull requests: the figures of each that people have merged or closed.

Owns what is put together and when. `agent.service.event_handler` notes that one has ended, and
waits for no git; what people changed before they merged it is asked of git here, beside everything
else. They are written last, in one row, so whatever is cut off is done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from agent.errors import AgentError, Cancelled
from agent.git import merge_edits
from agent.git.merge_edits import MergedPullRequest
from agent.models.clock import read_clock
from agent.models.code_host import CodeHost
from agent.models.model_use import ModelTotal
from agent.models.outcome import HumanEdits, PullEnd, PullFigures, StoredRun
from agent.settings import Settings
from agent.store.sql_run_store import SqlRunStore

_log = structlog.get_logger()

EVERY_SECONDS = 15.0
#: What git could not tell is asked again after so long, each time twice as long: for 17 hours.
_AGAIN_SECONDS, _MOST_TRIES = 60.0, 11
_MOST_WORDS = 500


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
        edits, unknown = None, ""
        if end.state == "merged":
            try:
                edits, unknown = self._edits(end, first, follow_ups)
            except Cancelled:
                return EVERY_SECONDS
            except Exception as problem:  # noqa: BLE001  one end must not hold the others up
                unknown = problem.message if isinstance(problem, AgentError) else repr(problem)
                _log.info("merged, but not compared", run=run_id, problem=unknown)
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
            unknown=unknown[:_MOST_WORDS],
        )
        self._store.update_pull_end(run_id, end.model_copy(update={"figures": figures}), None)
        return 0.0

    def _edits(
        self, end: PullEnd, first: StoredRun, follow_ups: Sequence[StoredRun]
    ) -> tuple[HumanEdits | None, str]:
        """Ask git what people changed; or say why there is nothing to compare."""
        commits = [commit for one in (first, *follow_ups) if (commit := _find_made_commit(one))]
        if not commits:
            return None, "No commit of ours is known in it."
        code_host = self._code_host()
        remote = code_host.find_remote(first.run)
        if remote is None:
            return None, "It is on no code host."
        asked = MergedPullRequest(
            pull=end.pull,
            base=end.base,
            first=commits[0],
            ours=commits[-1],
        )
        found = merge_edits.measure_edits(
            remote.url,
            code_host.create_credential(first.run, write=False),
            self._settings.home / "mirrors",
            asked,
            max_bytes=self._settings.max_repository_mb * 1024**2,
            stopped=self._stop,
        )
        return found, ""


def _find_made_commit(one: StoredRun) -> str | None:
    """Return the commit that a run has made; one that only answered names that of somebody else."""
    if one.outcome is None or (one.run.follow_up and one.outcome.change_digest is None):
        return None
    return one.outcome.commit
