"""Fakes for the ports, shipped so that whole runs can be tried without rooms or network."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from agent.domain import Outcome, Run, Ticket
from agent.ports import Measure, RoomOrder, RoomResult

T = TypeVar("T")


class FakeForge:
    """Holds one ticket; keeps what was delivered."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self.delivered: list[Outcome] = []

    def ticket(self, run: Run) -> Ticket:
        """Return the one ticket."""
        return self._ticket

    def deliver(self, run: Run, outcome: Outcome) -> Outcome:
        """Keep the outcome."""
        self.delivered.append(outcome)
        return outcome


class FakeSandbox:
    """Answers every order by a function; keeps the orders."""

    def __init__(self, answer: Callable[[RoomOrder], RoomResult]) -> None:
        self._answer = answer
        self.orders: list[RoomOrder] = []

    def run(self, order: RoomOrder, cancelled: Event | None = None) -> RoomResult:
        """Answer without a room."""
        self.orders.append(order)
        return self._answer(order)

    def measure(self) -> tuple[Measure, ...]:
        """Claim nothing: a fake enforces no limit."""
        return ()


def direct_step(name: str, work: Callable[..., T], /, *args: object) -> T:
    """Do the work, without a record."""
    return work(*args)
