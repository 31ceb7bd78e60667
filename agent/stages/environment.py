"""Environment: the repository's own Python and dependencies, built without trusting them."""

from __future__ import annotations

from agent import worktree
from agent.domain import Checkout, Contract, Environment, Run
from agent.environments import build as environments
from agent.services import Services


def build(run: Run, base: Checkout, contract: Contract, svc: Services) -> Environment:
    """Take the environment from the store, or build it.

    Raises:
        EnvironmentFailed: It cannot be built; the resolver's or builder's own words are in it.
    """
    tree = svc.base_folder(run)
    # A run that goes on after a kill has its records, but no files.
    worktree.open_tree(base, tree)
    request = environments.EnvironmentRequest.of(contract, base, tree)
    return environments.ensure(request, svc.sandbox, svc.index, svc.settings, svc.say)
