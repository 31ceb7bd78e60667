"""The kills, in order: every step at every moment, at every write, then whenever it hits."""

import itertools
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import TypeVar

from agent.telemetry import run_events
from tests.chaos import effects, judge
from tests.chaos.effects import Effects
from tests.chaos.ground import Ground, Stuck, Workers
from tests.chaos.points import AROUND, Point, When
from tests.chaos.tickets import Ticket, Tickets
from tests.faulty_github import Asked

_END_SECONDS = 300.0
_LOOK_SECONDS = 0.02
_LONGEST_SECONDS = 6.0
_CLEAN_SECONDS = 30.0
_TOLD_TICKETS = 100
#: So many are waiting or under way at a time while kills are at random.
ALIVE = 5
#: A run refuses to begin a step that has taken ten workers with it, which is not what is tried.
_MOST_LOST = 7
_WRITE = re.compile(r"/api/v3/repos/[^/]+/[^/]+/(.+)|/[^/]+/[^/]+/(git-receive-pack)")
#: What creates something, as `_write` names it.
_CREATES = re.compile(r"POST (issues/N/(comments|reactions)|pulls|check-runs|git-receive-pack)")
_WORKING = b'"event": "working"'

Say = Callable[[str], None]
PlaceT = TypeVar("PlaceT")


