"""The migration: the order for Django in the sandbox, and what its report says."""

import json
from collections.abc import Iterable

from agent.errors import EditFailed, RepositoryUnfit, RequestRefused, UnaskedOperations
from agent.recipes.add_field.parameters import Parameters
from agent.recipes.add_field.resolving import explain_unclear
from repo_config.detect import Project

SCRIPT = "make_migration.py"
"""Below `agent/recipes/sandbox_scripts`, mounted at /mergewright/recipes."""
REPORT = "report.json"
"""What the script writes to /out."""


def make_request(parameters: Parameters, project: Project) -> str:
    """Write the argument of the script, which runs on the edited tree."""
    django = project.django
    if django is None or django.missing:
        raise RequestRefused(django.missing if django else "This is not a Django project.")
    existing = parameters.existing
    request = {
        "field": parameters.name,
        "path": parameters.place.path,
        "model": parameters.model,
        "label": f"{parameters.app_label}.{parameters.model}",
        "abstract": parameters.abstract,
        "folders": parameters.migrations,
        "existing": existing.model_dump() if existing else None,
        "settings": django.settings_module or "",
        "manage": django.manage,
        "python_path": list(django.python_path),
        # The tools that will look at the shape of new files, with the options of their hooks.
        "formatters": [
            (tool, command.options)
            for tool in ("ruff check", "ruff format", "isort", "black")
            for command in project.lint
            if command.tool == tool
        ],
    }
    return json.dumps(request, sort_keys=True)


def accept_migration(
    parameters: Parameters, report: bytes, paths: Iterable[str]
) -> tuple[str, ...]:
    """Say what the script has done; the gate judges the files, as it does any migration.

    Raises:
        RepositoryUnfit: Django cannot be started.
        TicketUnclear: Django does not take the field, or rows would be without a value.
        EditFailed: Django failed, did too little, or did what nobody asked for.
    """
    said = _read_report(report, parameters)
    notes: list[str] = [
        f"Migrations of {label} are disabled in the settings; they were enabled to create this one."
        for label in _read_texts(said.get("switched_off"))
    ]
    if parameters.abstract:
        tables = ", ".join(_read_texts(said.get("tables")))
        shown = f"its concrete children get the column ({tables})"
        label = f"{parameters.app_label}.{parameters.model}"
        notes.append(f"{label} is abstract: {shown if tables else 'no table gets the column'}.")
    for label in _read_texts(said.get("histories")):
        notes.append(f"The history table of {label} follows.")
    for path in sorted(paths):
        who = "Django made" if path.endswith(".py") else "The project's `makemigrations` wrote"
        notes.append(f"{who} `{path}`.")
    return tuple(notes)


def _read_report(report: bytes, parameters: Parameters) -> dict[str, object]:
    try:
        said = json.loads(report)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise EditFailed("Django's report on the migration cannot be read.")
    problem, kind = said.get("problem"), said.get("kind")
    if problem and kind == "unstarted":
        raise RepositoryUnfit(f"{problem}.")
    if problem and kind == "unfit":
        raise explain_unclear([str(problem)], parameters.form)
    if problem and kind == "unasked":
        raise UnaskedOperations(
            f"The migration for {parameters.name} contains more than requested: {problem}.\n"
            f"Create it by hand: `python manage.py makemigrations {parameters.app_label}`."
        )
    if problem:
        raise EditFailed(f"Django could not create the migration: {problem}")
    return said


def _read_texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else []
