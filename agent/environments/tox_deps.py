"""What tox installs for each of its test runs, whichever of its files says so. Pure.

What holds for some of its runs only is told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.domain import Record
from agent.environments.tree_files import TreeFiles
from repo_config.project_files import table

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


def read(files: TreeFiles, ini: Mapping[str, Mapping[str, str]]) -> ToxDeps | None:
    """Read the first place that there is, in tox's own order.

    Args:
        ini: Sections of tox.ini.
    """
    if "testenv" in ini:
        return _of(ini["testenv"], "tox.ini", "[testenv]")
    tool = table(table(files.toml("pyproject.toml"), "tool"), "tox")
    places = (
        ("pyproject.toml", "[tool.tox.env_run_base]", tool),
        ("tox.toml", "[env_run_base]", files.toml("tox.toml")),
    )
    for path, where, document in places:
        if base := table(document, "env_run_base"):
            return _of(base, path, where)
    return None


def _of(section: Mapping[str, Any], path: str, where: str) -> ToxDeps:
    lines: list[str] = []
    left: list[str] = []
    constraints = (f"-c {line}" for line in _lines(section.get("constraints")))
    for line in (*_lines(section.get("deps")), *constraints):
        text = line.replace("{toxinidir}/", "").replace("{tox_root}/", "")
        (left if "{" in text or _FACTORS.match(text) else lines).append(text)
    return ToxDeps(path=path, origin=f"{path} {where}", lines=tuple(lines), left=tuple(left))


def _lines(value: object) -> Iterator[str]:
    """One by one; a table of tox.toml stands for what is taken from elsewhere."""
    given = value.splitlines() if isinstance(value, str) else value
    for line in given if isinstance(given, list) else ():
        text = line.strip() if isinstance(line, str) else "{…}"
        if text and not text.startswith("#"):
            yield text
