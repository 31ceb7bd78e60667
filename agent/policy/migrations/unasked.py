"""Hold the operations of a new migration to what the ticket asks for and the change does.

`makemigrations` also writes down what somebody forgot before. Without a ticket nothing is found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import reading
from agent.policy.migrations.reading import Operation
from agent.policy.rule import Rule

UNASKED = Rule(
    id="migration-unasked",
    demands="A new migration does what the ticket asks for and the change needs, and no more.",
    severity=Severity.REVIEW,
    bad='# the ticket: add a note to orders\nmigrations.RemoveField("customer", "phone")',
    good='# the ticket: add a note to orders\nmigrations.AddField("order", "note", …)',
)
RULES = (UNASKED,)

#: Alterations of columns, indexes and constraints have too many other causes.
_KINDS = re.compile(r"(?:Create|Delete|Rename)Model|(?:Add|Remove|Rename)Field")
_FIX = "Leave it out of the migration, or make it a ticket of its own."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    if change_context.ticket is None:
        return
    new = [
        (one, it)
        for one, it in reading.find_new(change_context)
        if _KINDS.fullmatch(it.kind) and not one.is_squashed
    ]
    made = {(one.folder, it.model.lower()) for one, it in new if it.kind == "CreateModel"}
    for one, it in new:
        is_of_made = (one.folder, it.model.lower()) in made and it.kind != "CreateModel"
        if not is_of_made and not _is_explained(it, change_context):
            about = ".".join(part for part in (it.model, it.field) if part)
            says = f"has {it.kind} {about}, which neither the ticket nor the change speaks of"
            yield UNASKED.make_finding(one.path, says, _FIX, it.line)


def _is_explained(operation: Operation, change_context: ChangeContext) -> bool:
    """Whether ticket or change say a name of an operation, as code or in words."""
    words, spoken = change_context.compute_once(_find_words)
    for name in _list_names(operation):
        parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).lower()
        forms = (name.lower(), parts, parts.replace(" ", "-"), f"{parts}s")
        if name.lower() in words or any(
            re.search(rf"(?<!\w){re.escape(one)}(?!\w)", spoken) for one in forms
        ):
            return True
    return False


def _find_words(change_context: ChangeContext) -> tuple[set[str], str]:
    """Return the words of lines that the change takes out or adds, and the text of the ticket."""
    words: set[str] = set()
    for one in change_context.python:
        if not layout.is_migration(one.path):
            sides = (one.file.before or b"", one.file.after or b"")
            old, new = (Counter(source.decode_text(it).lower().splitlines()) for it in sides)
            words.update(re.findall(r"[a-z_]\w*", "\n".join((old - new) + (new - old))))
    ticket = change_context.ticket
    return words, f"{ticket.title}\n{ticket.body}".lower() if ticket else ""


def _list_names(operation: Operation) -> list[str]:
    names = [operation.field, operation.text("new_name")]
    if not operation.field:
        # With that of a model which django-simple-history makes another one for.
        names = [operation.text(word) for word in ("name", "old_name", "new_name")]
        names += [name.removeprefix("Historical") for name in names]
    return [name for name in names if name]
