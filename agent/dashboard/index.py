"""All runs in memory, as lists and statistics need them; brought up to date before each use.

Reading a run costs as much as parsing its outcome, so only those are read that have changed.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from agent.models.clock import read_clock
from agent.models.model_use import ModelTotal, ModelUse
from agent.models.run import Reason, RunState
from agent.models.ticket import Category
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import RunRow

#: How old the lists may be; what has ended long ago changes seldom, and is looked at seldom.
_FRESH_SECONDS, _WHOLE_SECONDS = 1.0, 30.0
_RECENT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """One run, as a line of a list and as a part of statistics."""

    run_id: str
    repository: str
    """`owner/name`."""
    repository_id: int
    number: int
    title: str
    person: str
    """Login of who set the label."""
    state: RunState
    """`merged` or `closed`, where the run's pull request has ended."""
    reason: Reason | None
    """None: it is not over."""
    sentence: str
    active: bool
    queued_at: float
    started_at: float | None
    ended_at: float | None
    seconds_to_pull: float | None
    """From the label to the end of the run; None: it has opened no pull request, or not known."""
    category: Category | None
    first_round: Reason | None
    used: ModelTotal | None
    """None: it is not over. In statistics with what has gone on with its pull request."""
    models: tuple[tuple[str, float | None], ...]
    """Those that were used, with their cost."""
    kind: str
    """Of a follow-up: what it is about; empty: the run of a ticket."""
    follows: str
    """The run that opened the pull request, for a follow-up; else empty."""
    is_dry_run: bool

    @property
    def usd(self) -> float:
        return (self.used.usd if self.used else None) or 0.0

    @property
    def origin(self) -> str:
        """What it is a run of: a ticket, or what its pull request needed, or a dry run."""
        return self.kind or ("dry run" if self.is_dry_run or not self.number else "ticket")

    @property
    def seconds(self) -> float | None:
        """How long it took, or has taken so far; None: it has not begun."""
        if self.started_at is None:
            return None
        return max(0.0, (self.ended_at or read_clock()) - self.started_at)


class RunIndex:
    """The entries of one store; safe to use from several threads."""

    def __init__(self, store: SqlRunStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read_at = self._read_whole_at = float("-inf")
        self._stamps: dict[str, tuple[object, ...]] = {}
        self._entries: dict[str, RunEntry] = {}
        self._newest: tuple[RunEntry, ...] = ()

    def entries(self) -> tuple[RunEntry, ...]:
        with self._lock:
            if time.monotonic() - self._read_at > _FRESH_SECONDS:
                self._refresh()
                self._read_at = time.monotonic()
            return self._newest

    def _refresh(self) -> None:
        is_whole = time.monotonic() - self._read_whole_at > _WHOLE_SECONDS
        since = None if is_whole else read_clock() - _RECENT_SECONDS
        stamps = self._store.read_stamps(since)
        changed = {run_id for run_id, at in stamps.items() if self._stamps.get(run_id) != at}
        removed: set[str] = set()
        if is_whole:
            self._read_whole_at = time.monotonic()
            removed = self._entries.keys() - stamps.keys()
        self._stamps.update(stamps)
        if not changed and not removed:
            return
        for run_id in removed:
            del self._entries[run_id], self._stamps[run_id]
        for stored in self._store.load(sorted(changed)):
            self._entries[stored.run.run_id] = make_entry(stored)
        newest = sorted(self._entries.values(), key=lambda entry: (entry.queued_at, entry.run_id))
        self._newest = tuple(reversed(newest))


def make_entry(stored: RunRow) -> RunEntry:
    run, outcome, snapshot = stored.run, stored.outcome, stored.run.snapshot
    return RunEntry(
        run_id=run.run_id,
        repository=run.repository_name,
        repository_id=snapshot.issue.repository_id if snapshot else 0,
        number=snapshot.issue.number if snapshot else 0,
        title="Deleted ticket" if stored.purged_at else snapshot.title if snapshot else run.ticket,
        person=snapshot.actor if snapshot else "",
        state=RunState(stored.pull_end.state) if stored.pull_end else stored.state,
        reason=outcome.reason if outcome else None,
        sentence=outcome.sentence if outcome else "",
        active=stored.active,
        queued_at=stored.queued_at,
        started_at=stored.started_at,
        ended_at=stored.ended_at,
        seconds_to_pull=_measure_to_pull(stored),
        category=outcome.figures.category if outcome else None,
        first_round=outcome.figures.first_round if outcome else None,
        used=outcome.figures.total_usage if outcome else None,
        models=_sum_models(outcome.figures.models) if outcome else (),
        kind=run.follow_up.kind if run.follow_up else "",
        follows=run.follow_up.of if run.follow_up else "",
        is_dry_run=run.dry_run,
    )


def _measure_to_pull(stored: RunRow) -> float | None:
    snapshot, outcome = stored.run.snapshot, stored.outcome
    if snapshot and outcome and outcome.pull_request and stored.ended_at is not None:
        # Clocks may differ, and a code host writes the first of the times.
        with suppress(ValueError):
            label = datetime.fromisoformat(snapshot.approved_at).timestamp()
            return round(max(0.0, stored.ended_at - label), 3)
    return None


def _sum_models(uses: Iterable[ModelUse]) -> tuple[tuple[str, float | None], ...]:
    several = tuple(uses)
    return tuple(
        (name, ModelTotal.from_uses(use for use in several if use.model == name).usd)
        for name in dict.fromkeys(use.model for use in several)
    )


def summarize_runs(
    entries: Iterable[RunEntry], is_wanted: Callable[[RunEntry], bool] = lambda entry: True
) -> list[RunEntry]:
    """Summarise the runs of issues; what has gone on with one counts as a part of it."""
    several = tuple(entries)
    following: dict[str, list[RunEntry]] = defaultdict(list)
    for entry in several:
        following[entry.follows].append(entry)
    return [
        _join(entry, following[entry.run_id])
        for entry in several
        if is_wanted(entry) and entry.origin == "ticket" and not entry.follows
    ]


def _join(first: RunEntry, following: list[RunEntry]) -> RunEntry:
    if not following:
        return first
    used = [entry.used for entry in (first, *following) if entry.used]
    return replace(first, used=ModelTotal.from_uses(used) if used else None)
