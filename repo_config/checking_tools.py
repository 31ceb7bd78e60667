"""Find the commands that check a project besides its tests: as configured, else as is usual.

A known tool counts where the project has settings for it, or a hook of pre-commit that runs it on
the whole project. Its settings are the tool's own affair.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from repo_config import command_lines
from repo_config.command_lines import CheckCommand
from repo_config.documents import as_list, as_map, table, texts
from repo_config.known_tools import HOOKS, PINNED, TOOLS, KnownTool
from repo_config.located import escape_text
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig

#: By these a hook looks at some files only, which a check of the whole tree could not follow.
_LIMITING = frozenset({"files", "exclude", "exclude_types", "stages"})
#: What names targets of mypy: without any, these have to stand in its command.
_TARGETS_OF_MYPY = frozenset({"files", "packages", "modules"})
_NO_TARGETS = frozenset({"test", "tests", "testing", "docs", "doc", "examples", "build", "dist"})


class Commands(NamedTuple):
    """What was found, as in `detect.Project`."""

    types: tuple[CheckCommand, ...]
    lint: tuple[CheckCommand, ...]
    extra: tuple[CheckCommand, ...]
    tool_pins: dict[str, tuple[str, ...]]


class _Hook(NamedTuple):
    """A hook of pre-commit that runs a known tool."""

    arguments: tuple[str, ...] | None
    """None where the repository sets none."""
    is_limited: bool
    """Whether it looks at some files only, or not before commits."""
    pins: tuple[str, ...]
    """The version of its tool and what is installed beside it, as requirements."""


def find_commands(files: ProjectFiles, config: RepoConfig) -> Commands:
    """Find the commands, and in which versions hooks run their tools."""
    hooks = dict(_read_hooks(files))
    usual, checks, kinds = list(_find_usual(files, hooks)), config.checks, {}
    for kind, of_types in (("types", True), ("lint", False)):
        given: str | tuple[str, ...] = getattr(checks, kind)
        lines = () if given == "off" else given if isinstance(given, tuple) else (given,)
        kinds[kind] = [command_lines.read_command(line) for line in lines]
        if given == "auto":
            kinds[kind] = [command for command in usual if command.checks_types == of_types]
    extra = [
        command_lines.read_command(extra_check.run, extra_check.name)
        for extra_check in checks.extra
    ]
    named = command_lines.name_apart([*kinds["types"], *kinds["lint"], *extra])
    ends = len(kinds["types"]), len(named) - len(extra)
    programs = {TOOLS[command.tool].program for command in named if command.tool} & PINNED
    return Commands(
        types=named[: ends[0]],
        lint=named[ends[0] : ends[1]],
        extra=named[ends[1] :],
        tool_pins={
            TOOLS[check].program: hook.pins
            for check, hook in hooks.items()
            if hook.pins and TOOLS[check].program in programs
        },
    )


def _read_hooks(files: ProjectFiles) -> Iterator[tuple[str, _Hook]]:
    """Yield the hooks of known tools by their checks; none where the file cannot be read."""
    whole = files.yaml(".pre-commit-config.yaml")
    for repository in map(as_map, as_list(whole.get("repos"))):
        for entry in map(as_map, as_list(repository.get("hooks"))):
            if tool := HOOKS.get(str(entry.get("id"))):
                given = entry.get("args")
                # What mypy is to know of packages, it finds where these are installed.
                beside = [] if tool.program == "mypy" else entry.get("additional_dependencies")
                yield (
                    tool.check,
                    _Hook(
                        arguments=tuple(texts(given)) if isinstance(given, list) else None,
                        is_limited=bool(_LIMITING & {*whole, *entry}),
                        pins=tuple(_pin(tool.program, str(repository.get("rev")), texts(beside))),
                    ),
                )


def _pin(program: str, tag: str, beside: list[str]) -> Iterator[str]:
    """Yield the requirements that a package index can meet; none where a tag names no version."""
    with suppress(InvalidVersion):
        yield f"{program}=={Version(tag)}"
        for line in beside:
            with suppress(InvalidRequirement):
                if (asked := Requirement(line)).url is None:
                    yield str(asked)


def _find_usual(files: ProjectFiles, hooks: Mapping[str, _Hook]) -> Iterator[CheckCommand]:
    """Yield the plain commands of the tools that the project has."""
    has_based = False
    for check, tool in TOOLS.items():
        hook = hooks.get(check)
        is_used = _is_configured(files, tool) or (hook is not None and not hook.is_limited)
        if is_used and not (check == "pyright" and has_based):
            has_based |= check == "basedpyright"
            given = () if hook is None else hook.arguments
            yield _make_command(files, tool, tool.hook_args if given is None else given)


def _is_configured(files: ProjectFiles, tool: KnownTool) -> bool:
    """Whether the project has settings for a tool."""
    for place in tool.settings:
        path, _, section = place.partition(": ")
        *outer, name = section.split(".")
        if not section:
            is_there = files.has_file(path)
        elif path.endswith(".toml"):
            is_there = name in table(files.toml(path), *outer)
        else:
            is_there = section in files.ini(path)
        if is_there:
            return True
    return False


def _make_command(files: ProjectFiles, tool: KnownTool, hook: tuple[str, ...]) -> CheckCommand:
    words = (*hook, *tool.options.split(), *_choose_targets(files, tool))
    line = escape_text(shlex.join((*tool.check.split(), *words)))
    return CheckCommand(name=tool.check, line=line, tool=tool.check, words=words, options=hook)


def _choose_targets(files: ProjectFiles, tool: KnownTool) -> Iterable[str]:
    if tool.check != "mypy":
        return (tool.target,) if tool.target else ()
    sections = [table(files.pyproject, "tool", "mypy")]
    sections += [files.ini(path).get("mypy", {}) for path in ("mypy.ini", ".mypy.ini", "setup.cfg")]
    if any(_TARGETS_OF_MYPY & section.keys() for section in sections):
        return ()
    # The whole folder may hold modules of equal names (conftest, setup), which mypy refuses.
    packages = {
        posixpath.dirname(path) for path in files.paths if path.endswith("/__init__.py")
    } - _NO_TARGETS
    tops = sorted(path for path in packages if "/" not in path)
    return ("src",) if "src" in files.folders else tops or (".",)
