"""A change with all that rules may ask about it, each thing read once for all of them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from agent.models.change import Change, ChangedFile, Hunk
from agent.models.ticket import Ticket
from agent.policy import source
from agent.policy.source import PythonSource
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


Find = Callable[[PythonSource], Iterable[Hit]]


class PythonFile:
    """A Python file that the change adds, edits or deletes."""

    def __init__(self, file: ChangedFile, change_context: "ChangeContext") -> None:
        self.file = file
        self.path = file.path
        self._context = change_context

    @cached_property
    def after(self) -> PythonSource | None:
        """The new side; None where it is deleted or cannot be read (see `python_version`)."""
        return self._context.read_source(self.path, self.file.after)

    @cached_property
    def before(self) -> PythonSource | None:
        """The old side; None as with `after`, and for a new file."""
        return self._context.read_source(self.path, self.file.before)


_PlacedHit = tuple[PythonFile, Hit]
LineSets = Mapping[str, frozenset[int]]
"""Numbers of lines by path."""


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

    list_hunks: Callable[[Change], Mapping[str, Sequence[Hunk]]] = lambda _: {}
    """Hunks of each file of a change, as git finds them; by default for where no rule is asked."""

    @cached_property
    def _sources(self) -> dict[tuple[str, bytes | None], PythonSource | None]:
        return {}

    @cached_property
    def hunks(self) -> Mapping[str, Sequence[Hunk]]:
        return self.list_hunks(self.change)

    @cached_property
    def added_lines(self) -> LineSets:
        """The lines that the change adds; not those that it moves, byte for byte."""
        files = {file.path: file for file in self.change.files}
        before, after = (
            [
                (hunk.path, number, lines[number - 1])
                for path, hunks in self.hunks.items()
                for lines in [(getattr(files[path], side) or b"").split(b"\n")]
                for hunk in hunks
                for number in getattr(hunk, side)
            ]
            for side in ("before", "after")
        )
        added = defaultdict[str, set[int]](set)
        for path, number, _ in find_new(after, before, lambda placed: placed[2]):
            added[path].add(number)
        return {path: frozenset(numbers) for path, numbers in added.items()}

    @cached_property
    def after(self) -> Tree:
        return ChangedTree(self.tree, {file.path: file.after for file in self.change.files})

    def read_source(self, path: str, content: bytes | None) -> PythonSource | None:
        """Parse a side of a file; None: it is not there, or cannot be read."""
        key = path, content
        if content and key not in self._sources:
            self._sources[key] = None
            with suppress(source.UnreadableError):
                self._sources[key] = PythonSource(path, content, self.name_module(path))
        return self._sources.get(key)

    def name_module(self, path: str) -> str:
        """Return the dotted name by which a file is imported, from the innermost root."""
        roots = sorted(self.import_roots - {""}, key=len, reverse=True)
        root = next((f"{root}/" for root in roots if path.startswith(f"{root}/")), "")
        name = path.removeprefix(root).removesuffix(".py")
        return f"/{name}".removesuffix("/__init__").strip("/").replace("/", ".")

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
            PythonFile(file, self)
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

        def list_hits(sides: Iterable[PythonSource | None], lines: LineSets) -> list[_PlacedHit]:
            pairs = ((file, side) for file, side in zip(files, sides, strict=True) if side)
            return [
                (file, hit)
                for file, side in pairs
                for hit in sorted(find(side), key=lambda hit: hit.line)
                if hit.line in lines.get(file.path, ())
            ]

        # Most changes have none, so that their old sides are never read.
        if not (fresh := list_hits((file.after for file in files), self.added_lines)):
            return
        removed = {
            path: frozenset(number for hunk in hunks for number in hunk.before)
            for path, hunks in self.hunks.items()
        }
        gone = list_hits((file.before for file in files), removed)
        keys: tuple[Callable[[_PlacedHit], object], ...] = (
            lambda placed: (placed[0].path, placed[1].what),
            lambda placed: placed[1].what,  # it moved
        )
        for key in keys:
            fresh, gone = find_new(fresh, gone, key), find_new(gone, fresh, key)
        yield from fresh


def find_new(items: Iterable[T], known: Iterable[T], key: Callable[[T], object]) -> list[T]:
    """List the items beyond the known ones; what is there twice counts twice."""
    left = Counter(map(key, known))
    found = []
    for item in items:
        left[key(item)] -= 1
        if left[key(item)] < 0:
            found.append(item)
    return found
