"""The recipe: add a field to a Django model, with its migration and where else it is asked for.

Ticket -> `request` -> `settling` (against `models_index`) -> `edits` -> Django's own migration in
the sandbox -> `migration.accept_migration`.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.models.ticket import Category, Ticket
from agent.recipes import tickets
from agent.recipes.add_field import edits, migration, request, settling
from agent.recipes.add_field.models_index import ModelsIndex
from agent.recipes.add_field.parameters import LISTED_IN, Parameters
from agent.recipes.add_field.request import FieldRequest
from agent.recipes.recipe import Edits, ProducingCommand
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

_LONGEST_TITLE = 60


class AddDjangoField:
    name = "add-django-field"
    category: Category = "feature"
    form = tickets.write_form({"model": "", "field": "", "default for existing rows": ""})

    def make_example(self, tree: Tree, project: Project) -> str:
        models = ModelsIndex(tree, project.django.python_path).models if project.django else []
        own = [one for one in models if not (one.test_only or one.abstract or one.proxy)]
        definition = "nickname = models.CharField(max_length=50, blank=True)"
        return f"Add `{definition}` to `{own[0].label}`." if own else ""

    def match(self, ticket: Ticket) -> bool:
        return request.read_request(ticket).names_recipe

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        return _settle_request(request.read_request(ticket), tree, project)

    def steps(self, parameters: str) -> tuple[str, ...]:
        settled = Parameters.model_validate_json(parameters)
        words = [f"Add `{edits.format_field(settled)}` to {settled.model} in {settled.place.path}."]
        if settled.listing and not settled.listing.has_field:
            place = settled.listing.place.format()
            words.append(f"Add {settled.field.name} to {LISTED_IN} of {place}.")
        if settled.test:
            words.append(f"Write a test in {settled.test.path}.")
        if settled.carriers:
            labels = ", ".join(f"{one.app_label}.{one.model}" for one in settled.carriers)
            words.append(f"Let Django make the migration for {labels}.")
        if settled.existing:
            words.append(f"Existing rows get {settled.existing.format()}.")
        return tuple(words)

    def list_touched(self, parameters: str) -> tuple[str, ...]:
        settled = Parameters.model_validate_json(parameters)
        paths = {settled.place.path}
        if settled.listing and not settled.listing.has_field:
            paths.add(settled.listing.place.path)
        return tuple(sorted(paths))

    def apply(self, tree: Tree, parameters: str) -> Edits:
        return edits.make_edits(tree, Parameters.model_validate_json(parameters))

    def produce(self, parameters: str, project: Project) -> ProducingCommand | None:
        return migration.make_command(Parameters.model_validate_json(parameters), project)

    def accept_produced(
        self, parameters: str, report: bytes, files: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        return migration.accept_migration(Parameters.model_validate_json(parameters), report, files)

    def title(self, parameters: str) -> str:
        settled = Parameters.model_validate_json(parameters)
        title = f"Add {settled.field.name} to {settled.model}"
        return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"


def _settle_request(asked: FieldRequest, tree: Tree, project: Project) -> str:
    parameters = settling.settle_facts(asked, tree, project)
    edits.make_edits(tree, parameters)
    return parameters.model_dump_json()
