"""Hold the operations of a new migration to what the ticket asks for and the change does.

`makemigrations` writes down every difference between models and migrations, also those that
somebody forgot before: the new column of the ticket, and beside it a column that is dropped on a
table nobody spoke of. So each operation has to be accounted for: the ticket names its field or
model, or the change edits them, or what they are made of. A column or table that goes is not
accounted for by its name alone: a model of the change has to lose it. Without a ticket nothing is
said. What is behind an upgrade of a dependency cannot be told from here, and is for the reviewer.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.django import files
from agent.policy.migrations import touched_files
from agent.policy.migrations.operations import Operation
from agent.policy.rule import Rule
from agent.policy.view import View

UNASKED = Rule(
    id="migration-unasked",
    demands="A new migration does what the ticket asks for and the change needs, and no more.",
    severity=Severity.BLOCK,
    bad='# the ticket: add a note to orders\nmigrations.RemoveField("customer", "phone")',
    good='# the ticket: add a note to orders\nmigrations.AddField("order", "note", …)',
)
UNEXPLAINED = Rule(
    id="migration-unexplained",
    demands="An operation that neither ticket nor change explain for certain is looked at.",
    severity=Severity.REVIEW,
    bad='# the ticket: add the missing migrations\nmigrations.AddField("customer", "phone", …)',
    good="# the ticket: add the missing migration for Customer.phone",
)
RULES = (UNASKED, UNEXPLAINED)

#: What is made by hand, and what no table shows.
_NO_MATTER = frozenset(
    {"", "RunPython", "RunSQL", "AlterModelOptions", "AlterModelManagers", "AlterModelTableComment"}
)
#: What is in them is lost; one word of a ticket is no reason.
_LOSSES = frozenset({"DeleteModel", "RemoveField"})
#: Operations that are asked for by the fields that they list.
_LISTING = re.compile(r"Add(?:Index|Constraint)|Alter(?:Index|Unique)Together")
#: What a line of a model says where an operation that names no field comes of it.
_META = frozenset(
    {"index", "indexes", "index_together", "constraints", "uniqueconstraint", "checkconstraint"}
    | {"exclusionconstraint", "unique_together", "db_table", "order_with_respect_to"}
)
#: A ticket about migrations that somebody forgot.
_CAUGHT_UP = re.compile(
    r"\bmakemigrations\b|\b(?:missing|forgotten|outstanding|pending|unmade)\b[^.\n]{0,40}\bmigrations?\b"
    r"|\bmigrations?\b[^.\n]{0,40}\b(?:missing|forgotten|outstanding|pending|out of date|behind)\b"
)
_DEPENDENCIES = re.compile(
    r"(?:.*/)?(?:(?:[^/]*requirements|constraints)[^/]*\.(?:txt|in)|pyproject\.toml"
    r"|setup\.(?:py|cfg)|Pipfile|[^/]*\.lock)"
)
_FIX = "Leave it out of the migration, or make it a ticket of its own."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for each new operation that nobody asked for."""
    if change_context.ticket is None:
        return
    new = [
        (one, operation)
        for one in touched_files.find_touched(change_context)
        if one.is_new and one.after and not one.after.replaces
        for operation in one.after.operations
        if operation.kind not in _NO_MATTER
    ]
    if not new:
        return
    made = {(one.folder, it.model.lower()) for one, it in new if it.kind == "CreateModel"}
    account = _Account(change_context)
    for one, operation in new:
        is_of_made = (one.folder, operation.model.lower()) in made
        if (is_of_made and operation.kind != "CreateModel") or account.is_explained(operation):
            continue
        yield (UNASKED if account.is_certain(operation) else UNEXPLAINED).make_finding(
            one.path,
            f"has {operation.description()}, which neither the ticket nor the change speaks of",
            _FIX,
            operation.line,
        )


