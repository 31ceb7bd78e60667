"""Read the migrations of a change: their operations by name.

How migrations follow one another is Django's own question, which the checks ask.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.policy import meaning, source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.modules import Modules
from agent.policy.view import View

_CLASS = re.compile(rb"^\s*class Migration\b", re.MULTILINE)
#: Most migrations bring in nothing but Django.
_IMPORTS_OWN = re.compile(rb"^\s*(?:from|import)\s+(?!django\b)[\w.]", re.MULTILINE)
CLASSES = frozenset({"django.db.migrations.Migration", "django.db.migrations.migration.Migration"})
_HOMES = ("django.db.migrations.", "django.contrib.postgres.operations.")


@dataclass(frozen=True, eq=False)
class Operation:
    kind: str
    """As in `AddField`; "" for one that is not Django's own."""
    node: ast.expr


@dataclass(frozen=True, eq=False)
class Migration:
    view: View
    node: ast.ClassDef
    operations: tuple[Operation, ...] | None
    """None: they are not written out in one place."""


@dataclass(frozen=True)
class TouchedMigration:
    file: PythonFile
    before: Migration | None
    after: Migration | None

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def is_new(self) -> bool:
        """Whether base has no migration at this place."""
        return self.before is None and self.after is not None


@dataclass(frozen=True)
class UsedDefinition:
    """What the change edits, and a migration of base refers to."""

    path: str
    line: int
    name: str
    migration: str
    """Path."""


def find_used(change_context: ChangeContext) -> Iterator[UsedDefinition]:
    """Yield the edited functions, classes and values that migrations of base use, each once."""
    places = change_context.places
    edited = {
        f"{places.name_module(file.path)}.{name}": UsedDefinition(file.path, line, name, "")
        for file in change_context.python
        if file.before and file.after and not _is_loaded_migration(file.path, file.after.content)
        for name, line in meaning.list_edited(file.before.content, file.after.content).items()
    }
    names = {used.name.encode() for used in edited.values()}
    changed = {*change_context.change.paths}
    for path in places.paths if edited else ():
        text = places.read_text(path)
        is_merged = path not in changed and _is_loaded_migration(path, text)
        is_near = is_merged and _IMPORTS_OWN.search(text) is not None
        if not is_near or not any(name in text for name in names):
            continue
        try:
            view = View(path, text, places)
        except source.UnreadableError:
            continue
        visits = (*view.list_visits(ast.Name), *view.list_visits(ast.Attribute))
        referred = {name for visit in visits for name in view.find_names(visit.node, visit.scope)}
        for name in sorted(referred & edited.keys()):
            yield replace(edited.pop(name), migration=path)


def _is_loaded_migration(path: str, content: bytes) -> bool:
    return _is_loaded(path) and _CLASS.search(content) is not None


def find_touched(change_context: ChangeContext) -> list[TouchedMigration]:
    found = []
    for file in change_context.python:
        content = (file.file.before or b"") + (file.file.after or b"")
        if _is_loaded(file.path) and _CLASS.search(content):
            after = _read_migration(file.after) if file.after else None
            # A file that was moved here is new at this place.
            was_here = file.file.before is not None and file.before is not None
            before = _read_migration(file.before) if was_here and file.before else None
            if before or after:
                found.append(TouchedMigration(file, before, after))
    return found


def find_unread(change_context: ChangeContext) -> list[str]:
    """List files in folders of migrations that Django would load, and that are not read as one."""
    known = {migration.path for migration in find_touched(change_context)}
    places = change_context.places
    return [
        file.path
        for file in change_context.python
        if file.after and _is_loaded(file.path) and file.path not in known
        if any(
            _has_migration(path, places)
            for path in places.paths
            if posixpath.dirname(path) == posixpath.dirname(file.path) and path != file.path
        )
    ]


def _has_migration(path: str, places: Modules) -> bool:
    text = places.read_text(path)
    try:
        # Others have classes of this name, too.
        return bool(_CLASS.search(text)) and _read_migration(View(path, text, places)) is not None
    except source.UnreadableError:
        return False


def _is_loaded(path: str) -> bool:
    name = posixpath.basename(path)
    return name.endswith(".py") and name[:1] not in {"_", "~"}


def _read_migration(view: View) -> Migration | None:
    """Read a file; None where it is no migration."""
    for made in view.list_visits(ast.ClassDef):
        node = made.node
        is_named = made.up is None and node.name == "Migration"
        if is_named and view.find_lineage(node, made.scope) & CLASSES:
            return Migration(view, node, _read_operations(node, view))
    return None


def _read_operations(node: ast.ClassDef, view: View) -> tuple[Operation, ...] | None:
    named = [
        part
        for part in ast.walk(node)
        if isinstance(part, ast.Name)
        and part.id == "operations"
        and isinstance(part.ctx, ast.Store)
    ]
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[target], value=ast.List(elts=listed))
                | ast.AnnAssign(target=target, value=ast.List(elts=listed))
            ) if [target] == named:
                return tuple(Operation(_name_kind(item, view), item) for item in listed)
    return None


def _name_kind(item: ast.expr, view: View) -> str:
    if not isinstance(item, ast.Call):
        return ""
    names = view.find_names(item.func, view.scope)
    return min((name.rpartition(".")[2] for name in names if name.startswith(_HOMES)), default="")
