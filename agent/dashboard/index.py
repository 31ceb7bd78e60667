"""All runs in memory, as lists and statistics need them; brought up to date before each use.

Reading a run costs as much as parsing its outcome, so only those are read that have changed.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

from agent.models.clock import read_clock
from agent.models.model_use import ModelTotal, ModelUse
from agent.models.outcome import StoredRun
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import statistics
from agent.telemetry.statistics import RunSummary

#: How old the lists may be; what has ended long ago changes seldom, and is looked at seldom.
_FRESH_SECONDS, _WHOLE_SECONDS = 1.0, 30.0
_RECENT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry(RunSummary):
    """One run, as a line of a list and as a part of statistics."""

    run_id: str
    repository_id: int
    number: int
    title: str
    person: str
    """Login of who set the label."""
    sentence: str
    active: bool
    started_at: float | None
    ended_at: float | None
    usd: float
    models: tuple[tuple[str, float | None], ...]
    """Those that were used, with their cost."""
    kind: str
    """Of a follow-up: what it is about; empty: the run of a ticket."""
    follows: str
    """The run that opened the pull request, for a follow-up; else empty."""
    is_dry_run: bool

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
        return self._read(_FRESH_SECONDS)

    def find(self, run_id: str) -> RunEntry | None:
        """Give one run; one that has only just begun is there as well."""
        self._read(_FRESH_SECONDS)
        if run_id not in self._entries:
            self._read(0.0)
        return self._entries.get(run_id)

    def _read(self, fresh_seconds: float) -> tuple[RunEntry, ...]:
        with self._lock:
            if time.monotonic() - self._read_at > fresh_seconds:
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


def make_entry(stored: StoredRun) -> RunEntry:
    run, outcome, snapshot = stored.run, stored.outcome, stored.run.snapshot
    summary = statistics.summarize_run(stored)
    return RunEntry(
        **{field.name: getattr(summary, field.name) for field in fields(summary)},
        run_id=run.run_id,
        repository_id=snapshot.issue.repository_id if snapshot else 0,
        number=snapshot.issue.number if snapshot else 0,
        title="Deleted ticket" if stored.purged_at else snapshot.title if snapshot else run.ticket,
        person=snapshot.actor if snapshot else "",
        sentence=outcome.sentence if outcome else "",
        active=stored.active,
        started_at=stored.started_at,
        ended_at=stored.ended_at,
        usd=(outcome.figures.total_usage.usd or 0.0) if outcome else 0.0,
        models=_sum_models(outcome.figures.models) if outcome else (),
        kind=run.follow_up.kind if run.follow_up else "",
        follows=run.follow_up.of if run.follow_up else "",
        is_dry_run=run.dry_run,
    )


def _sum_models(uses: Iterable[ModelUse]) -> tuple[tuple[str, float | None], ...]:
    several = tuple(uses)
    return tuple(
        (name, ModelTotal.from_uses(use for use in several if use.model == name).usd)
        for name in dict.fromkeys(use.model for use in several)
    )


def summarize_runs(
    entries: Iterable[RunEntry], is_wanted: Callable[[RunEntry], bool] = lambda entry: True
) -> list[RunSummary]:
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
    return replace(first, used=ModelTotal.from_uses(used) if used else None, rounds=len(following))
