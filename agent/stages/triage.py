"""Triage: who can carry this ticket out? Looks at the ticket alone."""

from __future__ import annotations

from agent.domain import Decision, Ticket
from agent.errors import NoRecipe, TicketUnclear
from agent.recipes import registry


def decide(ticket: Ticket) -> Decision:
    """Choose the recipe for a ticket; without a model there is only recipe or person.

    Raises:
        TicketUnclear: The ticket is empty, or several recipes fit it.
        NoRecipe: None fits.
    """
    if not ticket.title.strip() and not ticket.body.strip():
        hidden = f" ({', '.join(ticket.removed)} removed)" if ticket.removed else ""
        raise TicketUnclear((f"The ticket has no visible text{hidden}. What is to be done?",))
    fitting = [recipe.name for recipe in registry.recipes() if recipe.match(ticket)]
    if len(fitting) > 1:
        raise TicketUnclear(
            (
                (
                    f"Several recipes fit this ticket ({', '.join(fitting)}), and a run carries "
                    "out one. Which one is it? Leave the rest to a ticket of its own."
                ),
            )
        )
    if not fitting:
        shown = "; ".join(f"“{recipe.example}”" for recipe in registry.recipes())
        raise NoRecipe(
            f"No recipe fits this ticket, so it is for a person. What recipes carry out reads like "
            f"this: {shown}."
        )
    return Decision(recipe=fitting[0], sentence=f"recipe {fitting[0]}")
