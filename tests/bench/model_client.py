"""`python -m tests.bench.model_client FOLDER ROUNDS`: our side of the model's bench.

The real conversation in which a model edits, with its events, limits and sandboxes; each round has
a run of its own.
"""

import dataclasses
import sys
import time
from functools import partial
from pathlib import Path

from agent import settings, wiring
from agent.editing import attempts
from agent.models.checks import CheckReport
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.models.run import Remember, Run, make_run_id
from agent.models.ticket import Ticket
from agent.stages import checkout, environment
from agent.steps import Steps
from agent.store.engine import Engine, EngineStatus, Segment
from agent.telemetry.run_events import RunEvents
from agent.telemetry.run_log import RunLog, configure_logging
from tests.bench import model
from tests.bench.timing import BareFailed, wait_for
from tests.integration import git_samples
from tests.run_contexts import make_run_context

_TICKET = Ticket(
    ticket_id="1", title="Pages begin one too late", body=model.TICKET, digest="d" * 64
)


class _Side:
    def __init__(self, folder: Path) -> None:
        self._settings = settings.load_settings()
        # The models are made with each conversation, as a run makes them.
        bare = replace(self._settings, model=())
        self._services = wiring.make_local_desk(bare, lambda line: None)
        self._prepared = self._prepare(folder / "repository")

    def _prepare(self, repository: Path) -> Prepared:
        if not repository.exists():
            git_samples.make(repository, dict(model.files()))
        run_id, desk = "20261120-000000-prepared", self._services
        run = Run(run_id=run_id, repository=str(repository), ticket="1", started=0)
        base = checkout.prepare_checkout(run, desk)
        contract = checkout.read_contract(run, base, desk)
        built = environment.build_environment(run, base, contract, desk)
        return Prepared(run=run, checkout=base, contract=contract, environment=built)

    def talk(self, remember: Remember) -> str:
        """Fix the bug once."""
        run = replace(self._prepared.run, run_id=make_run_id(int(time.monotonic())))
        prepared = replace(self._prepared, run=run)
        folder = self._settings.home / "runs" / run.run_id
        folder.mkdir(parents=True)
        events = RunEvents(folder / "events.jsonl")
        desk = dataclasses.replace(
            self._services, models=wiring.make_models(self._settings), events=events
        )
        log = RunLog(folder / "run.log", desk.redactor)
        step = Steps(events, log, (), desk.facts, desk.budget, remember)
        commit = prepared.checkout.commit
        baseline = CheckReport(side="base", commit=commit, results=())
        run_context = make_run_context(_TICKET, prepared, baseline, step, desk)
        with run_context.close_at_end():
            attempt = attempts.begin_attempt(run_context)
            attempt.begin_edits("")
            draft = attempt.next_draft()
        events.close()
        if draft.change.paths != ("paginator.py",):
            raise BareFailed(f"the change is not as it was asked for: {draft}")
        return ""


def _talk_durably(side: _Side, home: Path, rounds: int) -> None:
    engine = Engine(home, lambda _, remember: side.talk(remember))
    engine.launch()
    try:
        for _ in range(rounds):
            # No process before has had one of this name.
            segment = Segment(run_id=make_run_id(int(time.time())))
            engine.begin(segment)
            # Each look asks the database in the process that is measured.
            find = partial(_find_end, engine, segment)
            wait_for(find, "the end of a conversation", look=0.25)
    finally:
        engine.close()


def _find_end(engine: Engine, segment: Segment) -> bool | None:
    status, words = engine.read_status(segment)
    if status is EngineStatus.BROKEN:
        raise BareFailed(f"the engine lost its run: {words}")
    return True if status is EngineStatus.ENDED else None


def main() -> None:
    configure_logging(verbose=False)
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    _talk_durably(_Side(folder), folder / "engine", rounds)


if __name__ == "__main__":
    main()
