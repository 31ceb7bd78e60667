"""Find the type checkers, linters and formatters of a project, with their options and origins.

A tool counts where the project configures it, or where a hook of pre-commit, tox or CI runs it on
the whole project. One that is only named, in a way that no check can follow, is named with the
reason.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from repo_config import pyright_settings, tool_options, tool_pins
from repo_config.commands import read_commands, unwrap_command
from repo_config.documents import table
from repo_config.located import escape_text
from repo_config.project_files import CONFIGURED, Detected, ProjectFiles, split_words
from repo_config.schema import RepoConfig
from repo_config.tool_options import ToolCommand, ToolOptions, find_tool

_LINTERS = ("ruff", "flake8", "black", "isort")
_RUFF, _RUFF_FORMAT = "ruff check", "ruff format"
#: The checks that a tool is run for, where they are not called as it is.
_CHECKS = {"ruff": (_RUFF, _RUFF_FORMAT)}
_PYRIGHTS: tuple[pyright_settings.Tool, ...] = ("basedpyright", "pyright")
_RUFF_FILES = ("ruff.toml", ".ruff.toml")
#: Settings of ruff by which it checks rules.
_RULE_KEYS = frozenset({"lint", "select", "ignore", "extend-select", "per-file-ignores"})
_SHARED_INI = ("setup.cfg", "tox.ini")
#: Default arguments of hooks, as their authors set them.
_HOOK_ARGS = {"mypy": ("--ignore-missing-imports", "--scripts-are-modules")}
_MOST = 200


class Tools(NamedTuple):
    """What was found, as in `detect.Project`."""

    type_tools: tuple[str, ...]
    lint_tools: tuple[str, ...]
    ruff_formats: bool
    own_excludes: tuple[str, ...]
    tool_pins: dict[str, tuple[str, ...]]
    tool_options: dict[str, ToolOptions]
    not_run: dict[str, str]
    type_settings: tuple[str, ...]
    type_stubs: str | None


class _ToolUses(NamedTuple):
    """How hooks, tox and CI run tools: of each check the first use that can be followed."""

    options: dict[str, ToolOptions] = {}
    origins: dict[str, str] = {}
    """Of the options."""
    outside_hooks: dict[str, ToolOptions] = {}
    """The options without those of hooks."""
    refused: dict[str, str] = {}
    """Why a check that is named cannot be followed, where no other use of it can."""


def find_tools(files: ProjectFiles, config: RepoConfig) -> tuple[Tools, dict[str, str]]:
    """Find the tools that are run, and where each kind of them is from."""
    commands = find_commands(files)
    uses = _read_uses(commands, files)
    own = _find_own_settings(files, {*uses.options, *uses.refused})
    lint, types = _choose_linters(config, uses, own), _choose_type_checkers(config, uses, own)
    running = {found.value for found in (*types, *lint)}
    options = {
        # Beside settings of its own, a hook says less of a tool than tox and CI.
        check: uses.outside_hooks.get(check, found) if check in own else found
        for tool in running
        for check in _CHECKS.get(tool, (tool,))
        if (found := uses.options.get(check))
    }
    not_run = {check: why for check, why in uses.refused.items() if check not in {*running, *own}}
    if "ruff" in running and config.checks.lint != "auto":
        not_run.pop(_RUFF, None)
    elif "ruff" in running and _RUFF not in {*own, *options}:
        origin = uses.origins.get(_RUFF_FORMAT)
        why = f"{origin} runs `ruff format` alone" if origin else "its settings name no rules"
        not_run.setdefault(_RUFF, why)
    type_tools = tuple(found.value for found in types)
    pyright = _read_pyright(files, config, type_tools, options)
    tools = Tools(
        type_tools=type_tools,
        lint_tools=tuple(found.value for found in lint),
        ruff_formats=_RUFF_FORMAT in {*own, *options},
        own_excludes=tuple(
            one.value for one in lint if _has_own_excludes(files, one.value, options)
        ),
        tool_pins=tool_pins.find_pins(files, running, commands),
        tool_options=options,
        not_run=not_run,
        type_settings=pyright.files if pyright else (),
        type_stubs=pyright.stubs if pyright else None,
    )
    named = {"type_tools": types, "lint_tools": lint}
    origins = {
        key: ", ".join(f"{found.value}: {found.origin}" for found in several)
        for key, several in named.items()
        if several
    }
    if len(types) == 1:
        origins["type_tools"] = types[0].origin
    return tools, origins


def find_commands(files: ProjectFiles) -> tuple[ToolCommand, ...]:
    """List where tools are run: by hooks first, then tox and CI, then what these call."""
    commands = list(_read_hooks(files))
    for command in read_commands(files):
        check, rest = find_tool(command.words)
        if check:
            commands.append(ToolCommand(check, rest, command.origin, why=command.why))
    return tuple(commands[:_MOST])


def _read_hooks(files: ProjectFiles) -> Iterator[ToolCommand]:
    for hook in tool_pins.read_hooks(files):
        check, words = find_tool(unwrap_command(split_words(hook.entry)))
        if not hook.entry:
            check, words = tool_pins.HOOK_CHECKS.get(hook.name, ""), ()
        if check:
            args = hook.arguments if hook.arguments is not None else _HOOK_ARGS.get(hook.name, ())
            why = "it looks at some files only" if hook.limited else ""
            origin = f"{tool_pins.HOOKS_FILE}: {hook.name}"
            yield ToolCommand(check, (*words, *args), origin, is_hook=True, why=why)


def _read_uses(commands: Iterable[ToolCommand], files: ProjectFiles) -> _ToolUses:
    uses = _ToolUses({}, {}, {}, {})

    def exists(name: str) -> bool:
        path = posixpath.normpath(name)
        return path == "." or path in files.folders or files.has_file(path)

    for command in commands:
        check, origin = command.check, escape_text(command.origin)
        found = tool_options.parse_options(command, exists)
        if isinstance(found, ToolOptions):
            if not command.is_hook:
                uses.outside_hooks.setdefault(check, found)
            if check not in uses.options:
                uses.options[check], uses.origins[check] = found, origin
            uses.refused.pop(check, None)
        elif check not in uses.options:
            uses.refused.setdefault(check, f"{origin} names it, and {found}")
    return uses


def _find_own_settings(files: ProjectFiles, named: set[str]) -> dict[str, str]:
    """Return by check where files of its tool configure it.

    Args:
        named: The checks that hooks, tox and CI name.
    """
    ruff_tables = _list_tables(files, "ruff")
    hooks = (tool_pins.HOOK_CHECKS.get(hook.name) for hook in tool_pins.read_hooks(files))
    has_format = any("format" in one for one in ruff_tables)
    has_rules = any(_RULE_KEYS & one.keys() for one in ruff_tables)
    ruff = _find_section(files, "ruff", _RUFF_FILES)
    isort = _find_section(files, "isort", (".isort.cfg",), _SHARED_INI)
    pyright = _find_section(files, "pyright", (pyright_settings.FILE,))
    based = _find_section(files, "basedpyright") or (pyright if "basedpyright" in named else None)
    found = {
        "mypy": _find_section(files, "mypy", ("mypy.ini", ".mypy.ini"), ("setup.cfg",)),
        _RUFF: ruff if has_rules or not has_format else None,
        _RUFF_FORMAT: "ruff's settings" if has_format or _RUFF_FORMAT in hooks else None,
        "flake8": _find_section(files, "flake8", (".flake8",), _SHARED_INI, in_pyproject=False),
        "black": _find_section(files, "black"),
        "isort": isort or _find_section(files, "tool:isort", (), _SHARED_INI, in_pyproject=False),
        "basedpyright": based,
        "pyright": None if based else pyright,
    }
    return {check: origin for check, origin in found.items() if origin}


def _find_section(
    files: ProjectFiles,
    section: str,
    own: tuple[str, ...] = (),
    shared: tuple[str, ...] = (),
    *,
    in_pyproject: bool = True,
) -> str | None:
    """Say where a tool has a file of its own, or a section in a file that is shared."""
    for path in own:
        if files.has_file(path):
            return path
    if in_pyproject and section in table(files.pyproject, "tool"):
        return f"pyproject.toml: tool.{section}"
    for path in shared:
        if section in files.ini(path):
            return f"{path}: [{section}]"
    return None


def _choose_type_checkers(
    config: RepoConfig, uses: _ToolUses, own: Mapping[str, str]
) -> tuple[Detected, ...]:
    asked = config.checks.types.tool
    if asked == "off":
        return ()
    if asked != "auto":
        several = (asked,) if isinstance(asked, str) else asked
        return _list_configured(several, "checks.types.tool")
    # Of the two pyrights one is enough: the one that has settings, else the one that is run.
    known = (*filter(own.__contains__, _PYRIGHTS), *filter(uses.options.__contains__, _PYRIGHTS))
    return tuple(
        Detected(tool, own.get(tool) or uses.origins[tool])
        for tool in ("mypy", *known[:1])
        if tool in own or tool in uses.options
    )


def _choose_linters(
    config: RepoConfig, uses: _ToolUses, own: Mapping[str, str]
) -> tuple[Detected, ...]:
    asked = config.checks.lint
    if asked == "off":
        return ()
    if asked != "auto":
        return _list_configured(asked, "checks.lint")
    found = []
    for tool in _LINTERS:
        pairs = product((own, uses.origins), _CHECKS.get(tool, (tool,)))
        if origin := next((where[check] for where, check in pairs if check in where), None):
            found.append(Detected(tool, origin))
    return tuple(found)


def _list_configured(tools: Iterable[str], key: str) -> tuple[Detected, ...]:
    return tuple(Detected(tool, f"{CONFIGURED}: {key}") for tool in dict.fromkeys(tools))


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


def _has_own_excludes(files: ProjectFiles, tool: str, options: Mapping[str, ToolOptions]) -> bool:
    """Whether the project lists all that a tool leaves out, in place of the tool's own list."""
    key = "skip" if tool == "isort" else "exclude"
    checks = _CHECKS.get(tool, (tool,))
    words = [word for check in checks if check in options for word in options[check].args]
    keys = {key for one in _list_tables(files, tool) for key in one}
    sections = product((".flake8", *_SHARED_INI), (tool, f"tool:{tool}"))
    for path, section in ((".isort.cfg", "settings"), *sections):
        keys |= files.ini(path).get(section, {}).keys()
    return key in keys or any(word.startswith(f"--{key}") for word in words)


def _list_tables(files: ProjectFiles, tool: str) -> list[dict[str, object]]:
    """List the tables of TOML files that a tool is configured by."""
    own = _RUFF_FILES if tool == "ruff" else ()
    return [table(files.pyproject, "tool", tool), *(files.toml(path) for path in own)]
