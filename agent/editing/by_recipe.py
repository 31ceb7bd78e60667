"""Carry out a recipe that a model calls by its name.

Its parameters are held to what a ticket is held to, so nothing is guessed. A recipe works on a tree
of ours; what comes of it is all of its files, or nothing.
"""

from __future__ import annotations

from agent import worktree
from agent.domain import Change, Prepared, Record
from agent.editing import producing
from agent.errors import EditFailed, RequestRefused, TicketUnclear
from agent.recipes import registry
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.tree import Within


class AskRecipe(Record):
    """A recipe by its name, with what it has to know."""

    name: str
    parameters: dict[str, object]


class Made(Record):
    """What a recipe makes of a request."""

    recipe: str
    files: dict[str, bytes]
    notes: tuple[str, ...]


def carry_out(
    asked: AskRecipe, change: Change, prepared: Prepared, svc: Services, seconds: float
) -> Made:
    """Have a recipe work on top of a change.

    Raises:
        EditFailed: There is none of that name, facts are missing, nothing would change, or what
            was produced is not what was asked for.
        SandboxLost: The sandbox ended without a word.
    """
    recipe = next((one for one in registry.recipes() if one.name == asked.name), None)
    if recipe is None:
        known = ", ".join(one.name for one in registry.recipes())
        raise EditFailed(f"there is no such recipe; there are {known}")
    contract = prepared.contract
    tree = worktree.lay_out(prepared.checkout, svc.head_folder(prepared.run), svc.stopped)
    tree.replay(change)
    mine = Within(tree, contract.config.folder)
    try:
        given = asked.parameters, mine, contract.config, contract.project
        parameters = recipe.settle_parameters(*given)
    except (TicketUnclear, RequestRefused, ValueError) as problem:
        raise EditFailed(str(problem)) from problem
    edits = recipe.apply(mine, parameters)
    files = {
        path: content for path, content in edits.files.items() if not _has(tree, path, content)
    }
    notes = edits.notes
    if command := recipe.produce(parameters, contract.project):
        for path, content in files.items():
            tree.write(path, content)
        made = producing.produce(command, tree, prepared, svc, seconds)
        notes += recipe.accept_produced(parameters, made.report, made.files)
        files |= made.files
    if not files:
        raise EditFailed("the code already is as asked, so nothing was changed")
    notes += tuple(f"not done by this: {sentence}" for sentence in edits.not_done)
    return Made(recipe=recipe.name, files=files, notes=notes)


def _has(tree: WorkTree, path: str, content: bytes) -> bool:
    return tree.has(path) and tree.read(path) == content
