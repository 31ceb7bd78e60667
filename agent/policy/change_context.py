"""A change with all that rules may ask about it, each thing read once for all of them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from agent.models.change import Change, ChangedFile, Hunk
from agent.models.ticket import Ticket
from agent.policy.source import UNREADABLE, PythonSource, is_python
from repo_config.dependencies import Dependency, list_declared
from repo_config.detect import Project, Tree
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.tree import ChangedTree

T = TypeVar("T")
Lines = Collection[tuple[str, int]]
"""Path and 1-based number."""


class Hit(NamedTuple, Generic[T]):
    """A place that a rule looks for, on one side of a file."""

    what: T
    """The same for the same thing before and after, wherever its line is."""
    line: int
    """1-based."""


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
    python_version: str = ""
    """Of the environment, as in 3.12.1; empty: not known."""
    list_hunks: Callable[[Change], Mapping[str, Sequence[Hunk]]] = lambda _: {}
    """Hunks of each file of a change, as git finds them; by default for where no rule is asked."""
    _sources: dict[tuple[str, bytes], PythonSource | None] = field(default_factory=dict)

    @cached_property
    def hunks(self) -> Mapping[str, Sequence[Hunk]]:
        return self.list_hunks(self.change)

    @cached_property
    def changed_lines(self) -> tuple[Lines, Lines]:
        """The lines that go and those that are new; not those that move, byte for byte."""
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
        """Return the hits on new lines, by path; not what goes elsewhere in the change."""
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
        return ChangedTree(self.tree, {file.path: file.after for file in self.change.files})

    @cached_property
    def files(self) -> tuple[ProjectFiles, ProjectFiles]:
        """Those of the project before the change, and after it."""
        root = self.project.root
        return ProjectFiles(self.tree, root), ProjectFiles(self.after, root)

    @cached_property
    def declared(self) -> tuple[Sequence[Dependency], Sequence[Dependency]]:
        """The packages that the project declares before the change, and after it."""
        before, after = map(list_declared, self.files)
        return before, after

    @cached_property
    def python(self) -> tuple[ChangedFile, ...]:
        return tuple(
            file
            for file in self.change.files
            if is_python(file.path, file.before if file.after is None else file.after)
        )

    def read_source(self, path: str, content: bytes | None) -> PythonSource | None:
        """Parse a side of a file; None: it is not there, no Python, or cannot be read."""
        key = path, content or b""
        if key not in self._sources:
            self._sources[key] = None
            with suppress(*UNREADABLE):
                if content and is_python(path, content):
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
        """Folders that modules are imported from; "" is the root."""
        project = self.project
        python_path = project.django.python_path if project.django else ()
        inner = (project.root, f"{project.root}/src") if project.root else ()
        return frozenset(("", "src", *inner, *python_path))


def find_new(items: Iterable[T], others: Iterable[T], key: Callable[[T], object]) -> list[T]:
    """List the items beyond the others; what is there twice counts twice."""
    left = Counter(map(key, others))
    new = []
    for item in items:
        left[key(item)] -= 1
        if left[key(item)] < 0:
            new.append(item)
    return new
