"""A change: its files, what rules find in it, and the plan it carries out."""

import hashlib
from enum import StrEnum
from typing import Literal, NamedTuple

from agent.models.record import Record
from agent.models.ticket import Category


class ChangedFile(Record):
    """One file before and after; None means that it does not exist on that side."""

    path: str
    """Relative to the repository root, with forward slashes."""
    before: bytes | None
    after: bytes | None
    executable: bool = False
    was_executable: bool | None = None
    """Before the change; None: not known, or a new file."""


class Hunk(NamedTuple):
    """Lines of a file that a change replaces; numbers are 1-based and count lines of bytes."""

    path: str
    before: range
    """Empty, from the line after it, where lines are only added."""
    after: range


class Severity(StrEnum):
    BLOCK = "block"
    REVIEW = "review"
    INFO = "info"


Level = Literal["off", "info", "review", "block"]
"""What a rule weighs: the severity of its findings, or that it yields none; the least first."""


class Finding(Record):
    """One remark of a rule, at a place, with the way out."""

    rule: str
    severity: Severity
    path: str = ""
    """Empty: it is about the change as a whole."""
    line: int | None = None
    """1-based line in the new file; None for the file as a whole."""
    message: str
    fix: str
    is_reading: bool = False
    """Whether reading is enough to decide on it, so that a reviewer can."""
    asks_author: bool = True
    """Whether an edit may resolve it; else only reviewers and people see it."""
    subject: str = ""
    """What a ticket may name in place of the path: a package, normalised."""

    @property
    def place(self) -> str:
        """`path:line`, as far as they are known."""
        return f"{self.path}:{self.line}" if self.line else self.path


class Change(Record):
    base_commit: str
    files: tuple[ChangedFile, ...]
    """Sorted by path, each path once."""
    notes: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that nobody has read or carried out; foreign words."""
    left_out: tuple[Finding, ...] = ()
    """What differs in the tree that it was taken from, is not part of it, and why."""

    @property
    def digest(self) -> str:
        """sha256 over the base commit and every path, mode and new content."""
        total = hashlib.sha256(self.base_commit.encode())
        for file in self.files:
            content = b"\0absent" if file.after is None else file.after
            total.update(f"\0{file.path}\0{int(file.executable)}\0{len(content)}\0".encode())
            total.update(content)
        return total.hexdigest()

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.files)


class ClearedChange(Record):
    """A Change that every rule let pass; only `agent.stages.policy.clear_change` makes one."""

    change: Change
    findings: tuple[Finding, ...]


class Plan(Record):
    recipe: str
    """Its name; "": a model edits."""
    title: str
    """Imperative, for the commit and the branch."""
    parameters: str
    """The recipe's own parameters as JSON."""
    steps: tuple[str, ...]
    category: Category = "feature"
    files: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """Eight characters that no other plan has; an approval can name them."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]
