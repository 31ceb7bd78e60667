"""The recipe: add a field to a Django model, with its migration and a test.

`request` reads the ticket, `resolving` finds the model, `edits` changes the files, and
`agent.editing.by_recipe` has Django make the migration. Parameters are stored as JSON.
"""

import re

from agent.models.change import Plan
from agent.models.ticket import Ticket
from agent.recipes import tickets
from agent.recipes.add_field import edits, request, resolving
from agent.recipes.add_field.find_models import ModelFinder
from agent.recipes.add_field.parameters import Parameters
from agent.text import sanitise
from repo_config.detect import Project, Tree

NAME = "add-django-field"
FORM = tickets.write_form({"model": "", "field": "", "default for existing rows": ""})
"""The empty form."""


def make_example(tree: Tree, project: Project) -> str:
    """Return an example of a ticket for this repository; "": it has no model."""
    if project.django is None:
        return ""
    for model in ModelFinder(tree, project.django.python_path).list_likely():
        lines = tree.read(model.path).splitlines()[model.node.lineno - 1 : model.node.end_lineno]
        if b"Model" in lines[0] and not re.search(rb"(abstract|proxy) = True", b"\n".join(lines)):
            definition = "nickname = models.CharField(max_length=50, blank=True)"
            return f"Add `{definition}` to `{model.label}`."
    return ""


def fits_ticket(ticket: Ticket) -> bool:
    """Whether the form or the code of a ticket asks for a field."""
    facts = request.read_request(ticket)
    is_stated = facts.definition is not None and bool(facts.model or facts.name)
    return facts.is_form or is_stated


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
    if facts.existing:
        words.append(f"Existing rows get {facts.existing.code}.")
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
