"""Store, engine and dispatcher on one folder, as a worker has them."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.errors import CodeHostUnavailable, StorageFull, StoreUnavailable
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run, RunState
from agent.service.dispatch import Dispatcher, SegmentRunner
from agent.settings import Settings
from agent.store.engine import Engine
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import RunRow


def done(stored: RunRow, *_: object) -> Outcome:
    return Outcome(
        run_id=stored.run.run_id, state=RunState.OPEN, reason=Reason.READY, sentence="Done."
    )


class Service:
    """What was told of ends is kept; the code host is `away` for so many times."""

    def __init__(
        self,
        home: Path,
        carry: Callable[..., Outcome] = done,
        most: int = 2,
        per_day: int = 100,
    ) -> None:
        self.store = SqlRunStore(home)
        self.told: list[tuple[str, Reason]] = []
        self.away = 0
        self.runner = SegmentRunner(self.store, carry)
        self.engine = Engine(home, self.runner)
        self.dispatcher = Dispatcher(
            self.store,
            self.engine,
            self.runner,
            settings=Settings(
                home=home, max_runs=most, runs_per_day=per_day, runs_per_repository=1
            ),
            deliver=self._deliver,
        )
        self.engine.launch()

    def _deliver(self, run: Run, outcome: Outcome) -> Outcome:
        if self.away:
            self.away -= 1
            raise CodeHostUnavailable("away")
        self.told.append((run.run_id, outcome.reason))
        return outcome

    def until(self, wanted: Callable[[], bool], seconds: float = 60.0) -> None:
        """Take turns as the service's loop does: one that fails is followed by the next."""
        end = time.monotonic() + seconds
        while True:
            with suppress(StoreUnavailable, StorageFull):
                if wanted():
                    return
                self.dispatcher.run_once()
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.02)

    def over(self, run_id: str = "r1") -> bool:
        return not self.store.get_run(run_id).active

    def close(self) -> None:
        self.engine.drain(5)
        self.engine.close()
        self.store.close()


@pytest.fixture
def services() -> Iterator[Callable[..., Service]]:
    """Make services, one after the other."""
    made: list[Service] = []

    def make(home: Path, *given: object, **named: object) -> Service:
        for one in made:
            one.close()
        made[:] = [Service(home, *given, **named)]  # type: ignore[arg-type]
        return made[0]

    yield make
    for one in made:
        one.close()
