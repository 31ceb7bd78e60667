"""Find the commands that check a project besides its tests: as configured, else as is usual.

A known tool counts where the project has settings for it, or a hook of pre-commit that runs it on
the whole project. Its settings are the tool's own affair.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from repo_config import command_lines, tool_pins
from repo_config.command_lines import CheckCommand
from repo_config.documents import table
from repo_config.known_tools import HOOKS, TOOLS, KnownTool
from repo_config.located import escape_text
from repo_config.project_files import CONFIGURED, ProjectFiles
from repo_config.schema import RepoConfig

#: What names targets of mypy: without any, these have to stand in its command.
_TARGETS_OF_MYPY = frozenset({"files", "packages", "modules"})
_NO_TARGETS = frozenset({"test", "tests", "testing", "docs", "doc", "examples", "build", "dist"})


class Commands(NamedTuple):
    """What was found, as in `detect.Project`."""

    types: tuple[CheckCommand, ...]
    lint: tuple[CheckCommand, ...]
    extra: tuple[CheckCommand, ...]
    tool_pins: dict[str, tuple[str, ...]]


class _Usual(NamedTuple):
    """A plain command of a known tool, and what says that the project has it."""

    command: CheckCommand
    origin: str


def find_commands(files: ProjectFiles, config: RepoConfig) -> tuple[Commands, dict[str, str]]:
    """Find the commands, and where each kind of them is from."""
    usual = list(_find_usual(files))
    checks, kinds, origins = config.checks, {}, {}
    for kind, of_types in (("types", True), ("lint", False)):
        given: str | tuple[str, ...] = getattr(checks, kind)
        if given == "auto":
            own = [one for one in usual if one.command.checks_types == of_types]
            kinds[kind] = [one.command for one in own]
            origins[kind] = ", ".join(f"{one.command.name}: {one.origin}" for one in own)
            continue
        lines = () if given == "off" else given if isinstance(given, tuple) else (given,)
        kinds[kind] = [command_lines.read_command(line) for line in lines]
        origins[kind] = f"{CONFIGURED}: checks.{kind}" if lines else ""
    extra = [command_lines.read_command(one.run, one.name) for one in checks.extra]
    named = command_lines.name_apart([*kinds["types"], *kinds["lint"], *extra])
    ends = len(kinds["types"]), len(named) - len(extra)
    programs = {TOOLS[one.tool].program for one in named if one.tool}
    commands = Commands(
        types=named[: ends[0]],
        lint=named[ends[0] : ends[1]],
        extra=named[ends[1] :],
        tool_pins=tool_pins.find_pins(files, programs),
    )
    return commands, {kind: origin for kind, origin in origins.items() if origin}


def _find_usual(files: ProjectFiles) -> Iterator[_Usual]:
    """Yield the plain commands of the tools that the project has."""
    hooks = {
        HOOKS[hook.name].check: hook for hook in tool_pins.read_hooks(files) if hook.name in HOOKS
    }
    has_based = False
    for check, tool in TOOLS.items():
        hook = hooks.get(check)
        origin = _find_settings(files, tool)
        if not origin and hook and not hook.limited:
            origin = f"{tool_pins.HOOKS_FILE}: {check}"
        if not origin or (check == "pyright" and has_based):
            continue
        has_based |= check == "basedpyright"
        words = () if hook is None else hook.arguments
        words = tool.hook_args if words is None else words
        yield _Usual(_make_command(files, tool, words), origin)


def _find_settings(files: ProjectFiles, tool: KnownTool) -> str:
    """Return the first place that configures a tool; empty where none does."""
    for place in tool.settings:
        path, _, section = place.partition(": ")
        if not section:
            if files.has_file(path):
                return place
        elif path.endswith(".toml"):
            *outer, name = section.split(".")
            if name in table(files.toml(path), *outer):
                return place
        elif section in files.ini(path):
            return f"{path}: [{section}]"
    return ""


def _make_command(files: ProjectFiles, tool: KnownTool, hook: tuple[str, ...]) -> CheckCommand:
    words = (*hook, *tool.options.split(), *_choose_targets(files, tool))
    line = escape_text(shlex.join((*tool.check.split(), *words)))
    return CheckCommand(name=tool.check, line=line, tool=tool.check, words=words, options=hook)


def _choose_targets(files: ProjectFiles, tool: KnownTool) -> Iterable[str]:
    if tool.check != "mypy":
        return (tool.target,) if tool.target else ()
    sections = [table(files.pyproject, "tool", "mypy")]
    sections += [files.ini(path).get("mypy", {}) for path in ("mypy.ini", ".mypy.ini", "setup.cfg")]
    if any(_TARGETS_OF_MYPY & one.keys() for one in sections):
        return ()
    # The whole folder may hold modules of equal names (conftest, setup), which mypy refuses.
    packages = {
        posixpath.dirname(path) for path in files.paths if path.endswith("/__init__.py")
    } - _NO_TARGETS
    tops = sorted(path for path in packages if "/" not in path)
    return ("src",) if "src" in files.folders else tops or (".",)
