"""Find the type checkers, linters and formatters of a project, with their options and origins.

A tool counts where the project configures it, or where a hook of pre-commit runs it on the whole
project. One that is only named, in a way that no check can follow, is named with the reason.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from repo_config import pyright_settings, tool_options, tool_pins
from repo_config.documents import as_map, table
from repo_config.known_tools import HOOKS, LINTERS, TOOLS, KnownTool
from repo_config.located import escape_text
from repo_config.project_files import CONFIGURED, Detected, ProjectFiles, split_words
from repo_config.schema import RepoConfig
from repo_config.tool_options import ToolCommand, ToolOptions, find_tool

_RUFF, _RUFF_FORMAT = "ruff check", "ruff format"
_PYRIGHTS: tuple[pyright_settings.Tool, ...] = ("basedpyright", "pyright")
#: Settings of ruff by which it checks rules.
_RULE_KEYS = frozenset({"lint", "select", "ignore", "extend-select", "per-file-ignores"})


class Tools(NamedTuple):
    """What was found, as in `detect.Project`."""

    type_tools: tuple[str, ...]
    lint_tools: tuple[str, ...]
    ruff_formats: bool
    tool_pins: dict[str, tuple[str, ...]]
    tool_options: dict[str, ToolOptions]
    not_run: dict[str, str]
    type_settings: tuple[str, ...]
    type_stubs: str | None


class _ToolUses(NamedTuple):
    """How hooks run tools: of each check the first use that can be followed."""

    options: dict[str, ToolOptions] = {}
    origins: dict[str, str] = {}
    """Of the options."""
    refused: dict[str, str] = {}
    """Why a check that is named cannot be followed, where no other use of it can."""


def find_tools(files: ProjectFiles, config: RepoConfig) -> tuple[Tools, dict[str, str]]:
    """Find the tools that are run, and where each kind of them is from."""
    uses = _read_uses(_read_hooks(files), files)
    own = _find_own_settings(files, {*uses.options, *uses.refused})
    found = _find_origins(uses, own)
    # Of the two pyrights one is enough.
    typed = ("mypy", *[tool for tool in found if tool in _PYRIGHTS][:1])
    lint = _choose_tools(config.checks.lint, "checks.lint", LINTERS, found)
    types = _choose_tools(config.checks.types.tool, "checks.types.tool", typed, found)
    running = {one.value for one in (*types, *lint)}
    options = {
        check: told for check, told in uses.options.items() if TOOLS[check].program in running
    }
    not_run = {check: why for check, why in uses.refused.items() if check not in {*running, *own}}
    if "ruff" in running and config.checks.lint != "auto":
        not_run.pop(_RUFF, None)
    elif "ruff" in running and _RUFF not in {*own, *options}:
        origin = uses.origins.get(_RUFF_FORMAT)
        why = f"{origin} runs `ruff format` alone" if origin else "its settings name no rules"
        not_run.setdefault(_RUFF, why)
    type_tools = tuple(one.value for one in types)
    pyright = _read_pyright(files, config, type_tools, options)
    tools = Tools(
        type_tools=type_tools,
        lint_tools=tuple(one.value for one in lint),
        ruff_formats=_RUFF_FORMAT in {*own, *options},
        tool_pins=tool_pins.find_pins(files, running),
        tool_options=options,
        not_run=not_run,
        type_settings=pyright.files if pyright else (),
        type_stubs=pyright.stubs if pyright else None,
    )
    named = {"type_tools": types, "lint_tools": lint}
    origins = {
        key: ", ".join(f"{one.value}: {one.origin}" for one in several)
        for key, several in named.items()
        if several
    }
    if len(types) == 1:
        origins["type_tools"] = types[0].origin
    return tools, origins


def _read_hooks(files: ProjectFiles) -> Iterator[ToolCommand]:
    for hook in tool_pins.read_hooks(files):
        check, words = find_tool(split_words(hook.entry))
        known = HOOKS.get(hook.name)
        if known and not hook.entry:
            check = known.check
        if check:
            defaults = known.hook_args if known else ()
            args = defaults if hook.arguments is None else hook.arguments
            why = "it looks at some files only" if hook.limited else ""
            origin = f"{tool_pins.HOOKS_FILE}: {hook.name}"
            yield ToolCommand(check, (*words, *args), origin, why=why)


def _read_uses(commands: Iterable[ToolCommand], files: ProjectFiles) -> _ToolUses:
    uses = _ToolUses({}, {}, {})

    def exists(name: str) -> bool:
        path = posixpath.normpath(name)
        return path == "." or path in files.folders or files.has_file(path)

    for command in commands:
        check, origin = command.check, escape_text(command.origin)
        found = tool_options.parse_options(command, exists)
        if isinstance(found, ToolOptions):
            if check not in uses.options:
                uses.options[check], uses.origins[check] = found, origin
            uses.refused.pop(check, None)
        elif check not in uses.options:
            uses.refused.setdefault(check, f"{origin} names it, and {found}")
    return uses


def _find_own_settings(files: ProjectFiles, named: set[str]) -> dict[str, str]:
    """Return by check where files of its tool configure it.

    Args:
        named: The checks that hooks name.
    """
    settings = {check: _read_settings(files, tool) for check, tool in TOOLS.items()}
    found = {check: next(iter(places), None) for check, places in settings.items()}
    hooks = {HOOKS.get(hook.name) for hook in tool_pins.read_hooks(files)}
    has_format = any("format" in one for one in settings[_RUFF].values())
    if has_format and not any(_RULE_KEYS & one.keys() for one in settings[_RUFF].values()):
        found[_RUFF] = None
    is_formatter = has_format or TOOLS[_RUFF_FORMAT] in hooks
    found[_RUFF_FORMAT] = "ruff's settings" if is_formatter else None
    if "basedpyright" in named:
        found["basedpyright"] = found["basedpyright"] or found["pyright"]
    if found["basedpyright"]:
        found["pyright"] = None
    return {check: origin for check, origin in found.items() if origin}


def _read_settings(files: ProjectFiles, tool: KnownTool) -> dict[str, dict[str, Any]]:
    """Return by place what configures a tool; nothing is read of type checkers' own files."""
    found: dict[str, dict[str, Any]] = {}
    for place in tool.settings:
        path, _, section = place.partition(": ")
        if not section:
            if files.has_file(path):
                found[place] = {} if tool.checks_types else _read_own(files, path)
            continue
        *outer, name = section.strip("[]").split(".")
        sections = table(files.pyproject if outer else files.ini(path), *outer)
        if name in sections:
            found[place] = as_map(sections[name])
    return found


