"""Plan: settle every fact of the ticket against the code, then say what will be done."""

from __future__ import annotations

from agent import worktree
from agent.domain import (
    Change,
    ChangedFile,
    Checkout,
    Contract,
    Decision,
    Plan,
    Run,
    Severity,
    Ticket,
)
from agent.errors import PolicyRefused
from agent.policy.content import paths
from agent.policy.proposal import Proposal
from agent.recipes import registry
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.tree import Within


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
        PolicyRefused: It needs a file that only people change.
    """
    tree = worktree.open_tree(base, svc.base_folder(run))
    recipe = registry.by_name(decision.recipe)
    mine = Within(tree, contract.config.folder)
    parameters = recipe.settle(ticket, mine, contract.config, contract.project)
    _require_open(recipe.touches(parameters), tree, base, contract)
    return parameters


def _require_open(
    touched: tuple[str, ...], tree: WorkTree, base: Checkout, contract: Contract
) -> None:
    """Hold the files that will be edited against the scope, before anything costly is started."""
    contents = {path: tree.read(path) for path in touched}
    planned = Change(
        base_commit=base.commit,
        files=tuple(
            ChangedFile(path=path, before=content, after=content)
            for path, content in contents.items()
        ),
    )
    checked = paths.check(Proposal(planned, contract.config, contract.project, tree))
    found = tuple(finding for finding in checked if finding.severity is Severity.BLOCK)
    if found:
        raise PolicyRefused(found)


def draft(decision: Decision, parameters: str) -> Plan:
    """Say in words what the recipe will do, and where."""
    recipe = registry.by_name(decision.recipe)
    return Plan(
        recipe=recipe.name,
        title=recipe.title(parameters),
        parameters=parameters,
        steps=recipe.steps(parameters),
    )
