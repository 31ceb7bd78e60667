"""Which migrations an app has, before and after the change, and how they follow one another.

As Django's loader does it, from file names, `dependencies` and `replaces` alone. Files that the
change does not touch are looked through as text first; they are parsed only where that leaves a
doubt, so that an app of a few hundred migrations costs little.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from agent.policy import source
from agent.policy.migrations import operations
from agent.policy.migrations.operations import Links, Migration, Pair
from agent.policy.proposal import Proposal, PythonFile
from agent.policy.view import View

_PAIR = re.compile(rb"""\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*,?\s*\)""")
_NAME = re.compile(r"[^_~.][^.]*\.py")
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


def touched(proposal: Proposal) -> list[Touched]:
    """Return the migration files that the change adds, edits or deletes."""
    return proposal.once(_touched)


def app(proposal: Proposal, folder: str, *, after: bool) -> App:
    """Return the migrations that lie in a folder, without or with the change."""
    known = proposal.once(_apps)
    if (folder, after) not in known:
        known[folder, after] = App(proposal, folder, after=after)
    return known[folder, after]


def _apps(_: Proposal) -> dict[tuple[str, bool], App]:
    return {}


def _touched(proposal: Proposal) -> list[Touched]:
    found = []
    for file in proposal.python:
        content = (file.file.before or b"") + (file.file.after or b"")
        name = posixpath.basename(file.path)
        if name[:1] in {"_", "~"} or not name.endswith(".py") or not _CLASS.search(content):
            continue
        after = operations.read(file.after) if file.after else None
        before = None
        if file.file.before is not None and file.before is not None:
            before = operations.read(file.before)
        if before or after:
            found.append(Touched(file, before, after))
    return found


class App:
    """The migrations of one folder, on one side of the change."""

    def __init__(self, proposal: Proposal, folder: str, *, after: bool) -> None:
        """Find the files.

        Args:
            proposal: The change.
            folder: Where the migrations of the app lie.
            after: Whether the change is applied.
        """
        self.folder = folder
        self._places = proposal.places
        changed = {
            file.path: (file.after if after else file.before) for file in proposal.change.files
        }
        self.texts: dict[str, bytes] = {}
        """What the files hold, by the names of the migrations."""
        for path in sorted({*proposal.tree.paths(), *changed}):
            name = posixpath.basename(path)
            if posixpath.dirname(path) != folder or not _NAME.fullmatch(name):
                continue
            content = changed[path] if path in changed else proposal.tree.read(path)
            if content is not None and _CLASS.search(content):
                self.texts[name.removesuffix(".py")] = content
        self._read: dict[str, Migration | None] = {}
        self._links: dict[str, Links | None] = {}

    @cached_property
    def label(self) -> str:
        """The app's label: the one under which its migrations name each other, else the folder."""
        own = Counter(
            label.decode()
            for text in self.texts.values()
            for label, name in _PAIR.findall(text)
            if name.decode() in self.texts
        )
        usual = posixpath.basename(posixpath.dirname(self.folder))
        return usual if usual in own or not own else own.most_common(1)[0][0]

    def migration(self, name: str) -> Migration | None:
        """Return a migration by its name; None where it cannot be read."""
        if name not in self._read:
            try:
                path = posixpath.join(self.folder, f"{name}.py")
                self._read[name] = operations.read(View(path, self.texts[name], self._places))
            except source.UnreadableError:
                self._read[name] = None
        return self._read[name]

    def links(self, name: str) -> Links | None:
        """Return the place of a migration; None where it cannot be read."""
        if name not in self._links:
            try:
                self._links[name] = operations.links(source.parse(self.texts[name]))
            except source.UnreadableError:
                self._links[name] = None
        return self._links[name]

    @cached_property
    def replaced(self) -> Mapping[str, str]:
        """The migrations that another one replaces, by their names; also those that are gone."""
        found: dict[str, str] = {}
        for name, text in self.texts.items():
            links = self.links(name) if b"replaces" in text else None
            for label, old in links.replaces if links else ():
                if label == self.label:
                    found[old] = name
        return found

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The migrations on which no other one of the app depends; there should be one."""
        needed: set[str] = set()
        for name, text in self.texts.items():
            squashed = self.links(name) if name in self.replaced.values() else None
            pairs = (
                squashed.dependencies
                if squashed
                else [(label.decode(), other.decode()) for label, other in _PAIR.findall(text)]
            )
            needed |= self._needs(name, pairs)
        # A pair in the text may be no dependency; then there is one leaf more, and nobody is told.
        alone = tuple(name for name in self._standing if name not in needed)
        return alone if len(alone) < 2 else self._parsed_leaves()

    @cached_property
    def _standing(self) -> tuple[str, ...]:
        return tuple(name for name in self.texts if self.standing(name) == name)

    def _parsed_leaves(self) -> tuple[str, ...]:
        needed: set[str] = set()
        for name in self.texts:
            links = self.links(name)
            if links is None:
                return ()
            needed |= self._needs(name, links.dependencies)
            for label, other in links.runs_before:
                if label == self.label and other in self.texts:
                    needed.add(name)
        return tuple(name for name in self._standing if name not in needed)

    def _needs(self, name: str, pairs: Iterable[Pair]) -> set[str]:
        """Return what a migration depends on in its own app; what replaces both is one."""
        standing = {self.standing(other) for label, other in pairs if label == self.label}
        return standing - {self.standing(name)}

    def standing(self, name: str) -> str:
        """Return the migration that stands for this one: itself, or what replaces it."""
        seen = {name}
        while name in self.replaced and self.replaced[name] not in seen:
            name = self.replaced[name]
            seen.add(name)
        return name

    def knows(self, name: str) -> bool:
        """Whether a dependency on this name can be followed."""
        return name in self.texts or name in self.replaced or name in {"__first__", "__latest__"}
