"""A run that has come to where its base is prepared."""

from typing import Any

from agent.desk import Desk
from agent.editing.preparation import MeasuredBase, Preparation
from agent.editing.run_context import RunContext, list_roles
from agent.models.checks import CheckReport
from agent.models.environment import Checkout, Prepared
from agent.models.pulls import BranchState
from agent.models.step import StepRunner
from agent.models.task import Task
from agent.models.ticket import Ticket

MISSING: Any = (None, None, None)
"""In place of what prepares the base."""


def make_task(ticket: Ticket, checkout: Checkout, recipe: str = "") -> Task:
    return Task(ticket=ticket, recipe=recipe, start=BranchState.at_base(checkout))


def make_run_context(
    ticket: Ticket, prepared: Prepared, baseline: CheckReport, once: StepRunner, desk: Desk
) -> RunContext:
    return RunContext(
        make_task(ticket, prepared.checkout),
        prepared,
        once,
        desk,
        preparation=Preparation(once, desk, *MISSING, ready=MeasuredBase(prepared, baseline)),
        roles=list_roles(desk.models),
    )
