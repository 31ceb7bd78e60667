"""Which type checkers, linters and formatters a project has, what they are told, and by whom.

A tool is had where the project configures it, or where a hook of pre-commit, tox or CI runs it on
the whole project; pyright, which needs no settings, also where a requirement for development names
it. One that is only named, in a way that no check can follow, is named with the reason.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from repo_config import pyright_settings, tool_options, tool_pins
from repo_config.commands import read_commands, unwrap_command
from repo_config.dependencies import Dependency
from repo_config.documents import table
from repo_config.located import escape_text
from repo_config.project_files import Detected, Files, split_words
from repo_config.schema import RepoConfig
from repo_config.tool_options import ToolCommand, ToolOptions, find_tool

_LINTERS = ("ruff", "flake8", "black", "isort")
_RUFF, _RUFF_FORMAT = "ruff check", "ruff format"
#: The checks that a tool is run for, where they are not called as it is.
_CHECKS = {"ruff": (_RUFF, _RUFF_FORMAT)}
_PYRIGHTS: tuple[pyright_settings.Tool, ...] = ("basedpyright", "pyright")
#: Files of a tool's own that are its table.
_OWN = {"ruff": ("ruff.toml", ".ruff.toml")}
#: Settings of ruff by which it checks rules.
_LINTS = frozenset({"lint", "select", "ignore", "extend-select", "per-file-ignores"})
_INI = (".flake8", "setup.cfg", "tox.ini")
#: What a hook is told where its owner tells it nothing; as its author says.
_HOOK_ARGS = {"mypy": ("--ignore-missing-imports", "--scripts-are-modules")}
_MOST = 200


class Tools(NamedTuple):
    """What was found."""

    types: tuple[Detected, ...]
    lint: tuple[Detected, ...]
    told: dict[str, ToolOptions]
    """By check; see `detect.Project`."""
    not_run: dict[str, str]
    """By check; see `detect.Project`."""
    pyright: pyright_settings.Settings | None
    """What files tell pyright or basedpyright, where one of them is run."""
    ruff_formats: bool
    """See `detect.Project`."""
    own_excludes: tuple[str, ...]
    """See `detect.Project`."""
    pins: dict[str, tuple[str, ...]]
    """See `detect.Project`."""


def find_tools(
    files: Files, whole: Files, config: RepoConfig, declared: Iterable[Dependency]
) -> Tools:
    """Say what is run.

    Args:
        files: Of the project.
        whole: Of the repository, which CI is configured for.
        config: What it says of checks wins.
        declared: The packages that the project says it needs.
    """
    named = _Named(files, whole, config.folder)
    own = _own_settings(files, named, _find_required(declared))
    lint, types = _lint(config, named, own), _types(config, named, own)
    running = {found.value for found in (*types, *lint)}
    told = {
        # Beside settings of its own, a hook says less of a tool than tox and CI.
        check: named.elsewhere.get(check, one) if check in own else one
        for tool in running
        for check in _CHECKS.get(tool, (tool,))
        if (one := named.told.get(check))
    }
    not_run = {check: why for check, why in named.why.items() if check not in {*running, *own}}
    if "ruff" in running and config.checks.lint != "auto":
        not_run.pop(_RUFF, None)
    elif "ruff" in running and _RUFF not in {*own, *told}:
        origin = named.origin.get(_RUFF_FORMAT)
        why = f"{origin} runs `ruff format` alone" if origin else "its settings name no rules"
        not_run.setdefault(_RUFF, why)
    return Tools(
        types,
        lint,
        told,
        not_run,
        _pyright(whole, config, types, told),
        ruff_formats=_RUFF_FORMAT in {*own, *told},
        own_excludes=tuple(one.value for one in lint if _has_own_excludes(files, one.value, told)),
        pins=tool_pins.find_pins(files, whole, running, named.commands),
    )


def find_commands(files: Files, whole: Files, folder: str) -> tuple[ToolCommand, ...]:
    """List where tools are run: by hooks first, then tox and CI, then what these call."""
    commands = list(_read_hooks(files))
    for one in read_commands(files, whole, folder):
        check, rest = find_tool(one.words)
        if check:
            commands.append(ToolCommand(check, rest, one.origin, why=one.why))
    return tuple(commands[:_MOST])


def _read_hooks(files: Files) -> Iterator[ToolCommand]:
    for hook in tool_pins.read_hooks(files):
        check, words = find_tool(unwrap_command(split_words(hook.entry)))
        if not hook.entry:
            check, words = tool_pins.HOOK_CHECKS.get(hook.name, ""), ()
        if check:
            args = hook.arguments if hook.arguments is not None else _HOOK_ARGS.get(hook.name, ())
            why = "it looks at some files only" if hook.limited else ""
            origin = f"{tool_pins.HOOKS_FILE}: {hook.name}"
            yield ToolCommand(check, (*words, *args), origin, is_hook=True, why=why)


class _Named:
    """What hooks, tox and CI run: of each check the first that can be followed."""

    def __init__(self, files: Files, whole: Files, folder: str) -> None:
        self.told: dict[str, ToolOptions] = {}
        self.origin: dict[str, str] = {}
        """Of what is told."""
        self.elsewhere: dict[str, ToolOptions] = {}
        """As `told`, without what hooks tell."""
        self.why: dict[str, str] = {}
        """Why a check that is named cannot be followed, where no other place of it can."""

        def exists(name: str) -> bool:
            path = posixpath.normpath(name)
            return path == "." or path in files.folders or files.has_file(path)

        self.commands = find_commands(files, whole, folder)
        for one in self.commands:
            found = tool_options.parse_options(one, exists)
            if isinstance(found, ToolOptions):
                if not one.is_hook:
                    self.elsewhere.setdefault(one.check, found)
                if one.check not in self.told:
                    self.told[one.check], self.origin[one.check] = found, escape_text(one.origin)
                self.why.pop(one.check, None)
            elif one.check not in self.told:
                self.why.setdefault(one.check, f"{escape_text(one.origin)} names it, and {found}")


def _find_required(declared: Iterable[Dependency]) -> dict[str, str]:
    """Where a pyright is asked for that the project does not run with; by its name."""
    found: dict[str, str] = {}
    for one in declared:
        # Such a file often names what development needs as well.
        aside = not one.runtime or one.origin.endswith((".txt", ".in"))
        if one.name in _PYRIGHTS and aside:
            found.setdefault(one.name, f"{one.origin}: {one.name}")
    return found


def _own_settings(files: Files, named: _Named, required: dict[str, str]) -> dict[str, str]:
    """Where each check is configured by files of its tool, or asked for; by check."""
    found = {
        "mypy": _section_of(files, "mypy", ("mypy.ini", ".mypy.ini"), ("setup.cfg",)),
        _RUFF: None if _formats_alone(files) else _section_of(files, "ruff", _OWN["ruff"], ()),
        _RUFF_FORMAT: "ruff's settings" if _formats(files) else None,
        "flake8": _section_of(
            files, "flake8", (".flake8",), ("setup.cfg", "tox.ini"), in_pyproject=False
        ),
        "black": _section_of(files, "black", (), ()),
        "isort": _section_of(files, "isort", (".isort.cfg",), ("setup.cfg", "tox.ini"))
        or _section_of(files, "tool:isort", (), ("setup.cfg", "tox.ini"), in_pyproject=False),
    }
    based = _section_of(files, "basedpyright", (), ())
    plain = _section_of(files, "pyright", (pyright_settings.FILE,), ())
    is_based = "basedpyright" in {*named.told, *named.why} or list(required) == ["basedpyright"]
    found["basedpyright"] = based or (plain if is_based else None)
    found["pyright"] = None if found["basedpyright"] else plain
    own = {check: origin for check, origin in found.items() if origin}
    if not {*own, *named.told, *named.why} & {*_PYRIGHTS}:
        own |= dict(list(required.items())[:1])
    return own


def _types(config: RepoConfig, named: _Named, own: dict[str, str]) -> tuple[Detected, ...]:
    asked = config.checks.types.tool
    if asked == "off":
        return ()
    if asked != "auto":
        several = (asked,) if isinstance(asked, str) else asked
        return tuple(_make_detected(tool, "checks.types.tool") for tool in dict.fromkeys(several))
    # Of the two pyrights one is enough: the one that has settings, else the one that is run.
    pyright = next((tool for tool in _PYRIGHTS if tool in own), None) or next(
        (tool for tool in _PYRIGHTS if tool in named.told), None
    )
    return tuple(
        Detected(tool, own.get(tool) or named.origin[tool])
        for tool in ("mypy", pyright)
        if tool and (tool in own or tool in named.told)
    )


def _lint(config: RepoConfig, named: _Named, own: dict[str, str]) -> tuple[Detected, ...]:
    asked = config.checks.lint
    if asked == "off":
        return ()
    if asked != "auto":
        return tuple(_make_detected(name, "checks.lint") for name in dict.fromkeys(asked))
    found = []
    for tool in _LINTERS:
        checks = _CHECKS.get(tool, (tool,))
        origins = [own[check] for check in checks if check in own]
        origins += [named.origin[check] for check in checks if check in named.origin]
        if origins:
            found.append(Detected(tool, origins[0]))
    return tuple(found)


def _pyright(
    whole: Files, config: RepoConfig, types: tuple[Detected, ...], told: dict[str, ToolOptions]
) -> pyright_settings.Settings | None:
    running = tuple(found.value for found in types)
    tool = next((one for one in _PYRIGHTS if one in running), None)
    if tool is None:
        return None
    named, _ = pyright_settings.find_settings_argument(type_args(config, running, told, tool))

    def text(path: str) -> str | None:
        return whole.text(path) if whole.has_file(path) else None

    return pyright_settings.read_settings(text, config.folder, tool, named)


def type_args(
    config: RepoConfig, tools: tuple[str, ...], told: dict[str, ToolOptions], tool: str
) -> tuple[str, ...]:
    """What a type checker is told on its command line.

    Args:
        tools: All that are run, in their order; the configuration speaks to the first.
    """
    given = config.checks.types.args
    if given and tools[:1] == (tool,):
        return given
    return told[tool].words if tool in told else ()


def _formats(files: Files) -> bool:
    """Whether a hook has ruff format some files, or its settings say how."""
    tables = _tables(files, "ruff", _OWN["ruff"])
    hooks = (tool_pins.HOOK_CHECKS.get(hook.name) for hook in tool_pins.read_hooks(files))
    return _RUFF_FORMAT in hooks or any("format" in one for one in tables)


def _formats_alone(files: Files) -> bool:
    """Whether ruff's settings say how it formats, and name no rules."""
    tables = _tables(files, "ruff", _OWN["ruff"])
    formats = any("format" in one for one in tables)
    return formats and not any(_LINTS & one.keys() for one in tables)


