"""The migration: the order for Django in the room, and what is accepted of its work.

What comes back was made where the repository's own code runs, so the files are read as data
(`migration_file`) and held against what was asked (`migration_column`); the report only helps to
say what went wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from agent.errors import EditFailed, RequestRefused, UnaskedOperations
from agent.recipes.add_field import migration_column, migration_file
from agent.recipes.add_field.parameters import Carrier, Parameters
from agent.recipes.recipe import ProducingCommand
from repo_config.detect import Project

SCRIPT = "make_migration.py"


def order(parameters: Parameters, project: Project) -> ProducingCommand | None:
    """What is to run in the room; nothing for an abstract model without children."""
    if not parameters.carriers:
        return None
    django = project.django
    if django is None or django.missing:
        raise RequestRefused(django.missing if django else "This is not a Django project.")
    existing = parameters.existing
    request = {
        "field": parameters.field.name,
        "models": [[carrier.app_label, carrier.model] for carrier in parameters.carriers],
        "defined_in": parameters.model,
        "existing": existing.model_dump() if existing else None,
        "manage": django.manage,
        "python_path": list(django.python_path),
        "formatters": [[name, list(told)] for name, told in parameters.formatters.items()],
    }
    folders = sorted({carrier.migrations for carrier in parameters.carriers})
    return ProducingCommand(
        script=SCRIPT,
        args=(json.dumps(request, sort_keys=True),),
        environ=(
            {"DJANGO_SETTINGS_MODULE": django.settings_module} if django.settings_module else {}
        ),
        globs=tuple(f"{folder}/*.py" for folder in folders),
    )


def accept(parameters: Parameters, report: bytes, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Accept exactly the asked column for every carrier; anything else withholds the change.

    Raises:
        EditFailed: Django failed, did too little, or did what nobody asked for.
    """
    said = _report(report)
    if problem := said.get("problem"):
        raise EditFailed(f"Django could not make the migration: {problem}")
    notes: list[str] = [
        f"The settings switch migrations of {label} off; they were switched on to make this one."
        for label in _texts(said.get("switched_off"))
    ]
    unasked: list[str] = [str(line) for line in _texts(said.get("unasked"))]
    covered: set[tuple[str, str]] = set()
    by_folder: dict[str, list[Carrier]] = {}
    for carrier in parameters.carriers:
        by_folder.setdefault(carrier.migrations, []).append(carrier)
    for path, content in sorted(files.items()):
        folder, _, name = path.rpartition("/")
        if folder not in by_folder or not re.fullmatch(r"[A-Za-z0-9_]+\.py", name):
            raise EditFailed(f"{path} was produced, but no migration belongs there.")
        file = migration_file.File(path, content, parameters)
        for operation in file.operations:
            done, note = migration_column.judge(operation, parameters, by_folder[folder])
            if done is None:
                label = by_folder[folder][0].app_label
                unasked.append(f"{label}: {operation.shown()} ({path})")
                continue
            file.hold_operation(operation)
            if operation.kind == "AddField":
                covered.add(done)
            if note:
                notes.append(note)
        if not unasked:
            file.hold_imports_used()
        notes.append(f"Django made {path}.")
    if unasked:
        raise _more_than_asked(list(dict.fromkeys(unasked)), parameters)
    missing = [
        f"{one.app_label}.{one.model}"
        for one in parameters.carriers
        if (one.app_label, one.model.lower()) not in covered
    ]
    if missing:
        raise EditFailed(
            f"Django made no migration that adds {parameters.field.name} to "
            f"{', '.join(missing)}. Is the app in INSTALLED_APPS of the settings in use?"
        )
    return tuple(notes)


def _report(report: bytes) -> dict[str, object]:
    try:
        said = json.loads(report)
    except (ValueError, RecursionError) as problem:
        raise EditFailed("Django's report on the migration cannot be read.") from problem
    if not isinstance(said, dict):
        raise EditFailed("Django's report on the migration cannot be read.")
    return said


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _more_than_asked(unasked: list[str], parameters: Parameters) -> UnaskedOperations:
    labels = " ".join(sorted({carrier.app_label for carrier in parameters.carriers}))
    listed = "\n".join(f"- {line}" for line in unasked)
    return UnaskedOperations(
        f"Making the migration for {parameters.field.name} gives more than was asked for:\n"
        f"{listed}\n"
        "The base branch has model changes without a migration, or the settings differ from those "
        f"the migrations were made with. Run `python manage.py makemigrations {labels}` on the "
        "base branch, commit the result, then ask again."
    )
