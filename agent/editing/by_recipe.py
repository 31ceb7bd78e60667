"""Ask a recipe: what has the shape of one of them is carried out without the model's own edits.

The request is held to what a ticket is held to, so nothing is guessed; what the recipe edits and
its command produces goes through the same gate as the model's edits, all of it or nothing.
"""

from __future__ import annotations

from agent import cleaning
from agent.domain import Prepared, Record, Ticket
from agent.editing import producing
from agent.editing.gate import PathGate, Refused
from agent.editing.minutes import SecondsLeft, unbounded
from agent.errors import EditFailed, RequestRefused, TicketUnclear
from agent.recipes import registry
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.tree import Within

_MOST_REQUEST = 4_000


class AskRecipe(Record):
    """What is wanted, as a ticket with a recipe's form, or with its facts as code."""

    request: str


def carry_out(
    asked: AskRecipe,
    gate: PathGate,
    tree: WorkTree,
    prepared: Prepared,
    svc: Services,
    left: SecondsLeft = unbounded,
) -> str:
    """Have the recipe that fits carry a request out; say what it changed.

    Raises:
        Refused: None fits, facts are missing, or what it would change may not be changed.
        SandboxLost: The room ended without a word.
    """
    if (count := len(asked.request)) > _MOST_REQUEST:
        raise Refused(f"`request` has {count:,} characters; {_MOST_REQUEST:,} are the most")
    title, _, body = cleaning.incoming(asked.request)[0].strip().partition("\n")
    ticket = Ticket(ticket_id="request", title=title, body=body.strip(), digest="")
    recipe = next((one for one in registry.recipes() if one.match(ticket)), None)
    if recipe is None:
        examples = "\n".join(f"{one.example}\n{one.form}" for one in registry.recipes())
        raise Refused(f"no recipe has this shape; these have:\n{examples}")
    contract, before = prepared.contract, tree.changes()
    mine = Within(tree, contract.config.folder)
    try:
        parameters = recipe.settle(ticket, mine, contract.config, contract.project)
        edits = recipe.apply(mine, parameters)
        with gate.whole():
            gate.write(edits.files)
            paths, notes = sorted(edits.files), edits.notes
            if command := recipe.produce(parameters, contract.project):
                made = producing.produce(command, tree, prepared, svc, left)
                notes += recipe.accept_produced(parameters, made.report, made.files)
                gate.write(made.files)
                paths += sorted(made.files)
    except (TicketUnclear, RequestRefused, EditFailed) as problem:
        raise Refused(problem.message) from problem
    if tree.changes() == before:
        raise Refused("the code already is as asked, so nothing was changed")
    return "\n".join([f"{recipe.name} changed {', '.join(paths)}", *notes])
