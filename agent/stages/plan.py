"""Plan: settle every fact of the ticket against the code, then say what will be done."""

from __future__ import annotations

from agent import worktree
from agent.domain import Checkout, Contract, Decision, Plan, Run, Ticket
from agent.recipes import registry
from agent.services import Services


def settle(
    ticket: Ticket,
    decision: Decision,
    run: Run,
    base: Checkout,
    contract: Contract,
    svc: Services,
) -> str:
    """Turn the ticket into the recipe's parameters, before anything costly is started.

    Raises:
        TicketUnclear: Facts are missing or wrong; every question at once.
        RequestRefused: The ticket asks for what cannot be done.
    """
    tree = worktree.open_tree(base, svc.base_folder(run))
    recipe = registry.by_name(decision.recipe)
    return recipe.settle(ticket, tree, contract.config, contract.project)


def draft(decision: Decision, parameters: str) -> Plan:
    """Say in words what the recipe will do, and where."""
    recipe = registry.by_name(decision.recipe)
    return Plan(
        recipe=recipe.name,
        title=recipe.title(parameters),
        parameters=parameters,
        steps=recipe.steps(parameters),
        paths=recipe.touches(parameters),
    )
