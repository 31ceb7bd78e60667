"""All rules, in the order in which their findings are listed."""

from agent.policy import tool_rules
from agent.policy.content import (
    conflict_marks,
    gate_files,
    hidden_text,
    paths,
    secrets,
    size,
)
from agent.policy.contract import (
    new_dependencies,
    python_version,
)
from agent.policy.django import managers
from agent.policy.integrity import hollow_tests, imported_names, suppressions
from agent.policy.migrations import history
from agent.policy.rule import Rule, RuleModule

_CONTENT: tuple[RuleModule, ...] = (paths, size, secrets, hidden_text, conflict_marks, gate_files)
_INTEGRITY: tuple[RuleModule, ...] = (hollow_tests, suppressions, imported_names)

MODULES: tuple[RuleModule, ...] = (
    *_CONTENT,
    *_INTEGRITY,
    *(python_version, new_dependencies),
    managers,
    history,
)
OF_CHANGES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)
"""Rules that read the change alone, before anything runs."""
RULES: tuple[Rule, ...] = (*OF_CHANGES, *tool_rules.RULES)
