"""Keep the history of migrations one line that everybody has run in the same order.

A migration that is on the base branch has been run, on servers and on the machines of others;
whoever edits or deletes it has their databases differ from a new one without anybody being told.
Two ends of one app stop Django with an error. Both block. Squashing is the one way in which
migrations may go, and a person looks at it: it is only safe once every database has run what it
replaces. What a new migration does is left to the other rules here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.django import files
from agent.policy.migrations import graph
from agent.policy.migrations.graph import App, Touched
from agent.policy.migrations.operations import Migration
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule

GRAPH = Rule(
    id="migration-graph",
    demands="After the change the migrations of each app end in one, and what they depend on is "
    "there.",
    severity=Severity.BLOCK,
    bad='# 0003_note.py, beside 0003_paid.py\ndependencies = [("shop", "0002_total")]',
    good='# 0004_note.py\ndependencies = [("shop", "0003_paid")]',
)
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
RULES = (GRAPH, MERGED, SQUASH)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each break in the history of an app."""
    touched = graph.touched(proposal)
    for folder in sorted({one.folder for one in touched}):
        here = [one for one in touched if one.folder == folder]
        app = graph.app(proposal, folder, after=True)
        yield from _graph(here, app, graph.app(proposal, folder, after=False))
        for one in here:
            if one.is_new:
                yield from _squashes(one)
            elif one.before and not files.is_test(one.path):
                yield from _kept(one, one.before, app)


# --- the graph --------------------------------------------------------------------------------


def _graph(here: list[Touched], app: App, base: App) -> Iterator[Finding]:
    lost = [(one, name) for one in here for name in _lost(one, app)]
    for one, name in lost:
        yield GRAPH.at(
            one.path,
            f"depends on {app.label}.{name}, which is not there",
            "Name the last migration of the app as it is called.",
            _line_of(one.after, "dependencies"),
        )
    if not lost and len(app.leaves) > max(1, len(base.leaves)):
        ends = [one for one in here if one.name in app.leaves] or here
        yield GRAPH.at(
            ends[0].path,
            f"leaves {app.label} with more than one last migration: {', '.join(app.leaves)}",
            "Let the new migration depend on the other one, which is what makemigrations does.",
            _line_of(ends[0].after, "dependencies"),
        )


def _lost(one: Touched, app: App) -> list[str]:
    """Return what a migration newly depends on in its own app, and is not there."""
    had = one.before.links.dependencies if one.before else ()
    return [
        name
        for label, name in (one.after.links.dependencies if one.after else ())
        if label == app.label and not app.knows(name) and (label, name) not in had
    ]


def _line_of(migration: Migration | None, name: str) -> int | None:
    if migration is None:
        return None
    for statement in migration.node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return statement.lineno
    return migration.node.lineno


# --- what was merged --------------------------------------------------------------------------


def _squashes(one: Touched) -> Iterator[Finding]:
    if one.after and one.after.links.replaces:
        count = len(one.after.links.replaces)
        yield SQUASH.at(
            one.path,
            f"replaces {count} migration{'s' * (count != 1)}",
            "See that every database has run what it replaces before that is deleted.",
            _line_of(one.after, "replaces"),
        )


def _kept(one: Touched, before: Migration, app: App) -> Iterator[Finding]:
    after = one.after
    if one.file.file.after is None:
        yield from _gone(one, app)
        return
    if after and _essence(before) == _essence(after):
        return
    if after and _no_longer_replaces(before, after):
        yield SQUASH.at(
            one.path,
            "no longer says which migrations it replaces",
            "See that every database has run it, and that those it replaced are gone.",
        )
        return
    yield MERGED.at(
        one.path,
        "is on the base branch already, and is edited; databases that have run it stay as they are",
        "Leave it as it is and add a new migration.",
        _first_new_line(one),
    )


def _gone(one: Touched, app: App) -> Iterator[Finding]:
    by = app.replaced.get(one.name)
    if by:
        yield SQUASH.at(
            one.path,
            f"is deleted; {by} replaces it",
            "See that every database has run what replaces it.",
        )
        return
    yield MERGED.at(
        one.path,
        "is on the base branch already, and is deleted; databases that have run it know its name",
        "Leave it where it is, or squash it with `squashmigrations` first.",
    )


def _first_new_line(one: Touched) -> int | None:
    after = one.file.after
    if after is None:
        return None
    return next(
        (number for number in range(1, len(after.lines) + 1) if one.file.is_new(number)), None
    )


def _essence(migration: Migration) -> str:
    """What a file does, whatever its comments, quotes and imports look like."""
    kept: list[str] = []
    for statement in migration.view.module.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_text(statement):
            continue
        kept.append(_dump(statement))
    return "\n".join(kept)


def _dump(statement: ast.AST) -> str:
    return ast.dump(_Plain().visit(ast.parse(source.written(statement))))


def _no_longer_replaces(before: Migration, after: Migration) -> bool:
    """Whether nothing else differs, but for dependencies, which have to be named anew."""
    done = [
        [ast.dump(operation.visit.node) for operation in migration.operations]
        for migration in (before, after)
    ]
    return bool(before.links.replaces) and not after.links.replaces and done[0] == done[1]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Plain(ast.NodeTransformer):
    """Takes away what makes no difference: docstrings, annotations, prefixes of texts."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return node
        plain = ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)
        return self.generic_visit(plain)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node) else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        node.kind = None
        return node
