"""Edit: carry a recipe's plan out on the head tree; what comes out is a Change, nothing else.

The Change is complete before any check runs; what checks write is thrown away with their sandbox.
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

#: Characters of a recorded diff.
_MOST_DIFF = 256_000


def apply_plan(plan: Plan, prepared: Prepared, desk: Desk) -> Change:
    """Let the recipe edit, and produce in a sandbox what only the framework can write.

    Raises:
        EditFailed: What was produced is not what was asked for, or nothing was changed.
        TicketUnclear: Django does not take the field.
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
    """Plan by the recipe on a base that has moved, where the model is at other lines by now."""
    contract = prepared.contract
    tree = FolderFilter(desk.open_base(prepared), contract.config.folder)
    return recipe.draft_plan(recipe.resolve_parameters(ticket, tree, contract.project))


def record_draft(change: Change, number: int, prepared: Prepared, desk: Desk) -> None:
    """Record the diff of a change that is judged next, whatever becomes of it.

    Args:
        number: Of the round that judges it.
    """
    # Nothing has bounded it yet, and searching it takes time.
    diff = worktree.make_diff(prepared.checkout, change)[: 4 * _MOST_DIFF]
    # Redacted first: half of a secret is not recognised.
    shown = sanitise.shorten_middle(desk.redactor(diff), _MOST_DIFF, where="the model's calls")
    facts = {"round": number, "change_digest": change.digest, "diff": shown}
    desk.events.note("model", "change.drafted", **facts)
