"""The migration: the order for Django in the sandbox, and what is accepted of its work.

It was made where the repository's own code runs, so it is read as data: each operation has to add
the asked field to the asked tables.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.errors import EditFailed, RepositoryUnfit, RequestRefused, UnaskedOperations
from agent.recipes.add_field.models_index import read_dotted_name
from agent.recipes.add_field.parameters import Parameters, ProducingCommand
from agent.recipes.add_field.resolving import explain_unclear
from agent.text import sanitise
from repo_config import foreign_python
from repo_config.detect import Project

SCRIPT = "make_migration.py"
"""Below `agent/recipes/sandbox_scripts`, mounted at /mergewright/recipes."""
REPORT = "report.json"
"""What the script writes to /out."""


def make_command(parameters: Parameters, project: Project) -> ProducingCommand:
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
    return ProducingCommand(
        args=(json.dumps(request, sort_keys=True),),
        environ=(
            {"DJANGO_SETTINGS_MODULE": django.settings_module} if django.settings_module else {}
        ),
        globs=tuple(f"{folder}/*" for folder in parameters.migrations),
    )


def accept_migration(
    parameters: Parameters, report: bytes, files: Mapping[str, bytes]
) -> tuple[str, ...]:
    """Accept exactly the asked column for every table; anything else withholds the change.

    Raises:
        RepositoryUnfit: Django cannot be started.
        TicketUnclear: Django does not take the field, or rows would be without a value.
        EditFailed: Django failed, did too little, or did what nobody asked for.
    """
    said = _read_report(report, parameters.form)
    notes: list[str] = [
        f"Migrations of {label} are disabled in the settings; they were enabled to create this one."
        for label in _read_texts(said.get("switched_off"))
    ]
    label = f"{parameters.app_label}.{parameters.model}"
    tables = [label]
    if parameters.abstract:
        tables = _read_texts(said.get("tables"))
        shown = f"its concrete children get the column ({', '.join(tables)})"
        notes.append(f"{label} is abstract: {shown if tables else 'no table gets the column'}.")
    known = {table.rpartition(".")[2].lower(): table for table in tables}
    missing, unasked = dict(known), []
    for path, operation in _list_operations(parameters, files):
        served = known.get(operation.model.removeprefix("historical"))
        if (operation.kind, operation.name) != ("AddField", parameters.name) or not (
            operation.model in known or served
        ):
            unasked.append(f"{operation.shown} ({path})")
        elif not missing.pop(operation.model, None):
            notes.append(f"The history table of {served} follows: {operation.shown}.")
    if unasked:
        listed = "\n".join(f"- {line}" for line in dict.fromkeys(unasked))
        raise UnaskedOperations(
            f"The migration for {parameters.name} contains more than requested:\n"
            f"{listed}\n"
            "Create it by hand: `python manage.py makemigrations "
            f"{parameters.app_label}`."
        )
    if missing:
        raise EditFailed(
            f"Django created no migration that adds {parameters.name} to "
            f"{', '.join(missing.values())}. Is the app in INSTALLED_APPS of the settings in use?"
        )
    for path in sorted(files):
        who = "Django made" if path.endswith(".py") else "The project's `makemigrations` wrote"
        notes.append(f"{who} `{path}`.")
    return tuple(notes)


class _Operation(NamedTuple):
    kind: str
    model: str
    name: str
    shown: str
    """On one line for people."""


def _list_operations(
    parameters: Parameters, files: Mapping[str, bytes]
) -> Iterator[tuple[str, _Operation]]:
    """List the operations of files that are each one migration and nothing else, by path."""
    for path, content in sorted(files.items()):
        folder, _, name = path.rpartition("/")
        if folder in parameters.migrations and not name.endswith(".py"):
            continue
        if folder not in parameters.migrations or not re.fullmatch(r"[A-Za-z0-9_]+\.py", name):
            raise EditFailed(f"{path} was created outside the migrations folders.")
        try:
            body = foreign_python.parse_module(content).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            raise EditFailed(f"{path} was created but cannot be read: {problem}") from problem
        only = [statement for statement in body if not _is_head(statement)]
        if len(only) != 1 or not isinstance(only[0], ast.ClassDef) or only[0].name != "Migration":
            raise EditFailed(f"{path} is more than one migration. Create it by hand.")
        for line in only[0].body:
            if isinstance(line, ast.Assign) and read_dotted_name(line.targets[0]) == "operations":
                listed = line.value.elts if isinstance(line.value, ast.List) else [line.value]
                yield from ((path, _read_operation(operation)) for operation in listed)


def _is_head(node: ast.stmt) -> bool:
    """Whether a statement is an import or a text."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def _read_operation(node: ast.expr) -> _Operation:
    text = sanitise.shorten(ast.unparse(node), 100)
    called = (read_dotted_name(node.func) or "") if isinstance(node, ast.Call) else ""
    if not isinstance(node, ast.Call) or not called.startswith("migrations."):
        return _Operation("", "", "", text)
    kind = called.removeprefix("migrations.")
    constants = [word for word in node.keywords if isinstance(word.value, ast.Constant)]
    words = {word.arg: str(word.value.value) for word in constants}  # type: ignore[attr-defined]
    model, name = words.get("model_name", ""), words.get("name", "")
    shown = f"{kind} {name}" + f" on {model}" * bool(model) if name else text
    return _Operation(kind, model, name, shown)


def _read_report(report: bytes, form: str) -> dict[str, object]:
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
        raise explain_unclear([str(problem)], form)
    if problem:
        raise EditFailed(f"Django could not create the migration: {problem}")
    return said


def _read_texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else []
