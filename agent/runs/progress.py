"""Report how far a run is, as people follow it on the issue and the dashboard.

Two watchers of steps (`agent.steps.Watcher`): one folds the many steps into six stages and hands
them to the code host when one of them changes; the other notes the state.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from agent.errors import AgentError
from agent.llm.budget import Budget
from agent.models.change import Plan
from agent.models.clock import read_clock
from agent.models.code_host import CodeHost, Progress, StageMark
from agent.models.model_use import ModelTotal
from agent.models.run import Run, RunState
from agent.models.run_facts import RunFacts
from agent.models.step import AnyStep, Stage, Step
from agent.text.redaction import Redactor

_log = structlog.get_logger()

_STAGES = tuple(Stage)
#: Stages of a follow-up that have other words.
_OF_FOLLOW_UP = {Stage.READ: "Read the pull request", Stage.PUBLISH: "Publish and answer"}
#: Nobody asks what becomes of a run that stands still for less than this.
_SHORTEST_WAIT_SECONDS = 60.0


def _find_place(step: AnyStep) -> int | None:
    stage = step.step.stage
    return _STAGES.index(stage) if stage else None


class RunProgress:
    """Keeps the status comment of one run up to date."""

    def __init__(
        self,
        run: Run,
        code_host: CodeHost,
        budget: Budget,
        redactor: Redactor,
        facts: RunFacts,
        *,
        again: int = 0,
    ) -> None:
        """Take the run and what bounds it.

        Args:
            redactor: Cleans what others have said: the plan, and the reasons to wait.
            again: Times that it was over before, and somebody let it go on.
        """
        self._run = run
        self._code_host = code_host
        self._budget = budget
        self._redactor, self._facts = redactor, facts
        words = _OF_FOLLOW_UP if run.follow_up else {}
        self._names = [words.get(stage, stage.value) for stage in _STAGES]
        self._known = Progress(again=again)
        self._plan: Plan | None = None
        """Of the facts, as it was last cleaned for `_known`."""
        self._begun: float | None = None
        """When the stage under way began in this process."""
        self._at = -1
        self._met: set[int] = set()
        """Stages of which a step was begun or is on record."""

    def started(self, step: AnyStep) -> None:
        """Mark the step's stage as running, and all before it as done."""
        if step.step is Step.APPROVAL:
            return  # while it is waited for, its own words stand in the status comment
        found = _find_place(step)
        stage = self._at if found is None else found
        # After a kill the code host knows no stage yet, even if the next step begins none.
        if stage > self._at or (stage >= 0 and self._begun is None):
            self._at, self._begun = stage, read_clock()
        self._met.add(stage)
        self._known = self._known.model_copy(update={"at": read_clock()})
        self._code_host.update_status(self._run, self.progress())

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None:
        """Count the step's time; a failed one is told by the text that ends the run."""
        used = {"seconds": self._known.seconds + seconds, "at": None}
        self._known = self._known.model_copy(update=used)
        stage = _find_place(step)
        if stage is not None:
            self._met.add(stage)
            # What an earlier process did is only told as ended.
            self._at = max(self._at, stage)

    def show_wait(self, until: float, why: str) -> None:
        """Show that the stage under way is tried again later; a short wait is not told.

        Args:
            until: Seconds since the epoch.
        """
        if self._at < 0 or until - read_clock() < _SHORTEST_WAIT_SECONDS:
            return
        moment = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M UTC")
        marks = list(self.marks())
        told = {"detail": f"retry at {moment}. {self._redactor(why)}"}
        marks[self._at] = marks[self._at].model_copy(update=told)
        progress = self.progress().model_copy(update={"stages": tuple(marks)})
        self._code_host.update_status(self._run, progress)

    def progress(self) -> Progress:
        """Collect what is told of the run by now."""
        marks = self.marks()
        if self._run.follow_up:
            # A round that edits nothing checks nothing either.
            passed = set(range(self._at)) - self._met
            marks = tuple(mark for number, mark in enumerate(marks) if number not in passed)
        facts = self._tell_facts()
        return self._known.model_copy(update={"stages": marks, **facts})

    def _tell_facts(self) -> dict[str, object]:
        facts = self._facts
        if facts.plan is not self._plan:
            self._plan = facts.plan
            shown = {"plan": self._redactor.redact_record(facts.plan)}
            self._known = self._known.model_copy(update=shown)
        used = ModelTotal.from_uses(facts.account.uses)
        told: dict[str, object] = {"replies": used.calls, "usd": used.usd}
        if facts.contract is not None:
            config = facts.contract.config
            told["most_minutes"] = self._budget.find_minutes(config)
            told["most_usd"] = self._budget.find_usd(config)
        return told

    def marks(self) -> tuple[StageMark, ...]:
        return tuple(map(self._mark, range(len(self._names))))

    def _mark(self, number: int) -> StageMark:
        name = self._names[number]
        if number < self._at:
            return StageMark(stage=name, state="done")
        if number > self._at:
            return StageMark(stage=name, state="waiting")
        return StageMark(stage=name, state="running", begun=self._begun)


class StateFile:
    """Notes the state of a run that a worker has taken."""

    def __init__(self, run_id: str, state: RunState, note: Callable[[str, RunState], None]) -> None:
        """Take a run and where it stands.

        Args:
            note: Takes the run's id and its new state.
        """
        self._run_id = run_id
        self._note = note
        self._state = state

    def started(self, step: AnyStep) -> None:
        """Note the state that the step belongs to; that it cannot be noted ends no run."""
        state = step.step.state
        # A follow-up is in one state from its beginning to its end.
        if state in (None, self._state) or self._state is RunState.FOLLOWING_UP:
            return
        self._state = state
        try:
            self._note(self._run_id, state)
        except AgentError as problem:
            _log.warning("progress not stored", run=self._run_id, problem=problem.message)

    def ended(self, step: AnyStep, seconds: float, *, ok: bool) -> None:
        """Stay where it is until the next step begins."""
