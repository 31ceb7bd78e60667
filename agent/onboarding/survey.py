"""The Python files of a repository as text: which are the application, which its tests.

What files import is read off their lines, which is enough to count by; where names have to be
followed, `facts.Evidence.view` reads a file as the rules do. Nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from agent.policy import layout
from repo_config.suites import ASIDE
from repo_config.tree import Tree

Role = Literal["application", "tests", "aside"]

_MOST_FILES = 6000
_MOST_BYTES = 256 * 1024
#: Folders of what others wrote, and of what nobody imports.
_FOREIGN = ASIDE | {"vendored", "_vendor", "extern", "third_party", "contrib", "site-packages"}
#: Only what a module imports as it is loaded: what is further in is for type checkers, or optional.
_IMPORTED = re.compile(
    r"^(?:import[ \t]+(?P<modules>[^\n#]+)"
    r"|from[ \t]+(?P<home>[\w.]+)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#]+))",
    re.MULTILINE,
)
_BOUND_AS = re.compile(r"\s+as\s+\w+")


class Place(NamedTuple):
    """A line of a file."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass
class Source:
    """One file of the application, or of its tests."""

    path: str
    role: Role
    text: str

    def find(self, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], Place]]:
        """Yield what a pattern finds, with its place."""
        for match in pattern.finditer(self.text):
            yield match, Place(self.path, self.text.count("\n", 0, match.start()) + 1)

    @cached_property
    def imports(self) -> list[tuple[str, Place]]:
        """Full names that are imported, with their places."""
        return [
            (f"{match['home']}.{name}" if match["home"] else name, place)
            for match, place in self.find(_IMPORTED)
            for name in re.findall(r"[\w.]+", _BOUND_AS.sub("", match["modules"] or match["names"]))
        ]


class Survey:
    """The Python files of a folder of a repository."""

    def __init__(self, tree: Tree, folder: str = "") -> None:
        start = f"{folder}/" if folder else ""
        self.sources: list[Source] = []
        paths = [
            path
            for path in tree.paths()
            if path.endswith(".py") and path.startswith(start) and path.isprintable()
        ]
        for path in paths[:_MOST_FILES]:
            role = _find_role(path.removeprefix(start))
            content = b"" if role == "aside" else tree.read(path)
            if role != "aside" and len(content) <= _MOST_BYTES:
                self.sources.append(Source(path, role, content.decode("utf-8", "replace")))

    @property
    def application(self) -> list[Source]:
        """What the project is."""
        return [source for source in self.sources if source.role == "application"]

    @property
    def tests(self) -> list[Source]:
        """What tests it."""
        return [source for source in self.sources if source.role == "tests"]


def _find_role(path: str) -> Role:
    """Say what a file is for, by its path relative to the project."""
    folders = {*path.lower().split("/")[:-1]}
    if folders & _FOREIGN:
        return "aside"
    if layout.is_test(path):
        return "tests"
    return "aside" if layout.is_apart(path) else "application"
