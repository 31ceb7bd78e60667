"""Carry out the recipe of a plan.

Django runs in a sandbox on the edited tree. It may only return files in the folder of migrations,
and may not replace a Python file. The gate judges these files like any migration.
"""

import posixpath
from typing import Literal

from agent.checks import check, django_state, report
from agent.checks.report import BrokenEvent, ReportEvent, Text
from agent.desk import Desk
from agent.errors import EditFailed, RepositoryUnfit, UnaskedOperations
from agent.git.tree import WorkTree
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_TREE, SandboxResult
from agent.recipes.add_field import edits
from agent.recipes.add_field.parameters import Edits, Parameters
from agent.recipes.add_field.resolving import explain_unclear
from agent.setup import obstacles
from agent.text import sanitise
from repo_config.detect import Project
from repo_config.tree import FolderFilter

JOB = "field"


class MadeMigration(ReportEvent):
    """Django's report on the migration of a field."""

    event: Literal["field"]
    problem: Text
    kind: Literal["", "unfit", "unasked", "failed"]


def apply_recipe(parameters: str, tree: WorkTree, prepared: Prepared, desk: Desk) -> Edits:
    """Edit a tree by the recipe, and add the files that Django makes in a sandbox.

    Raises:
        EditFailed: Django changed other files, or failed.
        TicketUnclear: Django does not accept the field.
        RepositoryUnfit: Django cannot be started; the message says how to fix that.
        SandboxLost: The sandbox ended without a result.
    """
    contract, stated = prepared.contract, Parameters.model_validate_json(parameters)
    made = edits.make_edits(FolderFilter(tree, contract.config.folder), stated)
    for path, content in made.files.items():
        tree.write(path, content)
        desk.say(f"edited {path}")
    site = check.make_site(tree.folder, desk.environment(prepared), contract, desk.settings)
    order = django_state.request_django(site, JOB, field=describe_field(stated, contract.project))
    collect = (*order.collect, f"{SANDBOX_TREE}/{stated.migrations}/*")
    result = desk.sandbox.run(replace(order, collect=collect))
    try:
        require_migration(stated, result)
    except RepositoryUnfit as problem:
        way = obstacles.name_way(prepared.environment.sources)
        raise RepositoryUnfit(f"{problem.message}\n\n{way}") from problem
    start = f"{SANDBOX_TREE}/"
    produced = sorted(path.removeprefix(start) for path in result.files if path.startswith(start))
    if not produced:
        raise EditFailed(
            f"Django made no migration in {stated.migrations}. If MIGRATION_MODULES names another"
            " folder, set other settings in .github/mergewright.yml: `django: {settings: ...}`"
        )
    for path in produced:
        is_kept = tree.has_path(path) and path.endswith(".py")
        if is_kept or posixpath.dirname(path) != stated.migrations:
            raise EditFailed(f"Making the migration changed {path}, which it may not touch.")
        tree.write(path, result.files[f"{start}{path}"])
        desk.say(f"produced {path}")
    return replace(made, notes=(*made.notes, *(f"Django made `{path}`." for path in produced)))


def describe_field(stated: Parameters, project: Project) -> dict[str, object]:
    """Describe the field for the sandbox script `mergewright_field`."""
    # Only the formatters that the repository uses, each with the options of its hook.
    formatters = [
        (tool, command.options)
        for tool in ("ruff check", "ruff format", "isort", "black")
        for command in project.lint
        if command.tool == tool
    ]
    return {**stated.model_dump(mode="json"), "label": stated.label, "formatters": formatters}


def require_migration(stated: Parameters, result: SandboxResult) -> None:
    """Check the script's report, which foreign code may have changed.

    Raises:
        RepositoryUnfit: Django cannot be started.
        TicketUnclear: Django does not accept the field, or existing rows would have no value.
        EditFailed: Django failed, made no migration, or made other changes.
    """
    read = report.read_report(result, (MadeMigration,))
    made, broken = read.first(MadeMigration), read.first(BrokenEvent)
    if read.problem or not (made or broken):
        why = f"the {result.limit} limit" if result.limit else read.problem
        printed = sanitise.strip_terminal_codes(result.output).strip()[-4000:]
        raise EditFailed(f"Making the migration ended with {why}; it printed:\n{printed}")
    if made is None:
        raise RepositoryUnfit(f"Django cannot be started: {broken.words if broken else ''}.")
    if made.kind == "unfit":
        raise explain_unclear([made.problem], stated.form)
    if made.kind == "unasked":
        raise UnaskedOperations(
            f"The migration for {stated.name} contains more than requested: {made.problem}.\n"
            f"Create it by hand: `python manage.py makemigrations {stated.app_label}`."
        )
    if made.problem:
        raise EditFailed(f"Django could not create the migration: {made.problem}")
