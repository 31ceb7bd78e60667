"""Check that queries use the manager that the configuration names for a model.

Another manager may bring back rows that the project hides: deleted ones, other tenants'.
"""

import ast
from collections.abc import Iterable, Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.source import PythonSource

MANAGER = Rule(
    "django-manager",
    "Models in `django.managers` are queried through the configured manager.",
    Severity.BLOCK,
)
RULES = (MANAGER,)

_USUAL = frozenset({"objects", "_default_manager", "_base_manager"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    managers = change_context.config.django.managers
    if not managers:
        return

    def find(source: PythonSource) -> Iterator[Hit[str]]:
        for node in source.nodes:
            if isinstance(node, ast.Attribute) and node.attr in _USUAL:
                key = _find_model(source.names.find(node.value), managers)
                if key and node.attr != managers[key]:
                    model = key.rpartition(".")[2]
                    says = f"queries {model} through {node.attr}; the configured manager is"
                    yield Hit(f"{says} {managers[key]}", node.lineno)

    fix = "Use the configured manager, or change django.managers first."
    for path, hit in change_context.find_new_in_application(find):
        yield MANAGER.make_finding(path, hit.what, fix, hit.line)


def _find_model(name: str, managers: Iterable[str]) -> str | None:
    """Return the key of the model that is asked for; one with dots is its whole name."""
    return next((key for key in managers if f".{name}".endswith(f".{key}")), None)
