"""Ask a recipe: what has the shape of one of them is carried out without the model's own edits.

The request is held to what a ticket is held to, so nothing is guessed. A recipe works on a tree of
ours; what comes of it is all of its files, or nothing.
"""

from __future__ import annotations

from agent import cleaning, worktree
from agent.domain import Change, Prepared, Record, Ticket
from agent.editing import producing
from agent.editing.minutes import Refused, SecondsLeft, unbounded
from agent.errors import RequestRefused, TicketUnclear
from agent.recipes import registry
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.tree import Within

_MOST_REQUEST = 4_000


class AskRecipe(Record):
    """What is wanted, as a ticket with a recipe's form, or with its facts as code."""

    request: str


class Made(Record):
    """What a recipe makes of a request."""

    recipe: str
    files: dict[str, bytes]
    notes: tuple[str, ...]


def carry_out(
    asked: AskRecipe,
    change: Change,
    prepared: Prepared,
    svc: Services,
    left: SecondsLeft = unbounded,
) -> Made:
    """Have the recipe that fits carry a request out on top of a change.

    Raises:
        Refused: None fits, facts are missing, or nothing would change.
        EditFailed: What was produced is not what was asked for.
        SandboxLost: The sandbox ended without a word.
    """
    if (count := len(asked.request)) > _MOST_REQUEST:
        raise Refused(f"`request` has {count:,} characters; {_MOST_REQUEST:,} are the most")
    title, _, body = cleaning.incoming(asked.request)[0].strip().partition("\n")
    ticket = Ticket(ticket_id="request", title=title, body=body.strip(), digest="")
    recipe = next((one for one in registry.recipes() if one.match(ticket)), None)
    if recipe is None:
        examples = "\n".join(f"{one.example}\n{one.form}" for one in registry.recipes())
        raise Refused(f"no recipe has this shape; these have:\n{examples}")
    contract = prepared.contract
    tree = worktree.lay_out(prepared.checkout, svc.head_folder(prepared.run), svc.stopped)
    tree.replay(change)
    mine = Within(tree, contract.config.folder)
    try:
        parameters = recipe.settle(ticket, mine, contract.config, contract.project)
    except (TicketUnclear, RequestRefused) as problem:
        raise Refused(problem.message) from problem
    edits = recipe.apply(mine, parameters)
    files = {
        path: content for path, content in edits.files.items() if not _has(tree, path, content)
    }
    notes = edits.notes
    if command := recipe.produce(parameters, contract.project):
        for path, content in files.items():
            tree.write(path, content)
        made = producing.produce(command, tree, prepared, svc, left)
        notes += recipe.accept_produced(parameters, made.report, made.files)
        files |= made.files
    if not files:
        raise Refused("the code already is as asked, so nothing was changed")
    notes += tuple(f"not done by this: {sentence}" for sentence in edits.not_done)
    return Made(recipe=recipe.name, files=files, notes=notes)


def _has(tree: WorkTree, path: str, content: bytes) -> bool:
    return tree.has(path) and tree.read(path) == content
