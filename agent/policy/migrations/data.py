"""Hold code and SQL in a migration to what makes them run again, and back.

Code of a migration runs against the models as they were then: the ones that `apps.get_model`
gives. A model that is imported is the one of today, and the migration breaks on a new database as
soon as a later migration adds a column; that blocks. Without the way back a release cannot be
taken back; that is for the reviewer. Enumerations and plain functions may be imported. What SQL
destroys is left to `destructive`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import touched_files
from agent.policy.migrations.operations import Migration, Operation
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

MODEL_IMPORT = Rule(
    id="migration-model-import",
    demands="Code of a migration takes models from `apps.get_model`, and imports none.",
    severity=Severity.BLOCK,
    bad="from shop.models import Order\n\ndef fill(apps, schema_editor):\n"
    "    Order.objects.update(paid=False)",
    good='def fill(apps, schema_editor):\n    Order = apps.get_model("shop", "Order")\n'
    "    Order.objects.update(paid=False)",
)
IRREVERSIBLE = Rule(
    id="migration-irreversible",
    demands="Code and SQL of a migration say how they are taken back.",
    severity=Severity.REVIEW,
    bad="migrations.RunPython(fill)",
    good="migrations.RunPython(fill, migrations.RunPython.noop)",
)
RULES = (MODEL_IMPORT, IRREVERSIBLE)

_BACK = {"RunPython": "reverse_code", "RunSQL": "reverse_sql"}
_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager"})
_MODEL_BASES = frozenset({"django.db.models.Model", "django.db.models.base.Model"})
#: A class of a library, in its module of models.
_LIBRARY_MODEL = re.compile(r"[\w.]+\.models(?:\.\w+)*\.[A-Z]\w*")
_USER = "django.contrib.auth.get_user_model.()"


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for each new piece of code that cannot be run again or taken back."""
    for one in touched_files.find_touched(change_context):
        if not one.is_new or one.after is None:
            continue
        for operation in one.after.operations:
            yield from _check_reversible(one.path, operation)
        for line, model in sorted(set(_imported_models(one.after))):
            yield MODEL_IMPORT.make_finding(
                one.path,
                f"uses {model} as it is today, and not as it was at this migration",
                'Take it from the registry: apps.get_model("app", "Model").',
                line,
            )


def _check_reversible(path: str, operation: Operation) -> Iterator[Finding]:
    word = _BACK.get(operation.kind)
    if word is None or None in {one.arg for one in operation.visit.node.keywords}:
        return
    back = operation.words.get(word)
    if back is None or (isinstance(back, ast.Constant) and back.value is None):
        yield IRREVERSIBLE.make_finding(
            path,
            f"has {operation.kind} without {word}, so that it cannot be taken back",
            f"Give {word}; migrations.{operation.kind}.noop where nothing has to be done.",
            operation.line,
        )


def _imported_models(migration: Migration) -> Iterator[tuple[int, str]]:
    view = migration.view
    for visit in view.all(ast.Attribute):
        if visit.node.attr in _MANAGERS and _is_today(visit.node.value, visit, view):
            yield visit.node.lineno, source.format_node(visit.node.value)
    for call in view.all(ast.Call):
        if _makes_row(call, view):
            yield call.node.lineno, source.format_node(call.node.func)


def _is_today(node: ast.expr, visit: Visit[ast.Attribute], view: View) -> bool:
    """Whether it is a model as it was imported: of the repository, or of a library."""
    names = view.names(node, visit.scope)
    others = [one for one in view.definitions(node, visit.scope) if one.path != view.path]
    if any(isinstance(one.node, ast.ClassDef) for one in others):
        return True
    return _USER in names or any(map(_LIBRARY_MODEL.fullmatch, names))


def _makes_row(call: Visit[ast.Call], view: View) -> bool:
    """Whether it makes an instance of a model of the repository."""
    for one in view.definitions(call.node.func, call.scope):
        if one.path != view.path and isinstance(one.node, ast.ClassDef):
            if view.lineage(one.node, one.scope) & _MODEL_BASES:
                return True
    return False
