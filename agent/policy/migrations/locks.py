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
from agent.policy.django import files
from agent.policy.migrations import columns, touched_files
from agent.policy.migrations.operations import Operation
from agent.policy.migrations.touched_files import Touched
from agent.policy.proposal import Proposal
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
_SAYS = {
    "AddIndex": "makes an index on {model}, during which nobody writes to the table",
    "RemoveIndex": "drops an index on {model}, for which nobody may read or write the table",
    "AddConstraint": "adds a constraint to {model}, for which every row is checked under a lock",
    "AlterUniqueTogether": "makes an index on {model}, during which nobody writes to the table",
    "AlterIndexTogether": "makes an index on {model}, during which nobody writes to the table",
}
_FIX = {
    "AddIndex": "Use AddIndexConcurrently of django.contrib.postgres.operations, with atomic = "
    "False.",
    "RemoveIndex": "Use RemoveIndexConcurrently of django.contrib.postgres.operations, with atomic "
    "= False.",
    "AddConstraint": "Use AddConstraintNotValid, then ValidateConstraint; for unique ones see that "
    "the table is small.",
}
_SMALL = "See that the table is small, or that nobody needs it meanwhile."
_INDEXED = frozenset({"ForeignKey", "OneToOneField", "SlugField"})


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new operation that locks a table for long."""
    new = [
        one
        for one in touched_files.find_touched(proposal)
        if one.is_new and one.after and not files.is_test(one.path)
    ]
    if not new or not _on_postgres(proposal):
        return
    for one in new:
        made = _made(one, new)
        for operation in one.after.operations if one.after else ():
            if operation.in_database and operation.model.lower() not in made:
                yield from _locks(operation, one, proposal)


def _made(one: Touched, new: list[Touched]) -> set[str]:
    """Return the models of the app that the change itself makes."""
    return {
        operation.text("name").lower()
        for other in new
        if other.folder == one.folder and other.after
        for operation in other.after.operations
        if operation.kind == "CreateModel"
    }


def _locks(operation: Operation, one: Touched, proposal: Proposal) -> Iterator[Finding]:
    kind = operation.kind
    if kind in _SAYS and not _is_empty(operation):
        fix = _FIX.get(kind, _SMALL)
        yield LOCKS.at(one.path, _SAYS[kind].format(model=operation.model), fix, operation.line)
    after = columns.of(operation.words.get("field"))
    if after is None:
        return
    where = f"{operation.field} on {operation.model}"
    if kind == "AddField" and _has_index(after):
        yield NEW_INDEX.at(
            one.path, f"adds {where} with an index, which is built under a lock", _SMALL,
            operation.line,
        )  # fmt: skip
    if kind == "AlterField" and (before := columns.before(operation, one, proposal)):
        if after.kind != before.kind and not columns.is_same_in_postgres(before, after):
            yield LOCKS.at(
                one.path,
                f"makes {where} a {after.kind}, for which the table is written anew under a lock",
                _SMALL,
                operation.line,
            )
        elif _has_index(after) and not _has_index(before):
            yield LOCKS.at(
                one.path, f"gives {where} an index, which is built under a lock", _SMALL,
                operation.line,
            )  # fmt: skip


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


def _on_postgres(proposal: Proposal) -> bool:
    """Whether the configuration says, or the repository shows, that it uses PostgreSQL."""
    if proposal.config.django.database != "any":
        return proposal.config.django.database == "postgres"
    if any(service.startswith("postgres") for service in proposal.config.services):
        return True
    django = proposal.project.django
    module = django.settings_module if django else None
    if django is None or module is None:
        return False
    inner = module.replace(".", "/")
    stems = {posixpath.join(folder, inner) for folder in ("", "src", *django.python_path)}
    homes = {posixpath.dirname(stem) for stem in stems}
    for path in proposal.tree.paths():
        if not path.endswith(".py"):
            continue
        stem = path.removesuffix(".py").removesuffix("/__init__")
        is_beside = posixpath.dirname(path) in homes and posixpath.basename(inner) != "settings"
        if (stem in stems or is_beside) and _ENGINE.search(proposal.tree.read(path)):
            return True
    return False
