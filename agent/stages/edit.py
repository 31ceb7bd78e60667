"""Edit: carry the plan out on the head tree; what comes out is a Change, nothing else.

The Change is complete before any check runs; what checks write is thrown away with their sandbox.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from agent.desk import Desk
from agent.editing import attempts, by_recipe
from agent.editing.attempts import Attempt
from agent.editing.rounds import Draft, Round, choose_best, explain_stop
from agent.editing.run_context import RunContext
from agent.errors import ASKING_ENDS, EditFailed
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change, ChangedFile, Plan, Severity
from agent.models.environment import Prepared
from agent.models.ticket import Category
from agent.policy.change_context import ChangeContext
from agent.policy.content import paths, size
from agent.text import changelog, sanitise
from agent.text.changelog import ChangelogEntry

#: What a change is to the users of a project; all others are nothing that they see.
_KINDS: dict[Category, changelog.Kind] = {"bug": "bug", "feature": "feature"}
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
        tried: The best round of each attempt so far; whoever takes a draft adds its round.

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


def add_changelog_entry(
    plan: Plan, change: Change, number: int, prepared: Prepared, desk: Desk
) -> Change:
    """Add the changelog entry to a change, unless an earlier one of it stands there.

    What comes out is judged next; the ledger keeps its diff, whatever becomes of it.

    Args:
        number: Of the round that judges it.
    """
    snapshot = prepared.run.snapshot
    if snapshot is not None and prepared.contract.config.pull_request.changelog != "off":
        tree, kind = desk.lay_out_head(prepared, change), _KINDS.get(plan.category, "misc")
        entry = changelog.write_entry(tree, plan.title, str(snapshot.issue.number), kind=kind)
        notes = _add_entry(entry, tree, prepared, desk) if entry else ()
        notes = tuple(dict.fromkeys((*change.notes, *notes)))
        change = change.model_copy(update={"files": tree.changes(), "notes": notes})
    # Nothing has bounded it yet, and searching it takes time.
    diff = worktree.make_diff(prepared.checkout, change)[: 4 * _MOST_DIFF]
    # Redacted first: half of a secret is not recognised.
    shown = sanitise.shorten_middle(desk.redactor(diff), _MOST_DIFF, where="the model's calls")
    facts = {"round": number, "change_digest": change.digest, "diff": shown}
    desk.record("change.drafted", facts)
    return change


def _add_entry(
    entry: ChangelogEntry, tree: WorkTree, prepared: Prepared, desk: Desk
) -> tuple[str, ...]:
    """Add the changelog entry, where the rules of the repository leave space for it."""
    if _is_there(entry.path, tree):
        return ()
    before = tree.read(entry.path) if entry.path in tree.paths() else None
    file = ChangedFile(path=entry.path, before=before, after=entry.content)
    whole = Change(base_commit=prepared.checkout.commit, files=(*tree.changes(), file))
    contract, base = prepared.contract, desk.open_base(prepared)
    change_context = ChangeContext(whole, contract.config, contract.project, base)
    for finding in (*paths.check_change(change_context), *size.check_change(change_context)):
        # What the change breaks without the entry is said by the policy.
        about_it = finding.path == entry.path or (finding.rule == "size" and not finding.path)
        if about_it and finding.severity is Severity.BLOCK:
            return (f"No line was added to `{entry.path}`: the rule {finding.rule} blocks it.",)
    tree.write(entry.path, entry.content)
    desk.say(f"added to {entry.path}")
    return (f"{changelog.NOTE} `{entry.path}`.",)


def _is_there(path: str, tree: WorkTree) -> bool:
    """Whether whoever edited has made the entry already: the file, or one of its kind."""
    changed = [file.path for file in tree.changes() if file.after is not None]
    folder = posixpath.dirname(path)
    fragment = path not in tree.paths()
    return path in changed or (fragment and folder in map(posixpath.dirname, changed))
