"""A change with all that rules may ask about it, each thing read once for all of them.

Owns what is new in a change: a hit that a file had before, wherever in it, or that only moved
from another file, is not held against the change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from agent.models.change import Change, ChangedFile
from agent.models.ticket import Ticket
from agent.policy import libraries, source
from agent.policy.modules import Modules
from agent.policy.view import View
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig


@dataclass(frozen=True)
class Hit:
    """A place that a rule looks for, on one side of a file."""

    what: str
    """The same for the same thing before and after, wherever its line is."""
    line: int
    """1-based."""
    says: str = ""
    """For the finding; `what` where that says it."""

    @property
    def message(self) -> str:
        """What the finding says."""
        return self.says or self.what


Find = Callable[[View], Iterable[Hit]]
Made = TypeVar("Made")


class PythonFile:
    """A Python file that the change adds, edits or deletes."""

    def __init__(self, file: ChangedFile, change: Change, places: Modules) -> None:
        self.file = file
        self.path = file.path
        self._change = change
        self._places = places

    @cached_property
    def after(self) -> View | None:
        """The new side; None where it is deleted or cannot be read (see `python_syntax`)."""
        return self._view(self.file.after)

    @cached_property
    def before(self) -> View | None:
        """The old side, of a moved file that at its old place; None as with `after`."""
        return self._view(source.get_earlier_content(self._change, self.file))

    def _view(self, content: bytes | None) -> View | None:
        if content is None:
            return None
        try:
            return View(self.path, content, self._places)
        except source.UnreadableError:
            return None

    @cached_property
    def _old_lines(self) -> frozenset[str]:
        old = source.get_earlier_content(self._change, self.file)
        return (
            frozenset(line.strip() for line in source.text(old).splitlines())
            if old
            else frozenset()
        )

    def is_new(self, line: int) -> bool:
        """Whether the text of a line of the new side was nowhere in the file before."""
        return self.after is not None and self.after.line(line) not in self._old_lines

    @property
    def new_lines(self) -> frozenset[int]:
        count = len(self.after.lines) if self.after else 0
        return frozenset(number for number in range(1, count + 1) if self.is_new(number))


class ChangeContext:
    """A change, with its contract and the base that it is held against."""

    def __init__(
        self,
        change: Change,
        config: RepoConfig,
        project: Project,
        tree: Tree,
        ticket: Ticket | None = None,
    ) -> None:
        """Take what a run knows; nothing is read yet.

        Args:
            change: What would be published.
            config: Of the base commit, so that no change loosens its own rules.
            project: What was detected there.
            tree: The files of the base commit.
            ticket: What was asked for; None where that is not known.
        """
        self.change = change
        self.config = config
        self.project = project
        self.tree = tree
        self.ticket = ticket
        self._made: dict[object, object] = {}

    def with_change(self, change: Change) -> ChangeContext:
        """Return another change with the same contract and base."""
        return ChangeContext(change, self.config, self.project, self.tree, self.ticket)

    def compute_once(self, make: Callable[[ChangeContext], Made]) -> Made:
        """Return what this makes of the change; several rules that ask share it."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast(Made, self._made[make])

    @cached_property
    def places(self) -> Modules:
        """Where names lead in the repository with the change applied."""
        return Modules(self.change, self.project, self.tree, known=libraries.KNOWN)

    @cached_property
    def python(self) -> tuple[PythonFile, ...]:
        """The Python files of the change, by path."""
        return tuple(
            PythonFile(file, self.change, self.places)
            for file in self.change.files
            if source.is_python(file.path, file.after if file.after is not None else file.before)
        )

    @cached_property
    def stubs(self) -> tuple[PythonFile, ...]:
        """The stub files of the change, which type checkers alone read, by path."""
        return tuple(
            PythonFile(file, self.change, self.places)
            for file in self.change.files
            if file.path.endswith(".pyi")
        )

    def find_new_hits(
        self,
        find: Find,
        among: Callable[[str], bool] = lambda _: True,
        *,
        with_stubs: bool = False,
    ) -> Iterator[tuple[PythonFile, Hit]]:
        """Yield the hits that the change brings in.

        A hit is fresh where a file has more of the same than before; then those on lines that
        were not there before come first. What left another file of the change with the same text
        of its line has moved, and is not fresh.

        Args:
            find: Yields the hits of one side of a file.
            among: Whether a path counts; all do by default.
            with_stubs: Look at stub files as well.
        """
        several = (*self.python, *self.stubs) if with_stubs else self.python
        files = [file for file in several if among(file.path)]
        fresh = [(file, hit) for file in files for hit in _find_new_hits(file, find)]
        if not fresh:
            return
        left = _count_removed_hits(files, find)
        for file, hit in fresh:
            key = (hit.what, file.after.line(hit.line) if file.after else "")
            if left[key] > 0:
                left[key] -= 1
            else:
                yield file, hit


def _find_new_hits(file: PythonFile, find: Find) -> list[Hit]:
    hits = list(find(file.after)) if file.after else []
    # Most files have none, so that their old side is never read.
    if not hits or file.before is None:
        return hits
    had = Counter(hit.what for hit in find(file.before))
    more = Counter(hit.what for hit in hits) - had
    found = []
    for hit in sorted(hits, key=lambda hit: not file.is_new(hit.line)):
        if more[hit.what] > 0:
            more[hit.what] -= 1
            found.append(hit)
    return sorted(found, key=lambda hit: hit.line)


def _count_removed_hits(files: list[PythonFile], find: Find) -> Counter[tuple[str, str]]:
    """Count the hits that were in a file and no longer are, by what they are and their line."""
    left: Counter[tuple[str, str]] = Counter()
    for file in files:
        if file.before is None:
            continue
        before = Counter((hit.what, file.before.line(hit.line)) for hit in find(file.before))
        if not before:
            continue
        after = file.after
        has = (
            Counter((hit.what, after.line(hit.line)) for hit in find(after)) if after else Counter()
        )
        left += before - has
    return left
