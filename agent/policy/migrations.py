"""Keep merged migrations as they are, and name what new ones take away or do by hand, as written.

What django-migration-linter reads from their SQL comes from a sandbox (`agent.checks`).
"""

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import LintRun
from agent.policy import layout, meaning
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from agent.policy.source import PythonSource
from agent.text.sanitise import list_some

MERGED = Rule(
    id="migration-merged",
    demands="Merged migrations are not edited or deleted.",
    severity=Severity.BLOCK,
)
BY_HAND = Rule(
    id="migration-by-hand",
    demands="Migrations with anything but Django's table operations need review.",
    severity=Severity.REVIEW,
)
DESTRUCTIVE = Rule(
    id="migration-destructive",
    demands="Destructive migrations need review: they lose data or break running code.",
    severity=Severity.REVIEW,
)
DOWNTIME = Rule(
    id="migration-downtime",
    demands="Migrations that may lock tables, or fail for code that still runs, are listed.",
    severity=Severity.INFO,
)
RULES = (MERGED, BY_HAND, DESTRUCTIVE)
_CLASS = re.compile(rb"^\s*class Migration\b", re.MULTILINE)
_OPERATION = re.compile(
    r"django\.db\.migrations\.(?:operations\.)?(?!RunPython|RunSQL|SeparateDatabaseAndState)\w+"
    r"|django\.contrib\.postgres\.operations\.\w+"
)
_ATTRIBUTES = {"dependencies", "initial", "run_before", "replaces", "atomic"}
_IMPORTS = (ast.Import, ast.ImportFrom)
_LOSES = {
    "RemoveField": "drops a column and its data",
    "DeleteModel": "drops a table and its data",
    "RenameField": "renames a column that running code still uses",
    "RenameModel": "renames a table that running code still uses",
    "AlterModelTable": "renames a table that running code still uses",
}
_LINTED = {
    DESTRUCTIVE: re.compile(r"RUNPYTHON_MODEL_IMPORT|ADD_UNIQUE|RENAME_|DROP_"),
    DOWNTIME: re.compile(r"ALTER_COLUMN|NOT_NULL|CREATE_INDEX|RUNPYTHON_REVERSIBLE"),
}
_LOSES_FIX = "Check that nothing uses it any more, and that there is a backup."
_SEE_ROWS = "Check what it does to production data."


def is_migration(path: str, content: bytes | None) -> bool:
    """Whether Django would load a file as a migration; those of tests change no data."""
    name = path.rpartition("/")[2]
    is_loaded = name.endswith(".py") and name[0] not in "_~" and not layout.is_test(path)
    return is_loaded and b"django.db" in (content or b"") and bool(_CLASS.search(content or b""))


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    _, new_lines = change_context.changed_lines
    for file in change_context.python:
        before, after = file.before, file.after
        if not is_migration(file.path, before):
            source = change_context.read_source(file.path, after)
            if source and is_migration(file.path, after):
                yield from _check_new(source)
        elif _dump(before) != _dump(after):
            done = "is edited, but databases that applied it will not change"
            if after is None:
                done = "is deleted, but databases have recorded it as applied"
            yield MERGED.make_finding(
                file.path,
                f"is already on the base branch, and {done}",
                "Leave it unchanged and add a new migration.",
                min((line for path, line in new_lines if path == file.path), default=None),
            )


def _dump(content: bytes | None) -> list[str] | bytes | None:
    """Write all that a migration does, without annotations, docstrings and imports."""
    try:
        module = meaning.strip(content or b"", "none")
    except meaning.UNREADABLE:
        return content
    return [ast.dump(node) for node in module.body if not isinstance(node, _IMPORTS)]


def _check_new(source: PythonSource) -> Iterator[Finding]:
    by_hand: list[tuple[ast.stmt | ast.expr, str]] = []
    for part in _list_parts(source):
        name = source.names.find(part)
        kind = name.rpartition(".")[2]
        if isinstance(part, ast.Call) and _OPERATION.fullmatch(name):
            if says := _LOSES.get(kind):
                says = f"{says}: {ast.unparse(part)}"
                yield DESTRUCTIVE.make_finding(source.path, says, _LOSES_FIX, part.lineno)
        else:
            by_hand.append((part, kind or ast.unparse(part).partition("\n")[0]))
    if by_hand:
        named = list_some(dict.fromkeys(says for _, says in by_hand))
        says = f"has more than Django's operations on tables: {named}"
        yield BY_HAND.make_finding(source.path, says, _SEE_ROWS, by_hand[0][0].lineno)


def _list_parts(source: PythonSource) -> Iterator[ast.stmt | ast.expr]:
    """Yield a migration's operations, and what it has beside these and its order."""
    for node in source.module.body:
        match node:
            case ast.ClassDef(
                name="Migration", bases=[base], keywords=[], decorator_list=[], body=body
            ) if source.names.find(base) == "django.db.migrations.Migration":
                for line in body:
                    match line:
                        case ast.Assign(
                            targets=[ast.Name("operations")], value=ast.List(elts=operations)
                        ):
                            yield from operations
                        case ast.Assign(targets=[ast.Name(id=name)]) if name in _ATTRIBUTES:
                            pass
                        case _ if not _is_docstring(line):
                            yield line
            case _ if not isinstance(node, _IMPORTS) and not _is_docstring(node):
                yield node


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def find_problems(linted: LintRun) -> Iterator[Finding]:
    """Yield what django-migration-linter finds in new migrations."""
    if linted.reason:
        says = f"New migrations were not linted: {linted.reason}"
        yield DESTRUCTIVE.make_finding("", says, _SEE_ROWS)
    for item in linted.items:
        for rule, codes in _LINTED.items():
            if codes.match(item.text):
                says = f"django-migration-linter: {item.text}"
                yield rule.make_finding(item.place, says, _SEE_ROWS, 1)
