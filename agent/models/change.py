"""A change: its files, the findings of rules in it, and its plan."""

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
    """Lines of a file that a change replaces; numbers are 1-based, and count lines as git does."""

    path: str
    before: range
    """Where lines are only added, it is empty and starts at the line after them."""
    after: range


class Severity(StrEnum):
    BLOCK = "block"
    REVIEW = "review"
    INFO = "info"


Level = Literal["off", "info", "review", "block"]
"""Severity that a rule is configured with, the lowest first; off: the rule has no findings."""


class Finding(Record):
    """One remark of a rule, with its place and how to resolve it."""

    rule: str
    severity: Severity
    path: str = ""
    """Empty: it is about the change as a whole."""
    line: int | None = None
    """1-based line in the new file; None for the file as a whole."""
    message: str
    """A sentence; a second line quotes a reviewer."""
    fix: str
    is_reading: bool = False
    """Whether a reviewer can decide on it by reading the change."""
    asks_author: bool = True
    """Whether an edit may resolve it; if not, the author is not told of it."""
    subject: str = ""
    """Package that a ticket may name in place of the path, normalised."""

    @property
    def place(self) -> str:
        """`path:line`, `path` without a line, or nothing."""
        return f"{self.path}:{self.line}" if self.line else self.path


class Change(Record):
    base_commit: str
    files: tuple[ChangedFile, ...]
    """Sorted by path, each path once."""
    notes: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that were not carried out; foreign text."""
    left_out: tuple[Finding, ...] = ()
    """Differences in the tree that are not part of the change, each with the reason."""

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
    """A change that no rule blocks; only `agent.stages.policy.clear_change` makes one."""

    change: Change
    findings: tuple[Finding, ...]


class Plan(Record):
    recipe: str
    """Name of the recipe; "": a model edits."""
    title: str
    """Imperative, for the commit and the branch."""
    parameters: str
    """The recipe's own parameters as JSON."""
    steps: tuple[str, ...]
    category: Category = "feature"
    files: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """Eight characters that identify the plan; an approval names them."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]
