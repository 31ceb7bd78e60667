"""The rules over a ticket's words, in their order, and what is said where one declines."""

from __future__ import annotations

from agent.domain import Ticket
from agent.errors import ForPeople, SeveralTickets, TicketUnclear, TooLarge
from agent.triage import clarity, people, several, size


def hold(ticket: Ticket) -> tuple[str, ...]:
    """Hold a ticket against the rules; say what each made of it.

    Raises:
        TicketUnclear: It says nothing.
        SeveralTickets: It is several in one.
        TooLarge: It asks for another architecture.
        ForPeople: It touches what is left to people.
    """
    if missing := clarity.missing(ticket):
        raise TicketUnclear(missing)
    if found := several.found(ticket):
        listed = "\n".join(f"- {title}" for title in found.titles)
        raise SeveralTickets(
            f"A run carries out one ticket, and this one holds several: {found.because}. What would"
            f" make it fit: one ticket for each of these:\n{listed}"
        )
    if large := size.found(ticket):
        raise TooLarge(
            f"This is {large.what} (“{large.words}”), which is more than one change can carry and"
            f" one review can see. What would make it fit: a first small ticket. {large.first}."
        )
    if domain := people.found(ticket):
        raise ForPeople(domain.told)
    return (
        "clarity: it has words of its own",
        "scope: one ticket, and no other architecture",
        "domains: none that is left to people",
    )
