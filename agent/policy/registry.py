"""All rules, in the order in which their findings are listed."""

from __future__ import annotations

from agent.policy import tool_rules
from agent.policy.care import generated, imports, magic
from agent.policy.content import gate_files, hidden_text, paths, secrets, size
from agent.policy.contract import (
    async_bridges,
    async_queries,
    background_tasks,
    blocking_calls,
    concurrency,
    factories,
    http_calls,
    http_client,
    http_repeats,
    required_tests,
)
from agent.policy.django import (
    database,
    loops,
    managers,
    model_fields,
    raw_sql,
    settings_edits,
    signals,
    views,
)
from agent.policy.integrity import hollow_tests, suppressions, tests_in_use
from agent.policy.migrations import data, destructive, history, locks, unasked
from agent.policy.rule import Rule, RuleModule
from agent.policy.security import hard_coded_secrets, injection
from agent.policy.upkeep import (
    complexity,
    docstrings,
    lost_types,
    missing_names,
    nested_scans,
    new_dependencies,
    prints,
    public_api,
    swallowed,
    type_checking,
    unused,
)
from agent.policy.versions import python_syntax
from agent.policy.web import answers, fastapi_auth

_CONTENT: tuple[RuleModule, ...] = (paths, size, secrets, hidden_text, gate_files)
_INTEGRITY: tuple[RuleModule, ...] = (hollow_tests, suppressions, tests_in_use)
_SECURITY: tuple[RuleModule, ...] = (injection, hard_coded_secrets)
_VERSIONS: tuple[RuleModule, ...] = (python_syntax,)
_CONTRACT: tuple[RuleModule, ...] = (
    http_client,
    http_calls,
    http_repeats,
    concurrency,
    async_queries,
    blocking_calls,
    async_bridges,
    background_tasks,
    factories,
    required_tests,
)
_CARE: tuple[RuleModule, ...] = (
    imports,
    generated,
    magic,
)
_DJANGO: tuple[RuleModule, ...] = (
    signals,
    views,
    managers,
    raw_sql,
    model_fields,
    settings_edits,
    database,
    loops,
)
_WEB: tuple[RuleModule, ...] = (
    fastapi_auth,
    answers,
)
_MIGRATIONS: tuple[RuleModule, ...] = (history, unasked, destructive, locks, data)
_UPKEEP: tuple[RuleModule, ...] = (
    missing_names,
    new_dependencies,
    swallowed,
    prints,
    public_api,
    complexity,
    lost_types,
    type_checking,
    docstrings,
    unused,
    nested_scans,
)

MODULES: tuple[RuleModule, ...] = (
    *_CONTENT,
    *_INTEGRITY,
    *_SECURITY,
    *_VERSIONS,
    *_CONTRACT,
    *_CARE,
    *_WEB,
    *_DJANGO,
    *_MIGRATIONS,
    *_UPKEEP,
)
OF_CHANGES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)
"""Those that look at the change alone, before anything runs."""
OF_WHOLE_FILES: frozenset[str] = frozenset(
    rule.id for module in (*_CONTENT, *_INTEGRITY) for rule in module.RULES
)
"""Those on what a change makes of a file, whatever its code says: their findings do not tell an
edit from another one of the same file."""
RULES: tuple[Rule, ...] = (*OF_CHANGES, *tool_rules.RULES)
