"""The recipe: add a field to a Django model, with its migration and a test.

`request` reads the ticket, `resolving` finds the model, `edits` changes the files, and
`agent.editing.by_recipe` has Django make the migration. Parameters are stored as JSON.
"""

from agent.models.change import Plan
from agent.models.ticket import Ticket
from agent.recipes import tickets
from agent.recipes.add_field import edits, request, resolving
from agent.recipes.add_field.parameters import Parameters
from agent.text import sanitise
from repo_config.detect import Project, Tree

NAME = "add-django-field"
EXAMPLE = "Add `nickname = models.CharField(max_length=50, blank=True)` to `app.Model`."
FORM = tickets.write_form({"model": "", "field": ""})
"""The empty form."""


def fits_ticket(ticket: Ticket) -> bool:
    """Whether the form or the code of a ticket asks for a field."""
    facts = request.read_request(ticket)
    return facts.is_form or facts.definition is not None


def states_all(ticket: Ticket) -> bool:
    """Whether the form or the code of a ticket states all of its request."""
    return not request.read_request(ticket).not_done


def resolve_parameters(ticket: Ticket, tree: Tree, project: Project) -> str:
    """Return the parameters, checked against the code. Raises TicketUnclear, RequestRefused."""
    parameters = resolving.resolve_facts(request.read_request(ticket), tree, project)
    edits.make_edits(tree, parameters)
    return parameters.model_dump_json()


def draft_plan(parameters: str) -> Plan:
    """Describe the edits and their places as a plan."""
    facts = Parameters.model_validate_json(parameters)
    words = [f"Add `{facts.assignment}` to {facts.model} in {facts.path}."]
    if facts.test:
        words.append(f"Write a test in {facts.test.path}.")
    words.append(f"Create the migration in {facts.migrations} with Django.")
    return Plan(
        recipe=NAME,
        title=sanitise.shorten(f"Add {facts.name} to {facts.model}", 60),
        parameters=parameters,
        steps=tuple(words),
        category="feature",
    )


def list_touched(parameters: str) -> tuple[str, ...]:
    facts = Parameters.model_validate_json(parameters)
    return (facts.path,)
