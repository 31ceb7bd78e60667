"""The migration: the order for Django in the sandbox, and what is accepted of its work.

It was made where the repository's own code runs, so it is read as data: each operation has to add
the asked field to the asked tables.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import EditFailed, RepositoryUnfit, RequestRefused, UnaskedOperations
from agent.recipes import tickets
from agent.recipes.add_field.parameters import Carrier, Parameters
from agent.recipes.modules import read_dotted_name
from agent.recipes.recipe import ProducingCommand
from repo_config import foreign_python
from repo_config.detect import Project

SCRIPT = "make_migration.py"


def make_command(parameters: Parameters, project: Project) -> ProducingCommand | None:
    if not parameters.carriers:
        return None
    django = project.django
    if django is None or django.missing:
        raise RequestRefused(django.missing if django else "This is not a Django project.")
    existing = parameters.existing
    request = {
        "field": parameters.field.name,
        "models": [[carrier.app_label, carrier.model] for carrier in parameters.carriers],
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
        globs=tuple(f"{folder}/*" for folder in folders),
    )


def accept_migration(
    parameters: Parameters, report: bytes, files: Mapping[str, bytes]
) -> tuple[str, ...]:
    """Accept exactly the asked column for every carrier; anything else withholds the change.

    Raises:
        RepositoryUnfit: Django cannot be started.
        EditFailed: Django failed, did too little, or did what nobody asked for.
    """
    said = _read_report(report)
    if said.get("unstarted"):
        raise RepositoryUnfit(f"{said['problem']}.")
    if problem := said.get("problem"):
        raise EditFailed(f"Django could not make the migration: {problem}")
    notes: list[str] = [
        f"The settings switch migrations of {label} off; they were switched on to make this one."
        for label in _read_texts(said.get("switched_off"))
    ]
    unasked: list[str] = []
    covered: set[tuple[str, str]] = set()
    by_folder: dict[str, list[Carrier]] = {}
    for carrier in parameters.carriers:
        by_folder.setdefault(carrier.migrations, []).append(carrier)
    for path, content in sorted(files.items()):
        folder, _, name = path.rpartition("/")
        if folder in by_folder and not name.endswith(".py"):
            notes.append(f"The project's `makemigrations` wrote `{path}`.")
            continue
        if folder not in by_folder or not re.fullmatch(r"[A-Za-z0-9_]+\.py", name):
            raise EditFailed(f"{path} was produced, but no migration belongs there.")
        for operation in _list_operations(path, content):
            served = _find_carrier(operation, parameters, by_folder[folder])
            if served is None:
                label = by_folder[folder][0].app_label
                unasked.append(f"{label}: {operation.shown} ({path})")
            elif operation.model.startswith("historical"):
                notes.append(f"The history table of {served.model} follows: {operation.shown}.")
            else:
                covered.add((served.app_label, served.model))
        notes.append(f"Django made `{path}`.")
    if unasked:
        raise _explain_unasked(list(dict.fromkeys(unasked)), parameters)
    missing = [
        f"{one.app_label}.{one.model}"
        for one in parameters.carriers
        if (one.app_label, one.model) not in covered
    ]
    if missing:
        raise EditFailed(
            f"Django made no migration that adds {parameters.field.name} to "
            f"{', '.join(missing)}. Is the app in INSTALLED_APPS of the settings in use?"
        )
    return tuple(notes)


@dataclass(frozen=True)
class _Operation:
    """One entry of `operations`."""

    kind: str
    model: str
    name: str
    shown: str
    """On one line for people."""


def _list_operations(path: str, content: bytes) -> list[_Operation]:
    """List the operations of a file that is one migration and nothing else."""
    try:
        body = foreign_python.parse_module(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise EditFailed(f"{path} was produced, but cannot be read: {problem}") from problem
    own = [one for one in body if not _is_head(one)]
    only = own[0] if len(own) == 1 else None
    if not isinstance(only, ast.ClassDef) or only.name != "Migration":
        raise EditFailed(f"{path} was produced, but is more than one migration. Make it by hand.")
    return [
        _read_operation(one)
        for line in only.body
        if isinstance(line, ast.Assign) and read_dotted_name(line.targets[0]) == "operations"
        for one in (line.value.elts if isinstance(line.value, ast.List) else [line.value])
    ]


def _is_head(node: ast.stmt) -> bool:
    """Whether a statement is an import or a text."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def _read_operation(node: ast.expr) -> _Operation:
    text = tickets.shorten_line(ast.unparse(node), 100)
    where, _, kind = (
        read_dotted_name(node.func) or "" if isinstance(node, ast.Call) else ""
    ).rpartition(".")
    if where != "migrations" or not isinstance(node, ast.Call):
        return _Operation("", "", "", text)
    words = {
        word.arg: str(word.value.value)
        for word in node.keywords
        if isinstance(word.value, ast.Constant)
    }
    model, name = words.get("model_name", ""), words.get("name", "")
    shown = f"{kind} {name}" + f" on {model}" * bool(model) if name else text
    return _Operation(kind, model, name, shown)


def _find_carrier(
    operation: _Operation, parameters: Parameters, carriers: list[Carrier]
) -> Carrier | None:
    """Find the model whose table an operation gives the column; None: nobody asked for it."""
    if operation.kind != "AddField" or operation.name != parameters.field.name:
        return None
    model = operation.model.removeprefix("historical")
    by_name = {one.model.lower(): one for one in carriers}
    return by_name.get(operation.model) or by_name.get(model)


def _read_report(report: bytes) -> dict[str, object]:
    try:
        said = json.loads(report)
    except (ValueError, RecursionError) as problem:
        raise EditFailed("Django's report on the migration cannot be read.") from problem
    if not isinstance(said, dict):
        raise EditFailed("Django's report on the migration cannot be read.")
    return said


def _read_texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _explain_unasked(unasked: list[str], parameters: Parameters) -> UnaskedOperations:
    labels = " ".join(sorted({carrier.app_label for carrier in parameters.carriers}))
    listed = "\n".join(f"- {line}" for line in unasked)
    return UnaskedOperations(
        f"Making the migration for {parameters.field.name} gives more than was asked for:\n"
        f"{listed}\n"
        f"Make this migration by hand: `python manage.py makemigrations {labels}`."
    )
