"""Plan: turn a ticket into the recipe's parameters, and have a plan approved."""

from collections.abc import Sequence

from agent.desk import Desk
from agent.editing import submissions
from agent.errors import (
    ApprovalAwaited,
    PolicyRefused,
    RepositoryUnfit,
    RequestRefused,
    RunStopped,
    TicketUnclear,
)
from agent.models.change import Plan
from agent.models.environment import Contract, OpenedRepository
from agent.models.run import Reason
from agent.models.task import Task
from agent.models.ticket import Guidance, find_approval
from agent.publishing import status
from agent.recipes.add_field import recipe
from repo_config.tree import FolderFilter


def resolve_parameters(task: Task, base: OpenedRepository, desk: Desk) -> str:
    """Turn the ticket into the recipe's parameters, before any costly step.

    Returns:
        The parameters; "": a model carries out the ticket, since no recipe can do so alone.

    Raises:
        RunStopped: No recipe fits, and no model is configured; or the repository accepts no
            changes by machines.
        TicketUnclear: Facts are missing or wrong, and no model is configured.
        RequestRefused: The ticket asks for what cannot be done, and no model is configured.
        PolicyRefused: The ticket needs a change of a file that only people may change.
        RepositoryUnfit: There are no tests that could verify a model's change.
    """
    contract = base.contract
    if contract.config.contributions == "refuse" and base.run.snapshot is not None:
        words = submissions.explain_refused("`contributions: refuse`")
        raise RunStopped(words, Reason.FOR_PEOPLE)
    can_ask = desk.has_editor
    if not task.recipe and can_ask:
        _require_tests(contract)
        return ""
    tree = desk.open_base(base)
    mine = FolderFilter(tree, contract.config.folder)
    if not task.recipe:
        raise _explain_no_recipe(contract)
    if not can_ask and contract.project.django and contract.project.django.missing:
        raise RepositoryUnfit(contract.project.django.missing)
    try:
        parameters = recipe.resolve_parameters(task.ticket, mine, contract.project)
    except (TicketUnclear, RequestRefused) as problem:
        if not can_ask:
            raise
        desk.say(f"recipe {recipe.NAME} passes this to the model: {problem.message}")
        _require_tests(contract)
        return ""
    touched = recipe.list_touched(parameters)
    if findings := submissions.find_closed(touched, tree, contract.config):
        raise PolicyRefused(findings)
    return parameters


def _explain_no_recipe(contract: Contract) -> RunStopped:
    listed = (
        " One kind of ticket works without a model. Copy this and fill it in:\n-"
        f" {recipe.EXAMPLE}\n{recipe.FORM}"
    )
    return RunStopped(
        "I can't make this change: no recipe fits the ticket and no model is configured"
        " (MERGEWRIGHT_MODEL or MERGEWRIGHT_MODEL_EDITOR)."
        f"{listed if contract.project.django else ''}",
        Reason.NO_RECIPE,
    )


def _require_tests(contract: Contract) -> None:
    """Refuse a ticket if no test could verify a model's change."""
    if contract.project.test_runner is None and contract.config.checks.tests != "off":
        raise RepositoryUnfit(
            "No tests were found in the repository, so a model's change cannot be verified. In"
            " .github/mergewright.yml set `checks.tests` to the command that runs tests, such"
            " as pytest, or to `off`."
        )


def require_plan_approval(plan: Plan, base: OpenedRepository, desk: Desk) -> str:
    """Return how a plan was approved, or why it needs no approval. May run twice.

    Raises:
        ApprovalAwaited: A person has to approve exactly this plan.
        Superseded: The issue is no longer what was approved.
    """
    run = base.run
    if run.snapshot is None or not run.snapshot.by_label or run.dry_run:
        return "approved by running the command"
    guidance = desk.memory.list_guidance(run.first)
    if not _needs_approval(plan, base, guidance):
        return "no approval required"
    # The plan may have waited for days: raise Superseded if the issue has changed.
    desk.code_host.read_ticket(run)
    agreed = find_approval(guidance, plan.number)
    if agreed is not None:
        status.announce(run, desk)
        desk.say(f"plan {plan.number} was approved by {agreed.by}")
        return f"approved by {agreed.by}"
    status.await_approval(run, plan, desk)
    raise ApprovalAwaited(f"Waiting for approval of plan {plan.number}.", plan.number)


def _needs_approval(plan: Plan, base: OpenedRepository, guidance: Sequence[Guidance]) -> bool:
    config = base.contract.config
    is_changed = any(word.kind == "change" for word in guidance)
    if base.run.plan_first or config.plan.approval == "always" or is_changed:
        # A person who asked for another plan wants to see it.
        return True
    if config.plan.approval == "never" or plan.recipe:
        # A recipe does the same each time, so its plan needs no approval.
        return False
    return 2 * len({*plan.files}) > config.scope.max_files
