"""All rules, in the order in which their findings are listed."""

from agent.policy import application, ruff_rules, test_changes
from agent.policy.content import (
    conflict_marks,
    gate_files,
    hidden_text,
    paths,
    secrets,
    size,
)
from agent.policy.contract import (
    fastapi_auth,
    handlers,
    new_dependencies,
    python_version,
)
from agent.policy.django import managers
from agent.policy.integrity import hollow_tests, imported_names, suppressions
from agent.policy.migrations import history, operations
from agent.policy.rule import Rule, RuleModule

MODULES: tuple[RuleModule, ...] = (
    *(paths, size, secrets, hidden_text, conflict_marks, gate_files),
    *(hollow_tests, suppressions, imported_names),
    *(python_version, new_dependencies, managers, history),
)
OF_CHANGES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)
"""Rules that read the change alone, before anything runs."""
OF_RUNS: tuple[Rule, ...] = (
    *ruff_rules.RULES,
    suppressions.OTHER_SETTINGS,
    *handlers.OF_HANDLERS,
    *fastapi_auth.OF_ENDPOINTS,
    *application.OF_APPLICATIONS,
    *test_changes.OF_TESTS,
    *(new_dependencies.ALTERED, new_dependencies.UNASKED),
    *(operations.ON_ROWS, operations.DESTRUCTIVE),
)
"""Rules of what is found in sandboxes, with the change and not on base."""
RULES: tuple[Rule, ...] = (*OF_CHANGES, *OF_RUNS)
