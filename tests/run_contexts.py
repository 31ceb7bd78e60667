"""A run that has come to where its base is prepared."""

from collections.abc import Mapping
from typing import Any

from agent.desk import Desk
from agent.editing.preparation import MeasuredBase, Preparation
from agent.editing.run_context import RunContext, list_roles
from agent.models.checks import CheckReport
from agent.models.environment import Checkout, Contract, Environment, Prepared
from agent.models.pulls import BranchState
from agent.models.run import Run
from agent.models.step import StepRunner
from agent.models.task import Task
from agent.models.ticket import Ticket
from repo_config.schema import RepoConfig
from tests.unit.trees import make_project

MISSING: Any = None
"""In place of what prepares the base."""


def make_task(ticket: Ticket, checkout: Checkout, recipe: str = "") -> Task:
    return Task(ticket=ticket, recipe=recipe, start=BranchState.at_base(checkout))


def make_prepared(
    run: Run,
    checkout: Checkout,
    environment: Environment,
    config: RepoConfig | Mapping[str, object] | None = None,
    **detected: object,
) -> Prepared:
    """Prepare a base of which this alone is detected."""
    repo_config = RepoConfig.model_validate(config or {}, strict=False)
    contract = Contract(config=repo_config, project=make_project(**detected), source=None)
    return Prepared(run=run, checkout=checkout, contract=contract, environment=environment)


def make_run_context(
    ticket: Ticket, prepared: Prepared, baseline: CheckReport, once: StepRunner, desk: Desk
) -> RunContext:
    return RunContext(
        make_task(ticket, prepared.checkout),
        prepared,
        once,
        desk,
        preparation=Preparation(once, desk, MISSING, ready=MeasuredBase(prepared, baseline)),
        judge=MISSING,
        roles=list_roles(desk.models),
    )