def _has_own_excludes(files: Files, tool: str, told: dict[str, ToolOptions]) -> bool:
    """Whether the project lists all that a tool leaves out, in place of the tool's own list."""
    key = "skip" if tool == "isort" else "exclude"
    checks = _CHECKS.get(tool, (tool,))
    words = [word for check in checks if check in told for word in told[check].args]
    keys = {key for one in _tables(files, tool, _OWN.get(tool, ())) for key in one}
    keys |= {
        key
        for path, section in ((".isort.cfg", "settings"), *product(_INI, (tool, f"tool:{tool}")))
        for key in files.ini(path).get(section, {})
    }
    return key in keys or any(word.startswith(f"--{key}") for word in words)


def _tables(files: Files, tool: str, own: tuple[str, ...]) -> list[dict[str, object]]:
    """The tables of TOML files that a tool is configured by."""
    return [table(files.pyproject, "tool", tool), *(files.toml(path) for path in own)]


def _make_detected(tool: str, key: str) -> Detected:
    return Detected(tool, f"configuration: {key}")


def _section_of(
    files: Files,
    section: str,
    own: tuple[str, ...],
    shared: tuple[str, ...],
    *,
    in_pyproject: bool = True,
) -> str | None:
    """Where a tool has a file of its own, or a section in a file that is shared."""
    for path in own:
        if files.has_file(path):
            return path
    if in_pyproject and section in table(files.pyproject, "tool"):
        return f"pyproject.toml: tool.{section}"
    for path in shared:
        if section in files.ini(path):
            return f"{path}: [{section}]"
    return None
