"""A change with all that rules may ask about it, each thing read once for all of them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from agent.models.change import Change, ChangedFile
from agent.models.ticket import Ticket
from agent.policy import source
from agent.policy.modules import Modules
from agent.policy.view import View
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig
from repo_config.tree import ChangedTree

T = TypeVar("T")


@dataclass(frozen=True)
class Hit:
    """A place that a rule looks for, on one side of a file."""

    what: str
    """The same for the same thing before and after, wherever its line is."""
    line: int
    """1-based."""


Find = Callable[[View], Iterable[Hit]]


class PythonFile:
    """A Python file that the change adds, edits or deletes."""

    def __init__(self, file: ChangedFile, change: Change, places: Modules) -> None:
        self.file = file
        self.path = file.path
        self._change = change
        self._places = places

    @cached_property
    def after(self) -> View | None:
        """The new side; None where it is deleted or cannot be read (see `python_version`)."""
        return self._view(self.file.after)

    @cached_property
    def before(self) -> View | None:
        """The old side, of a moved file that at its old place; None as with `after`."""
        return self._view(source.get_earlier_content(self._change, self.file))

    def _view(self, content: bytes | None) -> View | None:
        try:
            return None if content is None else View(self.path, content, self._places)
        except source.UnreadableError:
            return None

    @cached_property
    def _old_lines(self) -> frozenset[str]:
        old = source.get_earlier_content(self._change, self.file) or b""
        return frozenset(line.strip() for line in source.decode_text(old).splitlines())

    def is_new(self, line: int) -> bool:
        """Whether the text of a line of the new side was nowhere in the file before."""
        return self.after is not None and self.after.get_line(line) not in self._old_lines

    @property
    def new_lines(self) -> frozenset[int]:
        count = len(self.after.lines) if self.after else 0
        return frozenset(number for number in range(1, count + 1) if self.is_new(number))


_PlacedHit = tuple[PythonFile, Hit, str]
"""A hit in its file, with the text of its line."""


@dataclass(eq=False)
class ChangeContext:
    """A change, with its contract and the base that it is compared with."""

    change: Change
    config: RepoConfig
    """The base commit's configuration, so that no change loosens its own rules."""
    project: Project
    tree: Tree
    """The files of the base commit."""
    ticket: Ticket | None = None
    list_modules: Callable[[], Collection[str]] = tuple
    """Names by which installed packages are imported."""

    @cached_property
    def after(self) -> Tree:
        return ChangedTree(self.tree, {file.path: file.after for file in self.change.files})

    @cached_property
    def places(self) -> Modules:
        """Where names lead in the repository with the change applied."""
        return Modules(self.after, self.import_roots)

    @cached_property
    def import_roots(self) -> frozenset[str]:
        """Folders that modules are imported from; "" is the root."""
        project = self.project
        python_path = project.django.python_path if project.django else ()
        inner = (project.root, f"{project.root}/src") if project.root else ()
        return frozenset(("", "src", *inner, *python_path))

    @cached_property
    def python(self) -> tuple[PythonFile, ...]:
        return tuple(
            PythonFile(file, self.change, self.places)
            for file in self.change.files
            if source.is_python(file.path, file.after if file.after is not None else file.before)
        )

    def find_new_hits(
        self,
        find: Find,
        among: Callable[[str], bool] = lambda _: True,
    ) -> Iterator[tuple[PythonFile, Hit]]:
        """Yield the hits that the change brings in; not those that a file had, or that moved.

        Args:
            among: Whether a path counts; all do by default.
        """
        files = [file for file in self.python if among(file.path)]

        def list_hits(views: Iterable[View | None]) -> list[_PlacedHit]:
            pairs = ((file, view) for file, view in zip(files, views, strict=True) if view)
            return [
                (file, hit, view.get_line(hit.line))
                for file, view in pairs
                for hit in sorted(find(view), key=lambda hit: hit.line)
            ]

        # Most changes have none, so that their old sides are never read.
        if not (after := list_hits(file.after for file in files)):
            return
        fresh, gone = after, list_hits(file.before for file in files)
        keys: tuple[Callable[[_PlacedHit], object], ...] = (
            lambda placed: (placed[0].path, placed[1].what, placed[2]),
            lambda placed: (placed[1].what, placed[2]),  # it moved
            lambda placed: (placed[0].path, placed[1].what),
        )
        for key in keys:
            fresh, gone = find_new(fresh, gone, key), find_new(gone, fresh, key)
        for file, hit, _ in fresh:
            yield file, hit


def find_new(items: Iterable[T], known: Iterable[T], key: Callable[[T], object]) -> list[T]:
    """List the items beyond the known ones; what is there twice counts twice."""
    left = Counter(map(key, known))
    found = []
    for item in items:
        left[key(item)] -= 1
        if left[key(item)] < 0:
            found.append(item)
    return found
