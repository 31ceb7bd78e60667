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
import difflib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import source
from agent.policy.django import files
from agent.policy.migrations import touched_files
from agent.policy.migrations.operations import Operation
from agent.policy.migrations.touched_files import Touched
from agent.policy.proposal import Proposal
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

#: What is made by hand, and is no matter of models.
_BY_HAND = frozenset({"", "RunPython", "RunSQL"})
#: Operations that are asked for by the fields that they list.
_LISTS = {
    "AddConstraint": ("constraint",),
    "AddConstraintNotValid": ("constraint",),
    "AddIndex": ("index",),
    "AddIndexConcurrently": ("index",),
    "AlterIndexTogether": ("index_together",),
    "AlterUniqueTogether": ("unique_together",),
}
_ABOUT_INDEXES = frozenset(
    {"index", "indexes", "index_together", "constraints", "uniqueconstraint", "checkconstraint"}
    | {"exclusionconstraint", "unique_together"}
)
#: What a line of a model says where it brings an operation with it that names only the model.
_SAID_BY = {
    "AlterModelOptions": frozenset(
        {"ordering", "verbose_name", "verbose_name_plural", "permissions", "managed"}
        | {"get_latest_by", "default_related_name", "default_manager_name", "base_manager_name"}
    ),
    "AlterModelTable": frozenset({"db_table"}),
    "AlterModelTableComment": frozenset({"db_table_comment"}),
    "AlterOrderWithRespectTo": frozenset({"order_with_respect_to"}),
}
_STATE_ONLY = frozenset({"AlterModelOptions", "AlterModelManagers", "AlterModelTableComment"})
#: What is in them is lost; one word of a ticket is no reason.
_LOSSES = frozenset({"DeleteModel", "RemoveField"})
#: A ticket about migrations that somebody forgot.
_CAUGHT_UP = re.compile(
    r"\bmakemigrations\b|\b(?:missing|forgotten|outstanding|pending|unmade)\b[^.\n]{0,40}\bmigrations?\b"
    r"|\bmigrations?\b[^.\n]{0,40}\b(?:missing|forgotten|outstanding|pending|out of date|behind)\b"
)
_DEPENDENCIES = re.compile(
    r"(?:.*requirements.*|constraints.*)\.(?:txt|in)|pyproject\.toml|setup\.(?:py|cfg)|Pipfile"
    r"|.*\.lock"
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_FIX = "Leave it out of the migration, or make it a ticket of its own."


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new operation that nobody asked for."""
    if proposal.ticket is None:
        return
    new = [one for one in touched_files.find_touched(proposal) if one.is_new and one.after]
    account = Account(proposal, new)
    for one in new:
        for operation in one.after.operations if one.after else ():
            if operation.kind in _BY_HAND or one.after is None or one.after.replaces:
                continue
            if account.holds(operation, one):
                continue
            yield (UNASKED if account.is_certain(operation) else UNEXPLAINED).at(
                one.path,
                f"has {operation.shown()}, which neither the ticket nor the change speaks of",
                _FIX,
                operation.line,
            )


class Account:
    """What ticket and change speak of."""

    def __init__(self, proposal: Proposal, new: list[Touched]) -> None:
        self._proposal = proposal
        ticket = proposal.ticket
        self._asked = f"{ticket.title}\n{ticket.body}".lower() if ticket else ""
        self._made = {
            (one.folder, operation.text("name").lower())
            for one in new
            for operation in (one.after.operations if one.after else ())
            if operation.kind == "CreateModel"
        }

    def is_certain(self, operation: Operation) -> bool:
        """Whether what is not accounted for here cannot come from elsewhere."""
        upgrades = any(
            _DEPENDENCIES.fullmatch(path.rpartition("/")[2]) for path in self._proposal.change.paths
        )
        if upgrades or operation.kind in _STATE_ONLY:
            return False
        if operation.kind in _LOSSES:
            named = any(self._is_named(name) for name in _names(operation))
            return not named and _CAUGHT_UP.search(self._asked) is None
        return "migrat" not in self._asked

    def holds(self, operation: Operation, one: Touched) -> bool:
        """Whether an operation is accounted for."""
        if (one.folder, operation.model.lower()) in self._made and operation.kind != "CreateModel":
            return True
        names = _names(operation)
        if operation.kind in _LOSSES:
            return self._goes(operation, names)
        if any(self._is_named(name) or name.lower() in self._words for name in names):
            return True
        if operation.field == "id" and "default_auto_field" in self._words:
            return True
        about_indexes = re.search(r"Index|Constraint|Together", operation.kind) is not None
        said_by = _ABOUT_INDEXES if about_indexes else _SAID_BY.get(operation.kind, frozenset())
        if said_by & self._words:
            return True
        made_of = self._made_of(operation.model, operation.field)
        return bool(made_of & (self._words | self._touched))

    def _goes(self, operation: Operation, names: list[str]) -> bool:
        """Whether a model of the change loses a field or goes."""
        lost = self._lost
        if operation.field:
            model = operation.model.lower().removeprefix("historical")
            # Its base may have had it.
            return (model, "bases") in lost or any(
                field == operation.field.lower() for _, field in lost
            )
        return any((name.lower(), "") in lost for name in names)

    @cached_property
    def _lost(self) -> set[tuple[str, str]]:
        """The classes that the change takes away, and the fields of those that it edits.

        A class has "" in the place of a field, and one that inherits from others now "bases".
        """
        before: set[tuple[str, str]] = set()
        after: set[tuple[str, str]] = set()
        bases: dict[str, set[str]] = defaultdict(set)
        for file in self._proposal.python:
            if files.is_migration(file.path):
                continue
            for view, found in ((file.before, before), (file.after, after)):
                for visit in view.all(ast.ClassDef) if view else ():
                    name = visit.node.name.lower()
                    fields = {"", *(field.lower() for field in _fields(visit.node))}
                    found |= {(name, field) for field in fields}
                    bases[name].add(" ".join(map(source.written, visit.node.bases)))
        changed = {(name, "bases") for name, several in bases.items() if len(several) > 1}
        return (before - after) | changed

    def _is_named(self, name: str) -> bool:
        """Whether the ticket says a name, as code or in words."""
        return any(
            re.search(rf"(?<!\w){re.escape(form)}(?!\w)", self._asked) for form in _forms(name)
        )

    @cached_property
    def _words(self) -> set[str]:
        """The names on lines that the change adds or removes, outside of migrations; small."""
        return {
            word.lower()
            for file in self._proposal.change.files
            if source.is_python(file.path, file.after) and not files.is_migration(file.path)
            for line in _changed_lines(file)
            for word in _WORD.findall(line)
        }

    @cached_property
    def _touched(self) -> set[str]:
        """The names of constants and classes that the change edits; of models none."""
        found: set[str] = set()
        for file in self._proposal.python:
            if files.is_migration(file.path) or file.after is None or file.before is None:
                continue
            had = {ast.dump(node) for node in _definitions(file.before)}
            for node in _definitions(file.after):
                if ast.dump(node) not in had:
                    found |= {name.lower() for name in _binds(node)}
        return found

    def _made_of(self, model: str, field: str) -> set[str]:
        """Return the names that a field, and the bases of its model, are made of; small."""
        for file in self._proposal.python:
            for made in file.after.all(ast.ClassDef) if file.after else ():
                if made.node.name.lower() != model.lower() or files.is_migration(file.path):
                    continue
                lines = [node for node in made.node.body if field and field in _binds(node)]
                parts = (*made.node.bases, *lines)
                names = {name for part in parts for name in _used(part)}
                return {name.lower() for name in names} - {"models", "model", "choices"}
        return set()


def _forms(name: str) -> set[str]:
    """Return how a name is said, as code or in words."""
    spoken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).lower()
    return {name.lower(), spoken, spoken.replace(" ", "-"), f"{spoken}s"}


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _used(node: ast.AST) -> Iterator[str]:
    """Yield the names and attributes in a definition, without those of `models` itself."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            owner = inner.value
            if not (isinstance(owner, ast.Name) and owner.id == "models"):
                yield inner.attr


def _names(operation: Operation) -> list[str]:
    """Return the names by which an operation can be asked for; of a field its own alone."""
    if operation.field:
        names = [operation.field, operation.text("new_name")]
    elif operation.kind in _LISTS:
        names = [
            node.value
            for word in _LISTS[operation.kind]
            for node in ast.walk(operation.words.get(word, ast.Constant("")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
    else:
        words = ("name", "old_name", "new_name", "model_name")
        names = [operation.text(word) for word in words]
        # What django-simple-history makes beside a model.
        names += [name.removeprefix("Historical") for name in names]
    return [name for name in names if name]


def _definitions(view: View) -> list[ast.stmt]:
    """Return the classes of a file but for models, and what it and its classes assign."""
    assigned: list[ast.stmt] = [visit.node for visit in view.all(ast.Assign)]
    classes = [
        visit.node
        for visit in view.all(ast.ClassDef)
        # A model is edited for one field; that accounts for no other one.
        if not any(re.search(r"Model\b", source.written(base)) for base in visit.node.bases)
    ]
    return [*assigned, *classes]


def _binds(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.ClassDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _changed_lines(file: ChangedFile) -> Iterator[str]:
    before = source.text(file.before or b"").splitlines()
    after = source.text(file.after or b"").splitlines()
    for line in difflib.unified_diff(before, after, n=0, lineterm=""):
        if line[:1] in {"+", "-"} and not line.startswith(("+++ ", "--- ")):
            yield line[1:]
