"""Names that a change takes from modules, looked up where the repository has no type checker.

On head alone, and only of lines that are new; rules weigh what is found. A script of ours looks:
basedpyright, which finds the same, is 75 MB to fetch and takes 240 MB of memory and 1.6 s of a
processor for a file, where the script takes 0.4 s.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.checks import lint
from agent.environments import sandbox_requests
from agent.models.sandbox import SANDBOX_OURS, SANDBOX_TREE

NAME = "names"


def look_up(lines: Mapping[str, frozenset[int]]) -> lint.LintCheck:
    """Return the check of these lines, by paths relative to the project's folder."""

    def read(content: bytes) -> list[lint.Remark] | None:
        remarks = lint.read_flake8(content) or []
        return [one for one in remarks if one.line in lines.get(one.path, (one.line,))]

    return lint.LintCheck(
        name=NAME,
        command_words=(NAME,),
        program=sandbox_requests.PYTHON,
        machine_arguments=(
            "-I", f"{SANDBOX_OURS}/checks/mergewright_names.py", "{report}", SANDBOX_TREE,
        ),
        probe="import mergewright_has_no_such_module\n",
        read=read,
        configured=lambda _: True,
        rule="missing-name",
        only=tuple(lines),
        ours=True,
    )  # fmt: skip