def _read_own(files: ProjectFiles, path: str) -> dict[str, Any]:
    if path.endswith(".toml"):
        return files.toml(path)
    return {key: value for one in files.ini(path).values() for key, value in one.items()}


def _find_origins(uses: _ToolUses, own: Mapping[str, str]) -> dict[str, Detected]:
    """Return the tools by program: those that have settings, then those that are run."""
    found: dict[str, Detected] = {}
    for where in (own, uses.origins):
        for check, tool in TOOLS.items():
            if check in where:
                found.setdefault(tool.program, Detected(tool.program, where[check]))
    return found


def _choose_tools(
    asked: str | tuple[str, ...], key: str, known: Iterable[str], found: Mapping[str, Detected]
) -> tuple[Detected, ...]:
    if asked == "off":
        return ()
    if asked == "auto":
        return tuple(found[tool] for tool in known if tool in found)
    several = (asked,) if isinstance(asked, str) else dict.fromkeys(asked)
    return tuple(Detected(tool, f"{CONFIGURED}: {key}") for tool in several)


def _read_pyright(
    files: ProjectFiles, config: RepoConfig, tools: tuple[str, ...], options: dict[str, ToolOptions]
) -> pyright_settings.Settings | None:
    tool = next((one for one in _PYRIGHTS if one in tools), None)
    if tool is None:
        return None
    named, _ = pyright_settings.find_settings_argument(list_type_args(config, tools, options, tool))

    def read(path: str) -> str | None:
        return files.whole.text(path) if files.whole.has_file(path) else None

    return pyright_settings.read_settings(read, files.folder, tool, named)


def list_type_args(
    config: RepoConfig, tools: tuple[str, ...], options: Mapping[str, ToolOptions], tool: str
) -> tuple[str, ...]:
    """List the arguments of a type checker.

    Args:
        tools: All that are run, in their order; the configuration speaks to the first.
    """
    given = config.checks.types.args
    if given and tools[:1] == (tool,):
        return given
    return options[tool].words if tool in options else ()
