"""A change with all that rules may ask about it, each thing read once for all of them.

A hit that a file had before, or that moved from another file, does not count against the change.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.models.change import Change, ChangedFile
from agent.models.ticket import Ticket
from agent.policy import source
from agent.policy.modules import Modules
from agent.policy.view import View
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig
from repo_config.tree import ChangedTree


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
    list_commands: Callable[[], Collection[str]] = tuple
    """Names of the management commands of installed packages."""

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
        *,
        with_stubs: bool = False,
    ) -> Iterator[tuple[PythonFile, Hit]]:
        """Yield the hits that the change brings in.

        A hit is fresh where a file has more of the same than before; then those on lines that
        were not there before come first. What left another file of the change with the same text
        of its line has moved, and is not fresh.

        Args:
            among: Whether a path counts; all do by default.
            with_stubs: Look at stub files as well.
        """
        files = [file for file in self.python if among(file.path)]
        if with_stubs:
            stubs = (file for file in self.change.files if file.path.endswith(".pyi"))
            files += (PythonFile(file, self.change, self.places) for file in stubs)
        found = [(file, _list_hits(file.after, find)) for file in files]
        # Most changes have none, so that their old sides are never read.
        if not any(hits for _, hits in found):
            return
        left: Counter[tuple[str, str]] = Counter()
        had = []
        for file, hits in found:
            before = _list_hits(file.before, find)
            had.append(Counter(hit.what for hit, _ in before))
            left += _count_places(before) - _count_places(hits)
        for (file, hits), known in zip(found, had, strict=True):
            more = Counter(hit.what for hit, _ in hits) - known
            fresh = []
            for hit, line in sorted(hits, key=lambda pair: not file.is_new(pair[0].line)):
                if more[hit.what] > 0:
                    more[hit.what] -= 1
                    fresh.append((hit, line))
            for hit, line in sorted(fresh, key=lambda pair: pair[0].line):
                left[hit.what, line] -= 1
                if left[hit.what, line] < 0:
                    yield file, hit


def _list_hits(view: View | None, find: Find) -> list[tuple[Hit, str]]:
    """Return the hits of one side, each with the text of its line."""
    return [(hit, view.get_line(hit.line)) for hit in find(view)] if view else []


def _count_places(hits: list[tuple[Hit, str]]) -> Counter[tuple[str, str]]:
    return Counter((hit.what, line) for hit, line in hits)
