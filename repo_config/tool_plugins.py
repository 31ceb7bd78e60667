"""Find what jobs of CI and environments of tox install beside a tool that they run. Pure.

Plugins and stubs often stand there and nowhere else. Which job that is, is known by what it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from repo_config import ci_setup, tool_pins, tox, workflows
from repo_config.project_files import Files
from repo_config.tool_commands import Command

#: Tools that do more with other packages beside them.
_EXTENSIBLE = frozenset({"flake8", "mypy"})


def find(commands: Iterable[Command], files: Files, whole: Files) -> dict[str, tuple[str, ...]]:
    """Return the requirements by tool, of the first place that has some.

    Args:
        commands: Where tools are run.
        files: The project.
        whole: The repository, which CI is configured for.
    """
    found: dict[str, tuple[str, ...]] = {}
    running = [(one.origin, one.check) for one in commands]
    for origin, lines in (*_of_ci(whole), *_of_tox(files)):
        ran = {check for place, check in running if f"{place},".startswith(f"{origin},")}
        more = tuple(dict.fromkeys(one for one in lines if _read_name(one) not in tool_pins.TOOLS))
        for tool in ran & _EXTENSIBLE if more else ():
            found.setdefault(tool, more)
    return found


def _of_ci(whole: Files) -> Iterator[tuple[str, list[str]]]:
    for job in workflows.read(whole):
        script = "\n".join(str(step.get("run", "")) for step in job.steps)
        yield job.origin, list(ci_setup.read_installed(script, whole))


def _of_tox(files: Files) -> Iterator[tuple[str, list[str]]]:
    # What the environment of the tests has is installed anyway.
    for env in (one for one in tox.read_all(files) if not one.is_base):
        lines = (tox.FACTORS.sub("", line) for line in env.lines("deps"))
        yield env.origin, [line for line in lines if _read_name(line)]


def _read_name(line: str) -> str:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return ""
    return "" if requirement.url else str(canonicalize_name(requirement.name))
