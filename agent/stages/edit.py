"""Edit: carry the plan out on the head tree; what comes out is a Change, nothing else.

The Change is complete before any check runs; what checks write is thrown away with their sandbox.
"""

from collections.abc import Iterator, Sequence

from agent.desk import Desk
from agent.editing import attempts, by_recipe
from agent.editing.attempts import Attempt
from agent.editing.rounds import Draft, Round, choose_best, explain_stop
from agent.editing.run_context import RunContext
from agent.errors import ASKING_ENDS, EditFailed
from agent.git import worktree
from agent.models.change import Change, Plan
from agent.models.environment import Prepared
from agent.text import sanitise

#: Attempts from the base; the next begins where one does not pass.
MOST_ATTEMPTS = 2
#: Characters of a diff in the ledger.
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


def make_candidates(
    first: Attempt, tried: Sequence[Round], run_context: RunContext
) -> Iterator[Draft]:
    """Have a model make the change, once more from the base where what was tried does not pass.

    Args:
        first: The attempt that has made the plan.
        tried: The best round of each attempt so far; the code that takes a draft adds its round.

    Raises:
        BudgetSpent: The next request could cost more than is left, and nothing was made.
        TimeSpent: The minutes of the run are used, and nothing was made.
        ModelRefused: The model will not go on, and nothing was made.
        EditFailed: Nothing was changed by any of them.
    """
    history, attempt = run_context.history, first
    for number in range(1, MOST_ATTEMPTS + 1):
        try:
            if number > 1:
                attempt.close()
                why = f"It changed nothing: {attempt.why}."
                met = choose_best(tried).objection if tried else why
                attempt = attempts.begin_anew(first.plan, met, run_context)
            draft = attempt.next_draft()
        except ASKING_ENDS as problem:
            if not tried:
                raise
            history.record_loss(f"{explain_stop(problem)} before attempt {number}.")
            return
        if draft is None:
            history.give_up()
            continue
        yield draft
        if history.has_passed:
            return
    if not tried:
        raise EditFailed(f"The model changed nothing: {attempt.why}.")


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
    desk.record("change.drafted", facts)
