"""Find forks of migrations: an app, or a folder of alembic, whose migrations have several leaves.

The source is read, so no database is needed. A migration names its predecessors: Django's in
`dependencies`, alembic's in `down_revision`.
"""

import ast
import posixpath
from collections.abc import Collection, Iterator
from typing import NamedTuple

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.layout import is_migration, is_test
from agent.policy.rule import Rule
from agent.policy.source import read_module
from agent.text.sanitise import list_some
from repo_config.tree import Tree

FORKED = Rule(
    "migration-forked",
    "Migrations of an app, or of alembic, have one that is last.",
    Severity.BLOCK,
)
RULES = (FORKED,)


class Migration(NamedTuple):
    path: str
    name: str
    """The name by which later migrations refer to this one."""
    follows: frozenset[str]
    replaces: frozenset[str] = frozenset()


class Fork(NamedTuple):
    """A folder with several leaves: migrations that no other migration follows."""

    folder: str
    leaves: tuple[str, ...]
    """Their paths, sorted."""


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Find forks that the change makes."""
    changed = {file.path for file in change_context.change.files}
    for fork in find_forks(changed, change_context.tree, change_context.after):
        path = next((path for path in fork.leaves if path in changed), fork.leaves[0])
        yield FORKED.make_finding(
            path,
            f"is not the only one in {fork.folder} that none follows: {list_some(fork.leaves)}",
            "Have the new migration follow the one that was last.",
        )


def find_forks(changed: Collection[str], before: Tree, after: Tree) -> Iterator[Fork]:
    """Find folders of changed migrations that have several leaves, and more than before.

    Args:
        changed: Paths of changed files of any kind.
    """
    present = {*after.paths()}
    candidates = {path for path in changed if path in present and path.endswith(".py")}
    folders = {
        posixpath.dirname(path)
        for path in candidates
        if not is_test(path) and is_migration(path, after.read(path))
    }
    for folder in sorted(folders):
        leaves = _list_leaves(after, folder)
        if len(leaves) > max(1, len(_list_leaves(before, folder))):
            yield Fork(folder, leaves)


def _list_leaves(tree: Tree, folder: str) -> tuple[str, ...]:
    paths = (path for path in tree.paths() if posixpath.dirname(path) == folder)
    migrations = [
        migration
        for path in paths
        if is_migration(path, content := tree.read(path))
        and (migration := _read_migration(path, content))
    ]
    names = {migration.name for migration in migrations}
    followed = {name for migration in migrations for name in migration.follows}
    # The migrations that one squashes may still exist: what follows it also follows these.
    for migration in migrations:
        followed |= migration.replaces if migration.name in followed else set()
    squashing = {migration.name for migration in migrations if migration.replaces & names}
    return tuple(
        migration.path for migration in migrations if migration.name not in followed | squashing
    )


def _read_migration(path: str, content: bytes) -> Migration | None:
    """Read a migration; None: the file is no migration, or cannot be parsed."""
    module = read_module(content)
    values = dict(_list_assignments(module.body))
    if "down_revision" in values:
        revision = next(iter(_list_texts(values.get("revision"))), "")
        return Migration(path, revision, _list_texts(values["down_revision"]))
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            inner = dict(_list_assignments(node.body))
            name = posixpath.basename(path).removesuffix(".py")
            follows, replaces = (
                _list_texts(inner.get(key)) for key in ("dependencies", "replaces")
            )
            return Migration(path, name, follows, replaces)
    return None


def _list_assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _list_texts(value: ast.expr | None) -> frozenset[str]:
    nodes = ast.walk(value) if value is not None else ()
    return frozenset(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
