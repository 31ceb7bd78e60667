"""Show the reviewer what holds a table of PostgreSQL while it is built or checked.

An index that is not made concurrently, a constraint, a column of another type: nobody writes to
the table, or reads it, until every row has been gone through. On a large table that is downtime;
how large it is nobody can tell from here. Only where `django.database` says so, or the repository
shows that it uses PostgreSQL, in `services` or in its settings. Tables that the same change makes
are empty. Since PostgreSQL 11 a column with a default is made without going through the rows, so
that it is not on the list.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.django import files
from agent.policy.migrations import columns, touched_files
from agent.policy.migrations.operations import Operation
from agent.policy.migrations.touched_files import Touched
from agent.policy.rule import Rule

LOCKS = Rule(
    id="migration-locks",
    demands="What locks a table of PostgreSQL for as long as its rows take is looked at.",
    severity=Severity.REVIEW,
    bad='migrations.AddIndex("order", models.Index(fields=["paid"], name="paid"))',
    good='AddIndexConcurrently("order", models.Index(fields=["paid"], name="paid"))',
)
NEW_INDEX = Rule(
    id="migration-column-index",
    demands="A new column of a table of PostgreSQL that comes with an index is mentioned.",
    severity=Severity.INFO,
    bad='migrations.AddField("order", "code", models.IntegerField(null=True, db_index=True))',
    good='migrations.AddField("order", "code", models.IntegerField(null=True))',
)
RULES = (LOCKS, NEW_INDEX)

_ENGINE = re.compile(
    rb"django\.db\.backends\.postgresql|contrib\.gis\.db\.backends\.postgis|psqlextra\.backend"
    rb"|django_prometheus\.db\.backends\.postgresql"
)
_SMALL = "See that the table is small, or that nobody needs it meanwhile."
_MAKES_INDEX = "makes an index on {model}, during which nobody writes to the table"
_OPERATIONS = "of django.contrib.postgres.operations"
#: By operation: what it does, and the way out.
_LOCKING = {
    "AddIndex": (_MAKES_INDEX, f"Use AddIndexConcurrently {_OPERATIONS}, with atomic = False."),
    "RemoveIndex": (
        "drops an index on {model}, for which nobody may read or write the table",
        f"Use RemoveIndexConcurrently {_OPERATIONS}, with atomic = False.",
    ),
    "AddConstraint": (
        "adds a constraint to {model}, for which every row is checked under a lock",
        "Use AddConstraintNotValid, then ValidateConstraint; for a unique one, have a small table.",
    ),
    "AlterUniqueTogether": (_MAKES_INDEX, _SMALL),
    "AlterIndexTogether": (_MAKES_INDEX, _SMALL),
}
_INDEXED = frozenset({"ForeignKey", "OneToOneField", "SlugField"})


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for each new operation that locks a table for long."""
    new = [
        (one, operation)
        for one in touched_files.find_touched(change_context)
        if one.is_new and one.after and not files.is_test(one.path)
        for operation in one.after.operations
    ]
    if not new or not _on_postgres(change_context):
        return
    # What the change itself makes is empty.
    made = {(one.folder, it.text("name").lower()) for one, it in new if it.kind == "CreateModel"}
    for one, operation in new:
        if operation.in_database and (one.folder, operation.model.lower()) not in made:
            for rule, says, fix in _locks(operation, one, change_context):
                yield rule.make_finding(one.path, says, fix, operation.line)


def _locks(
    operation: Operation, one: Touched, change_context: ChangeContext
) -> Iterator[tuple[Rule, str, str]]:
    kind = operation.kind
    if kind in _LOCKING and not _is_empty(operation):
        says, fix = _LOCKING[kind]
        yield LOCKS, says.format(model=operation.model), fix
    after = columns.read_column(operation.words.get("field"))
    if after is None:
        return
    where = f"{operation.field} on {operation.model}"
    if kind == "AddField" and _has_index(after):
        yield NEW_INDEX, f"adds {where} with an index, which is built under a lock", _SMALL
    if kind == "AlterField" and (
        before := columns.read_previous_column(operation, one, change_context)
    ):
        if after.kind != before.kind and not columns.is_same_in_postgres(before, after):
            says = f"makes {where} a {after.kind}, for which the table is written anew under a lock"
            yield LOCKS, says, _SMALL
        elif _has_index(after) and not _has_index(before):
            yield LOCKS, f"gives {where} an index, which is built under a lock", _SMALL


def _is_empty(operation: Operation) -> bool:
    """Whether an operation on several columns takes the last of them away."""
    for name in ("unique_together", "index_together"):
        value = operation.words.get(name)
        if isinstance(value, (ast.Set, ast.List, ast.Tuple)) and not value.elts:
            return True
        if isinstance(value, ast.Call) and not value.args:
            return True
        if isinstance(value, ast.Constant) and value.value is None:
            return True
    return False


def _has_index(column: columns.Column) -> bool:
    if column.is_set("unique") or column.is_set("db_index"):
        return True
    return column.kind in _INDEXED and "db_index" not in column.words


def _on_postgres(change_context: ChangeContext) -> bool:
    """Whether the configuration says, or the repository shows, that it uses PostgreSQL."""
    if change_context.config.django.database != "any":
        return change_context.config.django.database == "postgres"
    if any(service.startswith("postgres") for service in change_context.config.services):
        return True
    django = change_context.project.django
    module = django.settings_module if django else None
    if django is None or module is None:
        return False
    inner = module.replace(".", "/")
    stems = {posixpath.join(folder, inner) for folder in ("", "src", *django.python_path)}
    homes = {posixpath.dirname(stem) for stem in stems}
    for path in change_context.tree.paths():
        if not path.endswith(".py"):
            continue
        stem = path.removesuffix(".py").removesuffix("/__init__")
        is_beside = posixpath.dirname(path) in homes and posixpath.basename(inner) != "settings"
        if (stem in stems or is_beside) and _ENGINE.search(change_context.tree.read(path)):
            return True
    return False