class Campaign:
    #: Bounds of the times between strikes, in starts of a worker: meanwhile, soon after, and later.
    _gaps: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.8, 3.0), (2.0, 8.0))
    #: Exit codes of a worker that ended by itself.
    _ends: tuple[int, ...] = ()

    def __init__(self, ground: Ground, tickets: Tickets, seed: int, say: Say) -> None:
        """Set up a campaign that has killed no worker yet.

        Args:
            seed: What chance does follows from it.
        """
        self.ground = ground
        self.tickets = tickets
        self._chance = Random(seed)
        self._say = say
        self._strikes: tuple[tuple[int, str, Callable[[], object]], ...] = (
            (1, "a worker is killed", self._kill),
        )
        """By name, and how often of all."""
        self.expected: dict[str, Effects] = {}
        """What a ticket of each kind comes to without kills."""
        self.steps: dict[str, list[str]] = {}
        """The recorded steps of each kind."""
        self.writes: dict[str, list[str]] = {}
        """What each kind writes to GitHub, in order."""
        self.kills: Counter[str] = Counter()
        """By point."""
        self.missed: list[str] = []
        """Points of the list that no worker came to."""

    def undisturbed(self, kinds: tuple[str, ...]) -> None:
        ground = self.ground
        self._start_measured()  # Tables are there then.
        for kind in kinds:
            since = ground.world.requests.next_number()
            ticket = self.tickets.label(kind)
            self._await_end(ticket)
            time.sleep(0.2)  # a request is noted when it is over
            writes = (
                _write(request, ticket) for request in ground.world.requests.find(since=since)
            )
            self.writes[kind] = list(dict.fromkeys(name for name in writes if name))
            events = self._events(self._rows(ticket)[0][0])
            self.steps[kind] = [event["step"] for event in events if event["event"] == "started"]
            self.expected[kind] = effects.of(ground, ticket)
            self._say(f"undisturbed {kind}: {', '.join(self.expected[kind]['run'])}")
        self._stop()

    def one(self, kind: str, strike: Point | None = None) -> Ticket:
        ticket = self.tickets.label(kind)
        if strike is not None:
            self.ground.workers.start(strike)
            self._met(ticket, str(strike.when), f"{kind}: {strike.step}, {strike.when}")
        self.finish(ticket)
        return ticket

    def list_points(self, kind: str, moments: Sequence[When] = AROUND) -> list[Point]:
        """List the moments around every recorded step of a kind, in order."""
        return [Point(*pair) for pair in itertools.product(self.steps[kind], moments)]

    def choose(self, places: Sequence[PlaceT], number: int) -> list[PlaceT]:
        """Choose so many of some places by chance, in their order; all, where there are fewer."""
        chosen = self._chance.sample(range(len(places)), min(number, len(places)))
        return [places[index] for index in sorted(chosen)]

    def at_points(
        self, kind: str, points: Sequence[Point], after_kill: Callable[[], object] = lambda: None
    ) -> None:
        """Kill at some points of one ticket, in their order."""
        ticket = self.tickets.label(kind)
        for point in points:
            self.ground.workers.start(point)
            self._met(ticket, str(point.when), f"{kind}: {point.step}, {point.when}")
            after_kill()
        self.finish(ticket)

    def at_writes(self, kind: str, names: Sequence[str]) -> None:
        """Kill at the moment that GitHub has done what one ticket asks for, before it says so.

        Which other writes there are is a matter of time; what creates something is in every run.
        """
        ticket = self.tickets.label(kind)
        left = set(names)
        while left and not self._ended(ticket):
            with self._dies_at(ticket, left):
                self.ground.workers.start()
                self._met(ticket, "while GitHub answers", None)
        self.missed += [f"{kind}: {name}" for name in sorted(left) if _CREATES.fullmatch(name)]
        if not self._ended(ticket):
            self.finish(ticket)

    def _met(self, ticket: Ticket, point: str, missed: str | None) -> None:
        """Wait for the worker to die at its point.

        Args:
            missed: What is missed if the run ends before; None: nothing.
        """
        workers = self.ground.workers
        end = time.monotonic() + _END_SECONDS
        while (code := workers.over(_LOOK_SECONDS)) is None:
            if self._ended(ticket):
                # The point may be what is done after the end of a run.
                code = workers.over(1.0)
                break
            if time.monotonic() > end:
                raise Stuck(f"{ticket.name} does not come to: {missed or point}")
        if code == -signal.SIGKILL:
            self.kills[point] += 1
            return
        if code is not None:
            raise Stuck(f"a worker ended by itself, with {code}; see {workers.log}")
        if missed is not None:
            self.missed.append(missed)
        workers.kill()

    def finish(self, ticket: Ticket) -> None:
        self._await_end(ticket)
        # What GitHub says of the run's own pull request is decided on after the run.
        self._until(lambda: not self.ground.unread(), f"{ticket.name}: every decision")
        self._stop()
        self._say(f"{ticket.name}: {sum(self.kills.values())} kills so far")

    @contextmanager
    def _dies_at(self, ticket: Ticket, names: set[str]) -> Iterator[None]:
        """Kill the worker when GitHub has done one of these writes of the ticket.

        Args:
            names: The one that it was is taken out.
        """
        log, workers = self.ground.world.requests, self.ground.workers
        plain, struck = log.add, False

        def add(request: Asked) -> None:
            nonlocal struck
            plain(request)
            name = _write(request, ticket)
            if not struck and workers.pid and name in names:
                struck = True
                names.discard(name)
                self._strike()

        log.add = add  # type: ignore[method-assign]
        try:
            yield
        finally:
            del log.add

    def _strike(self) -> None:
        pid = self.ground.workers.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def at_random(self, kills: int, tickets: int) -> None:
        """Run strikes at random times while tickets come in; more tickets, if there is too little to do.

        Args:
            kills: So many.
            tickets: At least so many.
        """
        mix, start_seconds = self.tickets.mixed(self.expected), self._start_measured()
        done = opened = 0
        while done < kills or opened < tickets:
            self._start()
            while self._alive() < ALIVE:
                self.tickets.label(next(mix))
                opened += 1
                if opened % _TOLD_TICKETS == 0:
                    self._say(f"{opened} tickets; memory of the workers: {self._weigh()} MB")
            if done == kills:
                time.sleep(_LOOK_SECONDS)
                continue
            delay = self._chance.uniform(*self._chance.choice(self._gaps)) * start_seconds
            time.sleep(min(delay, _LONGEST_SECONDS))
            self._until(self._is_bearable, "a step that is done")
            weights = [weight for weight, _, _ in self._strikes]
            ((_, name, strike),) = self._chance.choices(self._strikes, weights)
            strike()
            done += 1
            self.kills[name] += 1
            if done % 20 == 0:
                self._say(f"{done} of {kills} strikes at random, {opened} tickets")
        self._until(lambda: self._alive() == 0, "the end of the runs")
        # Each worker removes when it starts what killed ones have left.
        end = time.monotonic() + _CLEAN_SECONDS
        self._until(
            lambda: not judge.find_left(self.ground) or time.monotonic() > end, "the clean-up"
        )
        self._stop()

    def _start_measured(self) -> float:
        """Start all; return the seconds that one takes until it works, on this machine now."""
        log, number = self.ground.workers.log, len(self._crew)
        before, begun = log.read_bytes().count(_WORKING), time.monotonic()
        self._start()
        self._until(lambda: log.read_bytes().count(_WORKING) >= before + number, "a worker")
        return (time.monotonic() - begun) / number

    def _kill(self) -> None:
        workers = self._chance.choice(self._crew)
        while workers.pid is None or workers.kill() != -signal.SIGKILL:
            self._start()  # It had ended by itself.

    def _is_bearable(self) -> bool:
        """Return whether no step was lost too often already."""
        sizes = [0]
        for (run_id,) in self.ground.rows("SELECT run_id FROM runs WHERE active"):
            lost: Counter[str] = Counter()
            for event in self._events(run_id):
                if event["event"] == "started":
                    lost[event["step"]] += 1
                elif event["event"] in ("done", "failed"):
                    lost[event["step"]] = 0
            sizes += lost.values()
        return max(sizes) < _MOST_LOST

    def _alive(self) -> int:
        ((active,),) = self.ground.rows("SELECT count(*) FROM runs WHERE active") or [(0,)]
        queued = not self.ground.world.hooks.drain(20)
        return int(str(active)) + self.ground.unread() + queued

    def _rows(self, ticket: Ticket) -> list[tuple[object, ...]]:
        return self.ground.rows(
            "SELECT run_id, active FROM runs WHERE repository_id = ? AND number = ?",
            ticket.repository.id,
            ticket.issue.number,
        )

    def _events(self, run_id: object) -> list[dict[str, str]]:
        path = self.ground.find_folder(str(run_id)) / run_events.FILE_NAME
        left = []
        for line in path.read_bytes().splitlines() if path.exists() else ():
            with suppress(ValueError):  # the last one may be half written
                left.append(json.loads(line))
        return left

    def _ended(self, ticket: Ticket) -> bool:
        rows = self._rows(ticket)
        return bool(rows) and not any(active for _, active in rows)

    def _await_end(self, ticket: Ticket) -> None:
        self._until(lambda: self._ended(ticket), ticket.name)

    def _until(self, true: Callable[[], bool], purpose: str) -> None:
        end = time.monotonic() + _END_SECONDS
        while not true():
            self._start()
            time.sleep(_LOOK_SECONDS)
            if time.monotonic() > end:
                raise Stuck(f"{purpose} does not come")

    def _weigh(self) -> list[int]:
        """Measure the resident memory of each worker, in MB."""
        pids = (workers.pid for workers in self._crew if workers.pid is not None)
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
        return [number * os.sysconf("SC_PAGE_SIZE") // 1_000_000 for number in pages]

    # --- workers ---------------------------------------------------------------------------------

    @property
    def _crew(self) -> tuple[Workers, ...]:
        return self.ground.crew or (self.ground.workers,)

    def _start(self) -> None:
        """Start those that are not there, as a supervisor does."""
        for workers in self._crew:
            if workers.pid is not None and (code := workers.over(0.0)) not in (None, *self._ends):
                raise Stuck(f"a worker ended by itself, with {code}; see {workers.log}")
            if workers.pid is None:
                workers.start()

    def _stop(self) -> None:
        for workers in self._crew:
            code = workers.stop() if workers.pid is not None else 0
            # One that has only begun to start knows no better than to die of it.
            if code not in (0, -signal.SIGTERM, *self._ends):
                raise Stuck(f"a worker that was asked to end did so with {code}")


def _write(request: Asked, ticket: Ticket) -> str | None:
    """Name what a request of a ticket's repository has changed; None: it has changed nothing."""
    if request.method == "GET" or f"/{ticket.repository.full_name}" not in request.path:
        return None
    match = _WRITE.fullmatch(request.path.replace(".git/", "/"))
    if match is None or request.status >= 300:
        return None
    call = re.sub(r"\b\d+\b", "N", match[1] or match[2])
    return f"{request.method} {call}"
