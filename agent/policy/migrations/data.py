"""Hold code of a migration to the models as they were then: those that `apps.get_model` gives.

An imported model is the current one. The migration then breaks on a new database as soon as a later
migration adds a column. Enumerations and plain functions may be imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.names import Scope
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
RULES = (MODEL_IMPORT,)

_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager"})
_MODEL_BASES = frozenset({"django.db.models.Model", "django.db.models.base.Model"})
#: A class of a library, in its module of models.
_LIBRARY_MODEL = re.compile(
    r"[\w.]+\.models(?:\.\w+)*\.[A-Z]\w*|django\.contrib\.auth\.get_user_model\.\(\)"
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for one in reading.find_touched(change_context):
        found = _find_imported_models(one.after.view) if one.is_new and one.after else ()
        for line, model in sorted(set(found)):
            yield MODEL_IMPORT.make_finding(
                one.path,
                f"uses {model} as it is today, and not as it was at this migration",
                'Take it from the registry: apps.get_model("app", "Model").',
                line,
            )


def _find_imported_models(view: View) -> Iterator[tuple[int, str]]:
    for visit in view.list_visits(ast.Attribute):
        if visit.node.attr in _MANAGERS:
            names = view.find_names(visit.node.value, visit.scope)
            is_library = any(map(_LIBRARY_MODEL.fullmatch, names))
            if is_library or any(_find_classes(visit.node.value, visit, view)):
                yield visit.node.lineno, source.format_node(visit.node.value)
    for call in view.list_visits(ast.Call):
        lineages = (view.find_lineage(*one) for one in _find_classes(call.node.func, call, view))
        if any(lineage & _MODEL_BASES for lineage in lineages):
            yield call.node.lineno, source.format_node(call.node.func)


def _find_classes(
    node: ast.expr, visit: Visit[ast.Attribute] | Visit[ast.Call], view: View
) -> Iterator[tuple[ast.ClassDef, Scope]]:
    """Yield the classes of other files of the repository that an expression names."""
    for one in view.find_definitions(node, visit.scope):
        if one.path != view.path and isinstance(one.node, ast.ClassDef):
            yield one.node, one.scope
