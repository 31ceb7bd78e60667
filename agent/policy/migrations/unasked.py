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
    severity=Severity.BLOCK,
    bad='# the ticket: add a note to orders\nmigrations.RemoveField("customer", "phone")',
    good='# the ticket: add a note to orders\nmigrations.AddField("order", "note", …)',
)
UNEXPLAINED = Rule(
    id="migration-unexplained",
    demands="An operation that ticket and change do not clearly explain needs review.",
    severity=Severity.REVIEW,
    bad='# the ticket: add the missing migrations\nmigrations.AddField("customer", "phone", …)',
    good="# the ticket: add the missing migration for Customer.phone",
)
RULES = (UNASKED, UNEXPLAINED)

#: Alterations of columns, indexes and constraints have too many other causes.
_KINDS = re.compile(r"(?:Create|Delete|Rename)Model|(?:Add|Remove|Rename)Field")
_DEPENDENCIES = re.compile(
    r"(?:.*/)?(?:[^/]*(?:requirements|constraints)[^/]*\.(?:txt|in)|pyproject\.toml"
    r"|setup\.(?:py|cfg)|Pipfile|[^/]*\.lock)"
)
_DEFINED = re.compile(r"^[ \t]*(?:class[ \t]+)?(\w+)[ \t]*[:=(]", re.MULTILINE)
_CLASS = re.compile(r"^[ \t]*class[ \t]+(\w+)", re.MULTILINE)
_FIX = "Leave it out of the migration, or make it a ticket of its own."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    if change_context.ticket is None:
        return
    new = [
        (one, it)
        for one, it in reading.find_new_operations(change_context)
        if _KINDS.fullmatch(it.kind) and one.after and not one.after.replaces
    ]
    made = {(one.folder, it.model.lower()) for one, it in new if it.kind == "CreateModel"}
    account = _Account(change_context)
    for one, it in new:
        is_of_made = (one.folder, it.model.lower()) in made and it.kind != "CreateModel"
        if not is_of_made and not account.is_explained(it):
            about = ".".join(part for part in (it.model, it.field) if part)
            says = f"has {it.kind} {about}, which neither the ticket nor the change speaks of"
            rule = UNASKED if account.is_certain(it) else UNEXPLAINED
            yield rule.make_finding(one.path, says, _FIX, it.line)


class _Account:
    """What ticket and change speak of, in small letters."""

    def __init__(self, change_context: ChangeContext) -> None:
        ticket = change_context.ticket
        self._asked = f"{ticket.title}\n{ticket.body}".lower() if ticket else ""
        upgrades = any(map(_DEPENDENCIES.fullmatch, change_context.change.paths))
        self._is_uncertain = upgrades or "migrat" in self._asked
        self._words: set[str] = set()
        self._other_bases: set[str] = set()
        before, after = Counter[str](), Counter[str]()
        for one in change_context.python:
            if not layout.is_migration(one.path):
                old, new = (
                    source.decode_text(it or b"") for it in (one.file.before, one.file.after)
                )
                lines = Counter(old.lower().splitlines()), Counter(new.lower().splitlines())
                gone, come = ("\n".join(it) for it in (lines[0] - lines[1], lines[1] - lines[0]))
                self._words.update(re.findall(r"[a-z_]\w*", f"{gone}\n{come}"))
                self._other_bases.update(_CLASS.findall(gone))
                before.update(_DEFINED.findall(old.lower()))
                after.update(_DEFINED.findall(new.lower()))
        self._lost = before - after

    def is_certain(self, operation: Operation) -> bool:
        """Whether what is not explained here cannot come from elsewhere."""
        return not self._is_uncertain and not any(map(self._is_named, _list_names(operation)))

    def is_explained(self, operation: Operation) -> bool:
        """Whether ticket or change ask for an operation."""
        model, field = operation.model.lower(), operation.field.lower()
        names = _list_names(operation)
        if operation.kind in ("DeleteModel", "RemoveField"):
            is_moved = bool(field) and model.removeprefix("historical") in self._other_bases
            return is_moved or any(name.lower() in self._lost for name in names)
        return any(self._is_named(name) or name.lower() in self._words for name in names)

    def _is_named(self, name: str) -> bool:
        """Whether the ticket says a name, as code or in words."""
        spoken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).lower()
        forms = (name.lower(), spoken, spoken.replace(" ", "-"), f"{spoken}s")
        return any(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", self._asked) for one in forms)


def _list_names(operation: Operation) -> list[str]:
    names = [operation.field, operation.text("new_name")]
    if not operation.field:
        # With that of a model which django-simple-history makes another one for.
        names = [operation.text(word) for word in ("name", "old_name", "new_name")]
        names += [name.removeprefix("Historical") for name in names]
    return [name for name in names if name]
