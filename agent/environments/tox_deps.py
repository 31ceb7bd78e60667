"""What tox installs for each of its test runs. Pure.

What holds for some of its runs only is told apart.
"""

from __future__ import annotations

import re

from agent.domain import Record
from agent.environments.tree_files import TreeFiles
from repo_config import tox

#: As in `py311: pytest<8`.
_FACTORS = re.compile(r"^!?[\w.{},!-]+\s*:\s")


class ToxDeps(Record):
    """The lines of one place."""

    path: str
    """Of the file."""
    origin: str
    """File and table."""
    lines: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """They hold only for some of tox's runs, or for other machines."""


def read(files: TreeFiles) -> ToxDeps | None:
    """Read what its base environment has."""
    found = tox.read(files.known)
    if found is None:
        return None
    lines: list[str] = []
    left: list[str] = []
    constraints = (f"-c {line}" for line in found.lines("constraints"))
    for line in (*found.lines("deps"), *constraints):
        (left if "{" in line or _FACTORS.match(line) else lines).append(line)
    return ToxDeps(path=found.path, origin=found.origin, lines=tuple(lines), left=tuple(left))
