"""Keep migrations that everybody has run as they are.

A migration that is on the base branch has been run, on servers and on the machines of others;
whoever edits or deletes it has their databases differ from a new one without anybody being told,
Django included. Squashing is the one way in which migrations may go, and a person looks at it: it
is only safe once every database has run what it replaces. How they follow one another is told by
Django, in its checks; what a new one does, by the other rules here.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.django import files
from agent.policy.migrations import touched_files
from agent.policy.migrations.operations import Migration
from agent.policy.migrations.touched_files import Touched
from agent.policy.rule import Rule

MERGED = Rule(
    id="migration-merged",
    demands="A migration that is on the base branch keeps its operations, and stays.",
    severity=Severity.BLOCK,
    bad="0002_total.py is edited so that it makes another column",
    good="0003_alter_order_total.py is added",
)
SQUASH = Rule(
    id="migration-squash",
    demands="Migrations that replace others, or go because they were replaced, are looked at.",
    severity=Severity.REVIEW,
    bad='replaces = [("shop", "0001_initial"), ("shop", "0002_total")]',
    good='dependencies = [("shop", "0002_total")]',
)
RULES = (MERGED, SQUASH)

_RUN = "See that every database has run what is replaced, and what replaces it."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for each migration that replaces others, is edited or goes."""
    for one in touched_files.find_touched(change_context):
        if one.is_new and one.after and one.after.replaces:
            line = one.after.node.lineno
            yield SQUASH.make_finding(one.path, "replaces other migrations", _RUN, line)
        elif one.before and not files.is_test(one.path):
            yield from _find_edits(one, one.before, change_context)


def _find_edits(
    one: Touched, before: Migration, change_context: ChangeContext
) -> Iterator[Finding]:
    done = "is edited; databases that have run it stay as they are"
    line = min(one.file.new_lines, default=None)
    if one.file.file.after is None:
        others = touched_files.read_others(one, change_context, one.name)
        if any(other and one.name in {name for _, name in other.replaces} for _, other in others):
            yield SQUASH.make_finding(one.path, "is deleted; another one replaces it", _RUN)
            return
        done, line = "is deleted; databases that have run it know its name", None
    elif one.after and _dump_operations(before) == _dump_operations(one.after):
        if before.replaces == one.after.replaces and before.dependencies == one.after.dependencies:
            return
        if before.replaces and not one.after.replaces:
            yield SQUASH.make_finding(one.path, "no longer says which migrations it replaces", _RUN)
            return
    yield MERGED.make_finding(
        one.path,
        f"is on the base branch already, and {done}",
        "Leave it as it is and add a new migration.",
        line,
    )


def _dump_operations(migration: Migration) -> list[str]:
    """Write what is done, and the code that it calls, without types and docstrings."""
    kept: list[ast.AST] = [operation.visit.node for operation in migration.operations]
    for statement in migration.view.module.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Assign)):
            if statement is not migration.node:
                kept.append(copy.deepcopy(statement))
    for node in (inner for one in kept for inner in ast.walk(one)):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            node.body = [one for one in node.body if not _is_text(one)]
        elif isinstance(node, ast.arg):
            node.annotation = None
    return [ast.dump(one) for one in kept]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
