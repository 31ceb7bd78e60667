"""Edit: carry out a recipe's plan on the head tree, and return the Change.

The Change is complete before any check runs. Files that checks write are deleted with their
sandbox.
"""

from agent.desk import Desk
from agent.editing import by_recipe
from agent.errors import EditFailed
from agent.git import worktree
from agent.models.change import Change, Plan
from agent.models.environment import Prepared
from agent.models.ticket import Ticket
from agent.recipes.add_field import recipe
from agent.text import sanitise
from repo_config.tree import FolderFilter

#: Maximum characters of a recorded diff.
_MOST_DIFF = 256_000


def apply_plan(plan: Plan, prepared: Prepared, desk: Desk) -> Change:
    """Run the recipe, which edits files and lets Django write the migration in a sandbox.

    Raises:
        EditFailed: The result is not what was asked for, or nothing was changed.
        TicketUnclear: Django does not accept the field.
    """
    tree = desk.lay_out_head(prepared)
    made = by_recipe.apply_recipe(plan.parameters, tree, prepared, desk)
    if not tree.changes():
        raise EditFailed("The recipe changed nothing: the code already does what the ticket asks.")
    return Change(
        base_commit=prepared.checkout.commit,
        files=tree.changes(),
        notes=made.notes,
        not_done=made.not_done,
    )


def plan_again(ticket: Ticket, prepared: Prepared, desk: Desk) -> Plan:
    """Plan again by the recipe: the base has moved, so the Django model's lines may differ."""
    contract = prepared.contract
    tree = FolderFilter(desk.open_base(prepared), contract.config.folder)
    return recipe.draft_plan(recipe.resolve_parameters(ticket, tree, contract.project))


def record_draft(change: Change, number: int, prepared: Prepared, desk: Desk) -> None:
    """Record the diff of a change before it is judged.

    Args:
        number: The number of the round that judges it.
    """
    # The diff has no limit yet, and redacting it takes time.
    diff = worktree.make_diff(prepared.checkout, change)[: 4 * _MOST_DIFF]
    # Redact before shortening: half of a secret is not recognised.
    shown = sanitise.shorten_middle(desk.redactor(diff), _MOST_DIFF, where="the model's calls")
    facts = {"round": number, "change_digest": change.digest, "diff": shown}
    desk.events.note("model", "change.drafted", **facts)
