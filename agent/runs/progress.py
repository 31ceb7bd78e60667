"""Report the progress of a run, which people follow on the issue and the dashboard.

A watcher of steps (`agent.steps.Watcher`): it folds the many steps into six stages, hands these to
the code host, and notes the run's state in the store.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import structlog

from agent.desk import Desk
from agent.errors import AgentError
from agent.models.clock import read_clock
from agent.models.model_use import ModelTotal
from agent.models.run import RunState
from agent.models.run_facts import Progress, StageMark
from agent.models.step import AnyStep, Stage, Step
from agent.publishing import status
from agent.store.sql_tables import RunRow

_log = structlog.get_logger()

_STAGES = tuple(Stage)
#: Stages with other titles in a follow-up.
_OF_FOLLOW_UP = {Stage.READ: "Read the pull request", Stage.PUBLISH: "Publish and answer"}
#: Shorter waits are not shown.
_SHORTEST_WAIT_SECONDS = 60.0


class RunProgress:
    def __init__(
        self, stored: RunRow, desk: Desk, note_state: Callable[[str, RunState], None]
    ) -> None:
        self._run, self._state, self._again = stored.run, stored.state, stored.retries
        self._desk, self._note_state = desk, note_state
        self._at = -1
        """Number of the current stage; for steps of an earlier process only `ended` is called."""
        self._stage_begun: float | None = None
        """When the current stage began in this process."""
        self._seconds = 0.0
        self._met: set[int] = set()
        """Stages with a step that has started or is recorded."""

    def started(self, step: AnyStep) -> None:
        """Mark the step's stage as running, and all before it as done."""
        self._change_state(step.step.state)
        if step.step is Step.APPROVAL:
            return  # the status comment shows the plan meanwhile
        stage = self._at if step.step.stage is None else _STAGES.index(step.step.stage)
        # After a kill the stage has to be shown again, even if the next step begins no stage.
        if stage > self._at or (stage >= 0 and self._stage_begun is None):
            self._at, self._stage_begun = stage, read_clock()
        self._met.add(stage)
        self._update_status()

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None:
        """Count the step's time; only the text of the run's end shows that a step failed."""
        self._seconds += seconds
        if step.step.stage is not None:
            stage = _STAGES.index(step.step.stage)
            self._met.add(stage)
            self._at = max(self._at, stage)

    def show_wait(self, until: float, why: str, *, for_operator: bool = False) -> None:
        """Show that the stage is retried at a time, in seconds since the epoch.

        `for_operator`: it fails until the operator acts, so even a short wait is shown.
        """
        if self._at >= 0 and (for_operator or until - read_clock() >= _SHORTEST_WAIT_SECONDS):
            moment = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M UTC")
            detail = f"retry at {moment}. {self._desk.redactor(why)}"
            self._update_status(detail, "operator" if for_operator else "time")

    def _change_state(self, state: RunState | None) -> None:
        """Note the state that a step belongs to; if that fails, the run continues."""
        # A follow-up is in one state from its beginning to its end.
        if state in (None, self._state) or self._state is RunState.FOLLOWING_UP:
            return
        self._state = state
        try:
            self._note_state(self._run.run_id, state)
        except AgentError as problem:
            _log.warning("progress not stored", run=self._run.run_id, problem=problem.message)

    def _update_status(
        self, detail: str = "", waits_for: Literal["", "time", "operator"] = ""
    ) -> None:
        facts, budget = self._desk.facts, self._desk.budget
        config = facts.contract.config if facts.contract else None
        used = ModelTotal.from_uses(facts.account.uses)
        progress = Progress(
            stages=self._mark_stages(detail),
            plan=self._desk.redactor.redact_record(facts.plan) if facts.plan else None,
            seconds=self._seconds,
            most_minutes=budget.find_minutes(config, facts.suite_seconds) if config else None,
            replies=used.calls,
            usd=used.usd,
            most_usd=budget.find_usd(config) if config else None,
            again=self._again,
            waits_for=waits_for,
        )
        is_news = progress.stages != facts.progress.stages
        facts.progress = progress
        text = status.render_working(self._run, progress, self._desk.page(self._run))
        self._desk.code_host.update_status(
            self._run, text, is_news=is_news, is_last=bool(waits_for)
        )

    def _mark_stages(self, detail: str) -> tuple[StageMark, ...]:
        words = _OF_FOLLOW_UP if self._run.follow_up else {}
        marks = []
        for number, stage in enumerate(_STAGES):
            name = words.get(stage, stage.value)
            if number > self._at:
                marks.append(StageMark(stage=name, state="waiting"))
            elif number == self._at:
                begun = self._stage_begun
                marks.append(StageMark(stage=name, state="running", detail=detail, begun=begun))
            elif not self._run.follow_up or number in self._met:
                # A follow-up may have skipped this stage: one that edits nothing checks nothing.
                marks.append(StageMark(stage=name, state="done"))
        return tuple(marks)
