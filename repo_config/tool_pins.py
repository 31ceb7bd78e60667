"""Which version of a linter or of mypy a project pins, and which plugins come with it. Pure.

The revision of a hook of pre-commit comes first, since the hook runs in an environment of its own;
then what the tool's own settings require, a lock, and a requirement that allows one version alone.
Plugins and stubs often stand beside the tool in a job of CI or an environment of tox alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from repo_config import ci_setup, dependencies, pre_commit, tox, workflows
from repo_config.documents import table
from repo_config.project_files import Files
from repo_config.tool_commands import Command

TOOLS = frozenset({"ruff", "flake8", "black", "isort", "mypy"})
#: All three write a package's name and version in lines of their own, one after the other.
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
_LOCKED = r'^name = "{}"\r?\nversion = "([^"\n]+)"'
_MOST_BYTES = 8 * 1024**2
#: Tools that do more with other packages beside them.
_EXTENSIBLE = frozenset({"flake8", "mypy"})


def find_pins(
    files: Files, whole: Files, tools: Iterable[str], commands: Iterable[Command]
) -> dict[str, tuple[str, ...]]:
    """Return by tool the requirements of its version and its plugins.

    Args:
        files: The project.
        whole: The repository, which CI is configured for.
        tools: Those that run.
        commands: Where tools are run.
    """
    beside = _find_beside(commands, files, whole)
    found = {}
    for tool in sorted(TOOLS & set(tools)):
        several = (_of_hooks, _of_settings, _of_locks, _of_requirements)
        pins = next((pins for look in several if (pins := look(files, tool))), ())
        # Where nothing pins it with plugins of its own; its name alone stands for any version.
        if tool in beside and len(pins) < 2:
            pins = (*(pins or (tool,)), *beside[tool])
        if pins:
            found[tool] = pins
    return found


def _of_hooks(files: Files, tool: str) -> tuple[str, ...]:
    for hook in pre_commit.hooks(files):
        version = _version(hook.revision)
        if version and pre_commit.TOOLS.get(hook.name, "").split(" ")[0] == tool:
            # What mypy is to know of packages, it finds where these are installed.
            more = () if tool == "mypy" else tuple(_list_plain(hook.additional))
            return (f"{tool}=={version}", *more)
    return ()


def _of_settings(files: Files, tool: str) -> tuple[str, ...]:
    tables = [table(files.pyproject, "tool", tool)]
    tables += [files.toml(path) for path in ("ruff.toml", ".ruff.toml") if tool == "ruff"]
    for one in tables:
        required = one.get("required-version")
        if isinstance(required, str):
            is_plain = required[:1].isdigit()
            # black takes a bare number for all versions of that year.
            exact = f"=={required}" + (".*" if required.isdigit() else "")
            return tuple(_list_plain([tool + (exact if is_plain else required)]))
    return ()


def _of_locks(files: Files, tool: str) -> tuple[str, ...]:
    for path in _LOCKS:
        found = re.search(_LOCKED.format(tool), files.text(path, _MOST_BYTES), re.MULTILINE)
        if found and (version := _version(found[1])):
            return (f"{tool}=={version}",)
    return ()


def _of_requirements(files: Files, tool: str) -> tuple[str, ...]:
    for lines, _, _ in dependencies.list_requirements(files):
        for text in _list_plain(line.partition(" #")[0].strip() for line in lines):
            requirement = Requirement(text)
            operators = [one.operator for one in requirement.specifier]
            if canonicalize_name(requirement.name) == tool and operators == ["=="]:
                return (f"{tool}{requirement.specifier}",)
    return ()


def _version(text: str) -> str:
    """The version that a tag names; empty where it names none."""
    try:
        return str(Version(text))
    except InvalidVersion:
        return ""


def _list_plain(lines: Iterable[str]) -> Iterator[str]:
    """Yield the requirements that a package index can meet."""
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.url is None:
            yield str(requirement)


def _find_beside(
    commands: Iterable[Command], files: Files, whole: Files
) -> dict[str, tuple[str, ...]]:
    """Return what is installed beside each tool, by the first place that has some."""
    found: dict[str, tuple[str, ...]] = {}
    running = [(one.origin, one.check) for one in commands]
    for origin, lines in (*_of_ci(whole), *_of_tox(files)):
        ran = {check for place, check in running if f"{place},".startswith(f"{origin},")}
        more = tuple(dict.fromkeys(one for one in lines if _read_name(one) not in TOOLS))
        for tool in ran & _EXTENSIBLE if more else ():
            found.setdefault(tool, more)
    return found


def _of_ci(whole: Files) -> Iterator[tuple[str, list[str]]]:
    for job in workflows.read_jobs(whole):
        script = "\n".join(str(step.get("run", "")) for step in job.steps)
        yield job.origin, list(ci_setup.read_installed(script, whole))


def _of_tox(files: Files) -> Iterator[tuple[str, list[str]]]:
    # What the environment of the tests has is installed anyway.
    for env in (one for one in tox.read_all(files) if not one.is_base):
        lines = (tox.split_factors(line)[1] for line in env.lines("deps"))
        yield env.origin, [line for line in lines if _read_name(line)]


def _read_name(line: str) -> str:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return ""
    return "" if requirement.url else str(canonicalize_name(requirement.name))
