"""What tox installs for each of its test runs. Pure.

What holds for some of its runs only is told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.environments.tree_files import TreeFiles
from agent.models.record import Record
from repo_config import tox


class ToxDeps(Record):
    """The lines of one place."""

    path: str
    """Of the file."""
    origin: str
    """File and table."""
    lines: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    """Of the project, normalised."""
    groups: tuple[str, ...] = ()
    """Dependency groups of pyproject.toml, normalised."""
    left: tuple[str, ...] = ()
    """They hold only for some of tox's runs, or for other machines."""


def read(files: TreeFiles) -> ToxDeps:
    """Read what its base environment has; nothing where there is none."""
    found = tox.read(files.known)
    if found is None:
        return ToxDeps(path="", origin="")
    left: list[str] = []

    def sort_out(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if "{" in line or tox.FACTORS.match(line):
                left.append(line)
            else:
                yield line

    def read_names(*keys: str) -> tuple[str, ...]:
        names = (name for line in sort_out(found.lines(*keys)) for name in line.split(","))
        return tuple(str(canonicalize_name(name.strip())) for name in names if name.strip())

    constraints = (f"-c {line}" for line in found.lines("constraints"))
    lines = tuple(sort_out((*found.lines("deps"), *constraints)))
    return ToxDeps(
        path=found.path,
        origin=found.origin,
        lines=(*lines, *_name_in_each(left)),
        extras=read_names("extras"),
        groups=read_names("dependency_groups"),
        left=tuple(left),
    )


def _name_in_each(lines: Iterable[str]) -> tuple[str, ...]:
    """Name what has a version by factor, as Django may: then each run has one of them."""
    names: Counter[str] = Counter()
    for line in lines:
        with suppress(InvalidRequirement):
            names[canonicalize_name(Requirement(tox.FACTORS.sub("", line)).name)] += 1
    return tuple(name for name, number in names.items() if number > 1)
