"""All rules, in the order in which their findings are listed."""

from __future__ import annotations

from agent.policy import tool_rules
from agent.policy.content import gate_files, generated, hidden_text, paths, secrets, size
from agent.policy.contract import concurrency, factories, required_tests
from agent.policy.django import (
    database,
    loops,
    managers,
    raw_sql,
    settings_edits,
    signals,
    views,
)
from agent.policy.integrity import hollow_tests, suppressions, tests_in_use
from agent.policy.maintainability import (
    nested_scans,
    new_dependencies,
    type_checking,
)
from agent.policy.migrations import data, destructive, history, locks, unasked
from agent.policy.rule import Rule, RuleModule
from agent.policy.security import request_values
from agent.policy.versions import python_syntax
from agent.policy.web import answers

_CONTENT: tuple[RuleModule, ...] = (
    paths,
    size,
    secrets,
    hidden_text,
    gate_files,
    generated,
)
_INTEGRITY: tuple[RuleModule, ...] = (hollow_tests, suppressions, tests_in_use)
_SECURITY: tuple[RuleModule, ...] = (request_values,)
_VERSIONS: tuple[RuleModule, ...] = (python_syntax,)
_CONTRACT: tuple[RuleModule, ...] = (concurrency, factories, required_tests)
_DJANGO: tuple[RuleModule, ...] = (
    signals,
    views,
    managers,
    raw_sql,
    settings_edits,
    database,
    loops,
)
_WEB: tuple[RuleModule, ...] = (answers,)
_MIGRATIONS: tuple[RuleModule, ...] = (history, unasked, destructive, locks, data)
_UPKEEP: tuple[RuleModule, ...] = (
    new_dependencies,
    type_checking,
    nested_scans,
)

MODULES: tuple[RuleModule, ...] = (
    *_CONTENT,
    *_INTEGRITY,
    *_SECURITY,
    *_VERSIONS,
    *_CONTRACT,
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
