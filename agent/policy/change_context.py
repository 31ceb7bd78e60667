"""Define what rules read: a change with its base and configuration, each read once."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from agent.models.change import Change, ChangedFile, Hunk
from agent.models.ticket import Ticket
from agent.policy.source import UNREADABLE, PythonSource
from repo_config.dependencies import Dependency, list_declared
from repo_config.detect import Project, Tree
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.tree import ChangedTree

T = TypeVar("T")
Lines = Collection[tuple[str, int]]
"""Lines of files, each as its path and its 1-based number."""


class Hit(NamedTuple, Generic[T]):
    """A match of a rule, on one side of a file."""

    what: T
    """What was matched; equal before and after a change, even if the line has moved."""
    line: int
    """1-based."""


@dataclass(eq=False)
class ChangeContext:
    """A change, with its contract and its base."""

    change: Change
    config: RepoConfig
    """The base commit's configuration: a change cannot loosen its own rules."""
    project: Project
    tree: Tree
    """The files of the base commit."""
    ticket: Ticket | None = None
    list_modules: Callable[[], Collection[str]] = tuple
    """Lists the names by which installed packages are imported."""
    python_version: str = ""
    """Version of the environment's Python, such as 3.12.1; "": unknown."""
    list_hunks: Callable[[Change], Mapping[str, Sequence[Hunk]]] = lambda _: {}
    """Lists git's hunks of each file of a change; the default is enough if no rule reads lines."""
    _sources: dict[tuple[str, bytes], PythonSource | None] = field(default_factory=dict)

    @cached_property
    def hunks(self) -> Mapping[str, Sequence[Hunk]]:
        return self.list_hunks(self.change)

    @cached_property
    def changed_lines(self) -> tuple[Lines, Lines]:
        """The removed and the added lines, without lines that only moved."""
        before, after = (
            [
                (file.path, number, lines[number - 1])
                for file in self.change.files
                for lines in [(getattr(file, side) or b"").split(b"\n")]
                for hunk in self.hunks.get(file.path, ())
                for number in getattr(hunk, side)
            ]
            for side in ("before", "after")
        )
        gone, new = (
            find_new(lines, others, lambda line: line[2])
            for lines, others in ((before, after), (after, before))
        )
        return {line[:2] for line in gone}, {line[:2] for line in new}

    def find_new_hits(
        self, find: Callable[[ChangedFile, bytes], Iterable[Hit[T]]]
    ) -> list[tuple[str, Hit[T]]]:
        """Return path and hit for each hit on an added line, unless a removed line had it, too."""
        gone, new = (
            [
                (file.path, hit)
                for file in self.change.files
                if file.path in self.hunks
                for hit in find(file, getattr(file, side) or b"")
                if (file.path, hit.line) in lines
            ]
            for side, lines in zip(("before", "after"), self.changed_lines, strict=True)
        )
        return find_new(new, gone, lambda placed: placed[1].what)

    @cached_property
    def after(self) -> Tree:
        """The files of the base commit with the change."""
        return ChangedTree(self.tree, {file.path: file.after for file in self.change.files})

    @cached_property
    def files(self) -> tuple[ProjectFiles, ProjectFiles]:
        """The project's files before the change, and after it."""
        root = self.project.root
        return ProjectFiles(self.tree, root), ProjectFiles(self.after, root)

    @cached_property
    def declared(self) -> tuple[Sequence[Dependency], Sequence[Dependency]]:
        """The packages that the project declares before the change, and after it."""
        before, after = map(list_declared, self.files)
        return before, after

    @cached_property
    def python(self) -> tuple[ChangedFile, ...]:
        return tuple(file for file in self.change.files if file.path.endswith(".py"))

    def read_source(self, path: str, content: bytes | None) -> PythonSource | None:
        """Parse a side of a file; None: it does not exist, is no Python, or cannot be parsed."""
        key = path, content or b""
        if key not in self._sources:
            self._sources[key] = None
            with suppress(*UNREADABLE):
                if content and path.endswith(".py"):
                    self._sources[key] = PythonSource(path, content, self.name_module(path))
        return self._sources[key]

    def name_module(self, path: str) -> str:
        """Return the dotted name by which a file is imported, from the innermost root."""
        roots = sorted(self.import_roots - {""}, key=len, reverse=True)
        root = next((f"{root}/" for root in roots if path.startswith(f"{root}/")), "")
        name = path.removeprefix(root).removesuffix(".py")
        return f"/{name}".removesuffix("/__init__").strip("/").replace("/", ".")

    @cached_property
    def import_roots(self) -> frozenset[str]:
        """Folders from which modules are imported; "" is the root."""
        project = self.project
        python_path = project.django.python_path if project.django else ()
        inner = (project.root, f"{project.root}/src") if project.root else ()
        return frozenset(("", "src", *inner, *python_path))


def find_new(items: Iterable[T], others: Iterable[T], key: Callable[[T], object]) -> list[T]:
    """List the items that the others do not have; an item that occurs twice counts twice."""
    left = Counter(map(key, others))
    new = []
    for item in items:
        left[key(item)] -= 1
        if left[key(item)] < 0:
            new.append(item)
    return new
