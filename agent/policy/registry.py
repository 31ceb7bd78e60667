"""List all rules, in the order of their findings."""

from agent.policy import (
    conventions,
    fastapi_auth,
    gate_files,
    line_rules,
    migration_chains,
    migrations,
    new_dependencies,
    paths,
    python_modules,
    ruff_contract,
    secrets,
    test_changes,
)
from agent.policy.rule import Rule, RuleModule

MODULES: tuple[RuleModule, ...] = (
    *(paths, secrets, line_rules, gate_files, test_changes, python_modules),
    *(new_dependencies, migrations, migration_chains, conventions, fastapi_auth),
)
OF_CHANGES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)
"""Rules that read the change alone, before anything runs."""
OF_RUNS: tuple[Rule, ...] = (
    *ruff_contract.RULES,
    *test_changes.OF_TESTS,
    *(new_dependencies.ALTERED, new_dependencies.UNASKED),
)
"""Rules about what sandboxes find with the change and not on base."""
RULES: tuple[Rule, ...] = (*OF_CHANGES, *OF_RUNS)
