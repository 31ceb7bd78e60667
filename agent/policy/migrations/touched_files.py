"""The migration files of a change, on both sides, and those that come before them.

How migrations follow one another is Django's own question, which the checks ask.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy import source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.migrations import operations
from agent.policy.migrations.operations import Migration
from agent.policy.view import View

_CLASS = re.compile(rb"^class Migration\b", re.MULTILINE)


@dataclass(frozen=True)
class Touched:
    """A migration file of the change."""

    file: PythonFile
    before: Migration | None
    after: Migration | None

    @property
    def path(self) -> str:
        """Of the file."""
        return self.file.path

    @property
    def name(self) -> str:
        """As other migrations call it."""
        return posixpath.basename(self.path).removesuffix(".py")

    @property
    def folder(self) -> str:
        """Where the migrations of its app lie."""
        return posixpath.dirname(self.path)

    @property
    def is_new(self) -> bool:
        """Whether base has no migration at this place."""
        return self.before is None and self.after is not None


def find_touched(change_context: ChangeContext) -> list[Touched]:
    """Return the migration files that the change adds, edits or deletes."""
    return change_context.compute_once(_find_touched)


def _find_touched(change_context: ChangeContext) -> list[Touched]:
    found = []
    for file in change_context.python:
        content = (file.file.before or b"") + (file.file.after or b"")
        name = posixpath.basename(file.path)
        if name[:1] in {"_", "~"} or not name.endswith(".py") or not _CLASS.search(content):
            continue
        after = operations.read_migration(file.after) if file.after else None
        before = None
        if file.file.before is not None and file.before is not None:
            before = operations.read_migration(file.before)
        if before or after:
            found.append(Touched(file, before, after))
    return found


def read_others(
    one: Touched, change_context: ChangeContext, word: str
) -> Iterator[tuple[str, Migration | None]]:
    """Yield the other migrations of the app that have a word in them, the newest name first.

    Read with the change applied; None where one cannot be.
    """
    places = change_context.places
    for path in reversed(places.paths):
        name = posixpath.basename(path).removesuffix(".py")
        if posixpath.dirname(path) != one.folder or name[:1] in {"_", "~"} or path == one.path:
            continue
        if _CLASS.search(text := places.text(path)) and word.encode() in text:
            try:
                yield name, operations.read_migration(View(path, text, places))
            except source.UnreadableError:
                yield name, None
