"""Several workers on one PostgreSQL: killed, stopped beyond their lease, and cut off, as it too.

All run on this machine, each with a data folder of its own under the name that all have.
"""

import os
import signal
import time
from contextlib import suppress

from agent.store.sql_leases import EXIT_FENCED
from tests.chaos.campaign import Campaign, Say
from tests.chaos.ground import Ground, Stuck, Workers
from tests.chaos.tickets import Ticket, Tickets
from tests.faulty_github import Asked
from tests.postgresql import Server

#: A fifth of what is usual.
LEASE_SECONDS = 6.0
_BEYOND = 1.5
_END_SECONDS = 30.0


class FleetCampaign(Campaign):
    _gaps = ((0.0, 2.0),)
    #: Of one that has lost its lease, or finds no database when it starts.
    _ends = (EXIT_FENCED, 1)

    def __init__(self, ground: Ground, tickets: Tickets, seed: int, say: Say) -> None:
        super().__init__(ground, tickets, seed, say)
        assert ground.server is not None
        self._server: Server = ground.server
        self._strikes = (
            (67, "a worker is killed", self._kill),
            (8, "a worker stands still for longer than its lease", self._stop_for_long),
            (12, "PostgreSQL is killed", self._kill_server),
            (13, "connections are cut", self._server.cut_connections),
        )

    def at_every_look(self, kind: str, rounds: int) -> None:
        """Stop a worker between its look for a comment and its write; let it go on when too late.

        Another worker has written by then, so that a write of the first would be the second.
        """
        for _ in range(rounds):
            self._start()
            ticket = self.tickets.label(kind)
            stopped = self._stop_at_look(ticket)
            # Soon, since a request that has waited for 20 s is sent again, and looks again.
            self._until(lambda: bool(ticket.issue.comments), ticket.name)  # noqa: B023
            for workers in stopped:
                self._let_go_on(workers)
            self._until(lambda: self._ended(ticket), ticket.name)  # noqa: B023 called at once
            self.kills["a worker stands still before it writes"] += len(stopped)
            if not stopped:
                self.missed.append(f"{kind}: a look before a comment")
        self._stop()

    def _stop_at_look(self, ticket: Ticket) -> list[Workers]:
        log, stopped = self.ground.world.requests, list[Workers]()
        plain, wanted = log.add, f"/issues/{ticket.issue.number}/comments"

        def add(request: Asked) -> None:
            plain(request)
            # It looks for its comment, to make it where there is none.
            looks = (
                not ticket.issue.comments
                and request.method == "GET"
                and request.path.endswith(wanted)
            )
            ours = f"/{ticket.repository.full_name}/" in request.path
            if looks and ours and not stopped and (workers := self._find_carrier(ticket)):
                stopped.append(workers)
                _signal(workers, signal.SIGSTOP)

        log.add = add  # type: ignore[method-assign]
        try:
            self._until(lambda: bool(stopped) or self._ended(ticket), ticket.name)
        finally:
            del log.add
        return stopped

    def _find_carrier(self, ticket: Ticket) -> Workers | None:
        """Find the worker that has the run of a ticket."""
        rows = self.ground.rows(
            "SELECT process FROM worker_lease JOIN runs ON worker = 'worker ' || worker_lease.number"
            " WHERE active AND repository_id = ? AND runs.number = ?",
            ticket.repository.id,
            ticket.issue.number,
        )
        pids = {int(str(process).split()[1]) for (process,) in rows}
        return next((workers for workers in self.ground.crew if workers.pid in pids), None)

    # --- strikes ---------------------------------------------------------------------------------

    def _stop_for_long(self) -> None:
        workers = self._chance.choice(self.ground.crew)
        _signal(workers, signal.SIGSTOP)
        leases = self.ground.rows("SELECT process FROM worker_lease")
        has_lease = str(workers.pid) in {str(process).split()[1] for (process,) in leases}
        time.sleep(LEASE_SECONDS * _BEYOND)
        if has_lease:
            self._let_go_on(workers)
        else:  # It was only starting, and has nothing to lose.
            _signal(workers, signal.SIGCONT)

    def _let_go_on(self, workers: Workers) -> None:
        _signal(workers, signal.SIGCONT)
        if workers.pid is not None and (code := workers.over(_END_SECONDS)) not in self._ends:
            raise Stuck(f"a worker that has lost its lease ended with {code}; see {workers.log}")

    def _kill_server(self) -> None:
        self._server.stop("immediate")
        # Sometimes for longer than workers bear it.
        time.sleep(self._chance.choice((0.2, 1.0, LEASE_SECONDS)))
        self._server.start()


def _signal(workers: Workers, number: signal.Signals) -> None:
    if workers.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(workers.pid, number)
