"""Delete stored texts and names of runs that are over. A part of the store.

A run keeps its id, times, outcome and cost, so statistics, budgets and the signature of its log
stay valid.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Text, cast, delete, func, or_
from sqlmodel import col, select

from agent.models.outcome import Outcome
from agent.models.record import replace
from agent.models.run import Run, RunState
from agent.store.database import Database
from agent.store.purge_scope import PurgeScope
from agent.store.sql_tables import GuidanceRow, PauseRow, RunRow

_TEXTS = [
    cast(column, Text)
    for column in (RunRow.run, RunRow.outcome, RunRow.stop_request, RunRow.follow_up_requests)
]
#: Number of rows whose texts are read at a time.
_AT_ONCE = 200


class PurgedRun(NamedTuple):
    run_id: str
    segment: int
    address: str
    issue: str
    """`owner/name#number`; empty: a ticket file."""


class SqlPurges:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find_runs(self, scope: PurgeScope) -> tuple[list[PurgedRun], int]:
        """Find the runs to purge; return also the number of active ones, which stay."""
        pattern = scope.pattern if scope.person else None
        columns = (RunRow.run_id, RunRow.segment, RunRow.active, RunRow.repository, RunRow.number)
        runs, active = [], 0
        with self._database.read() as session:
            authored = select(GuidanceRow.run_id).where(_is_by(scope.person))
            spoken = frozenset(session.exec(authored)) if scope.person else frozenset()
            rows = session.execute(
                select(*columns, *_TEXTS).where(  # type: ignore[call-overload]
                    _select_scope(scope), col(RunRow.purged_at).is_(None)
                ),
                execution_options={"yield_per": _AT_ONCE},
            )
            for run_id, segment, is_active, repository, number, *words in rows:
                if (
                    pattern
                    and run_id not in spoken
                    and not any(map(pattern.search, filter(None, words)))
                ):
                    continue
                if is_active:
                    active += 1
                    continue
                run = Run.model_validate_json(words[0])
                issue = f"{repository}#{number}" if run.snapshot else ""
                runs.append(PurgedRun(run_id, segment, run.repository, issue))
        return runs, active

    def blank_run(self, run_id: str, now: float, *, has_repository: bool) -> None:
        """Delete the texts and names of a run that is over.

        Args:
            has_repository: Whether the name of its repository stays.
        """
        with self._database.write() as session:
            row = session.get(RunRow, run_id)
            if row is None or row.active:
                return
            row.run = _blank_run(row.run, has_repository=has_repository)
            if row.outcome:
                row.outcome = _blank_outcome(row.outcome, has_repository=has_repository)
            row.repository = row.repository if has_repository else ""
            row.title, row.purged_at = "", now
            row.stop_request = row.waits_for = row.plan_asked = row.follow_up_requests = None
            # Without its pull request and commit, the run gets no follow-up.
            row.pull = row.head = None
            session.execute(delete(GuidanceRow).where(col(GuidanceRow.run_id) == run_id))

    def blank_pauses(self, scope: PurgeScope) -> None:
        with self._database.write() as session:
            for row in session.exec(select(PauseRow)):
                if scope.person and row.by.lower() == scope.person.lower():
                    row.by = "a person"
                elif scope.repository and row.repository.lower() == scope.repository.lower():
                    row.words = ""

    def list_known(self) -> dict[str, float | None]:
        """Map the id of each run to the time at which it was purged; None: it was not."""
        with self._database.read() as session:
            return dict(session.execute(select(RunRow.run_id, RunRow.purged_at)).all())


def _select_scope(scope: PurgeScope) -> ColumnElement[bool]:
    if scope.repository:
        return func.lower(RunRow.repository) == scope.repository.lower()
    if scope.person:
        login = scope.person.lower()
        named = (func.lower(words).contains(login, autoescape=True) for words in _TEXTS)
        spoken = select(GuidanceRow.run_id).where(_is_by(scope.person))
        return or_(*named, col(RunRow.run_id).in_(spoken))
    return (
        col(RunRow.active).is_(False)
        & (col(RunRow.ended_at) < scope.before)
        & (col(RunRow.state) != RunState.OPEN)
    )


def _is_by(person: str) -> ColumnElement[bool]:
    return func.lower(GuidanceRow.by) == person.lower()


def _blank_run(run: Run, *, has_repository: bool) -> Run:
    snapshot, about = run.snapshot, run.follow_up
    stays = has_repository and snapshot is not None
    if snapshot is not None:
        issue = snapshot.issue if stays else replace(snapshot.issue, repository="")
        snapshot = replace(
            snapshot,
            issue=issue,
            url="",
            title="",
            body="",
            author="",
            actor="",
            actor_id=0,
            labels=(),
            by_label=False,  # then nothing is posted on the issue any more
        )
    return replace(
        run,
        repository=run.repository if stays else "",
        ticket=run.ticket if stays else "",
        snapshot=snapshot,
        follow_up=replace(about, by="") if about else None,
        config_text=None,
        config_name=None,
        base=None,
    )


def _blank_outcome(outcome: Outcome, *, has_repository: bool) -> Outcome:
    pull = replace(outcome.pull_request, notes=()) if outcome.pull_request else None
    return Outcome(
        run_id=outcome.run_id,
        state=outcome.state,
        reason=outcome.reason,
        sentence="",
        commit=outcome.commit,
        pull_request=pull if has_repository else None,
        figures=outcome.figures,
    )