class _Account:
    """What ticket and change speak of."""

    def __init__(self, change_context: ChangeContext) -> None:
        ticket = change_context.ticket
        self._asked = f"{ticket.title}\n{ticket.body}".lower() if ticket else ""
        self._upgrades = any(map(_DEPENDENCIES.fullmatch, change_context.change.paths))
        self._python = [one for one in change_context.python if not files.is_migration(one.path)]
        before = [_read_classes(one.before) for one in self._python]
        after = [_read_classes(one.after) for one in self._python]
        self._lost = set().union(*before) - set().union(*after)
        self._words = {word for one in self._python for word in _find_changed(one)}

    def is_certain(self, operation: Operation) -> bool:
        """Whether what is not explained here cannot come from elsewhere."""
        if operation.kind in _LOSSES:
            named = any(map(self._is_named, _name(operation)))
            return not self._upgrades and not named and not _CAUGHT_UP.search(self._asked)
        return not self._upgrades and "migrat" not in self._asked

    def is_explained(self, operation: Operation) -> bool:
        """Whether ticket or change ask for an operation."""
        names = _name(operation)
        if operation.kind == "DeleteModel":
            return any((name.lower(), "") in self._lost for name in names)
        if operation.kind == "RemoveField":
            model = operation.model.lower().removeprefix("historical")
            # Its base may have had it.
            return any(
                part == operation.field.lower() or (name == model and part.startswith("("))
                for name, part in self._lost
            )
        if any(self._is_named(name) or name.lower() in self._words for name in names):
            return True
        if operation.field == "id" and "default_auto_field" in self._words:
            return True
        parts = self._find_parts(operation.model, operation.field)
        return bool(self._words & (parts if operation.field else parts | _META))

    def _is_named(self, name: str) -> bool:
        """Whether the ticket says a name, as code or in words."""
        spoken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).lower()
        forms = (name.lower(), spoken, spoken.replace(" ", "-"), f"{spoken}s")
        return any(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", self._asked) for one in forms)

    def _find_parts(self, model: str, field: str) -> set[str]:
        """Return the names that a field, and the bases of its model, are made of; small."""
        for visit in (
            it for one in self._python if one.after for it in one.after.all(ast.ClassDef)
        ):
            if visit.node.name.lower() == model.lower():
                lines = [node for node in visit.node.body if field and field in _find_bound(node)]
                parts = (name for part in (*visit.node.bases, *lines) for name in _find_used(part))
                return {name.lower() for name in parts} - {"models", "model", "choices"}
        return set()


def _find_used(node: ast.AST) -> Iterator[str]:
    """Yield the names and attributes in a definition, without those of `models` itself."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute) and source.format_node(inner.value) != "models":
            yield inner.attr


def _read_classes(view: View | None) -> set[tuple[str, str]]:
    """Return each class with "" and with each of its fields, and by its bases; names are small."""
    found = set()
    for visit in view.all(ast.ClassDef) if view else ():
        name = visit.node.name.lower()
        bases = " ".join(map(source.format_node, visit.node.bases))
        fields = {field.lower() for item in visit.node.body for field in _find_bound(item)}
        found |= {(name, field) for field in ("", f"({bases}", *fields)}
    return found


def _find_changed(file: PythonFile) -> Iterator[str]:
    """Yield the names on lines that differ, and of constants and classes that do; small.

    A model is edited for one field; that explains no other one.
    """
    texts = (source.text(one or b"") for one in (file.file.before, file.file.after))
    before, after = (Counter(text.splitlines()) for text in texts)
    differing = (before - after) + (after - before)
    yield from (word.lower() for line in differing for word in re.findall(r"[A-Za-z_]\w*", line))
    had = {ast.dump(node) for node in _find_definitions(file.before)}
    for node in _find_definitions(file.after) if file.before else ():
        if ast.dump(node) not in had:
            yield from (name.lower() for name in _find_bound(node))


def _find_definitions(view: View | None) -> Iterable[ast.stmt]:
    """Yield what a file and its classes assign, and the classes but for models."""
    for visit in view.all(ast.Assign) if view else ():
        yield visit.node
    for made in view.all(ast.ClassDef) if view else ():
        if not any(re.search(r"Model\b", source.format_node(base)) for base in made.node.bases):
            yield made.node


def _find_bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.ClassDef):
        return {statement.name}
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _name(operation: Operation) -> list[str]:
    """Return the names by which an operation can be asked for; of a field its own alone."""
    if operation.field:
        names = [operation.field, operation.text("new_name")]
    elif _LISTING.match(operation.kind):
        given = [one for word, one in operation.words.items() if word not in ("name", "model_name")]
        constants = (node for one in given for node in ast.walk(one))
        names = [str(node.value) for node in constants if isinstance(node, ast.Constant)]
    else:
        words = ("name", "old_name", "new_name", "model_name")
        names = [operation.text(word) for word in words]
        # What django-simple-history makes beside a model.
        names += [name.removeprefix("Historical") for name in names]
    return [name for name in names if name]
