"""Find the commands that check a project besides its tests: as configured, else as is usual.

A known tool counts where the project has settings for it, or a hook of pre-commit that runs it
before commits. Its settings are the tool's own affair.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from repo_config import command_lines
from repo_config.command_lines import FILES, CheckCommand, HookFiles
from repo_config.documents import table, texts
from repo_config.known_tools import HOOKS, HOOKS_FILE, PINNED, TOOLS, KnownTool
from repo_config.located import escape_text
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig

#: The tag that a commit had when `pre-commit autoupdate --freeze` wrote it.
_FROZEN = re.compile(r"\brev: *['\"]?(\w+)['\"]? +# frozen: *(\S+)")
#: Files with commands and packages: those at the root that are no texts, workflows, requirements.
_NAMING = re.compile(
    r"[^/]+(?<!\.md)(?<!\.rst)|\.github/workflows/.+|[^/]+/.*require.*|require.*/.+"
)
#: When a hook has to run, to be a check.
_AT_COMMIT = frozenset({"commit", "pre-commit"})
#: Types of files, as pre-commit calls them.
_SUFFIXES = {"python": ".py", "pyi": ".pyi", "jupyter": ".ipynb"}
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

    tool: KnownTool
    words: tuple[str, ...] = ()
    """What it tells the tool, besides files."""
    names_files: bool = True
    """Whether files are named to the tool; else its words say what it looks at."""
    files: HookFiles | None = None
    """Which; None: all that the tool looks at."""
    is_at_commit: bool = True
    pins: tuple[str, ...] = ()
    """The version of its tool and what is installed beside it, as requirements."""


def find_commands(files: ProjectFiles, config: RepoConfig) -> Commands:
    """Find the commands, and in which versions hooks run their tools."""
    hooks = list(_read_hooks(files))
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
            hook.tool.program: hook.pins
            for hook in hooks
            if hook.pins and hook.tool.program in programs
        },
    )


def _read_hooks(files: ProjectFiles) -> Iterator[_Hook]:
    """Yield the hooks of known tools; none where the file cannot be read."""
    whole, frozen = files.yaml(HOOKS_FILE), dict(_FROZEN.findall(files.text(HOOKS_FILE)))
    for repository, hook in files.hooks:
        tool, words = _read_call(hook)
        if tool:
            revision = str(repository.get("rev"))
            # What mypy is to know of packages, it finds where these are installed.
            beside = [] if tool.program == "mypy" else hook.get("additional_dependencies")
            stages = texts(hook.get("stages", "pre-commit"))
            yield _Hook(
                tool=tool,
                words=words,
                names_files=str(hook.get("pass_filenames")).lower() != "false",
                files=_choose_files(tool, whole, hook),
                is_at_commit=bool(_AT_COMMIT & {*stages}),
                pins=tuple(_pin(tool.program, frozen.get(revision, revision), texts(beside))),
            )


def _read_call(hook: Mapping[str, Any]) -> tuple[KnownTool | None, tuple[str, ...]]:
    """Return the known tool that a hook runs, if it does, and what its entry and arguments say."""
    args = tuple(texts(hook.get("args")))
    if "entry" in hook:
        call = command_lines.split_call(str(hook["entry"]))
        check, words = command_lines.find_tool(command_lines.find_inner_call(call))
        return TOOLS.get(check), (*words, *args)
    tool = HOOKS.get(str(hook.get("id")))
    return tool, tool.hook_args if tool and "args" not in hook else args


def _choose_files(tool: KnownTool, *levels: Mapping[str, Any]) -> HookFiles | None:
    """Read which files a hook is given; None: all that its tool looks at.

    Args:
        levels: The whole file of the hooks, and the entry of this one.
    """
    files, exclude, left_out, *types = (
        tuple(text for level in levels for text in texts(level.get(key)))
        for key in ("files", "exclude", "exclude_types", "types", "types_or")
    )
    kinds = _SUFFIXES.keys() & {*types[0], *types[1]} or _SUFFIXES.keys()
    taken = {_SUFFIXES[kind] for kind in kinds - {*left_out}}
    suffixes = tuple(suffix for suffix in tool.suffixes if suffix in taken)
    is_chosen = tool.suffixes and (files or exclude or suffixes != tool.suffixes)
    return HookFiles(files, exclude, suffixes) if is_chosen else None


def _pin(program: str, tag: str, beside: list[str]) -> Iterator[str]:
    """Yield the requirements that a package index can meet; none where a tag names no version."""
    with suppress(InvalidVersion):
        yield f"{program}=={Version(tag)}"
        for line in beside:
            with suppress(InvalidRequirement):
                if (asked := Requirement(line)).url is None:
                    yield str(asked)


def _find_usual(files: ProjectFiles, hooks: list[_Hook]) -> Iterator[CheckCommand]:
    """Yield the commands of the tools that the project has: one for each hook, or a plain one."""
    found: set[str] = set()
    for check, tool in TOOLS.items():
        own = [hook for hook in hooks if hook.tool is tool]
        used = [hook for hook in own if hook.is_at_commit]
        # Beside ruff, settings of other linters are remains unless something else speaks of them.
        is_alone = tool.checks_types or tool.program == "ruff" or "ruff check" not in found
        is_in_use = is_alone or _is_named(files, tool.program)
        if not used and _is_configured(files, tool) and is_in_use:
            used = own[:1] or [_Hook(tool)]
        if used and not (check == "pyright" and "basedpyright" in found):
            found.add(check)
            yield from (_make_command(files, hook) for hook in used)


def _is_named(files: ProjectFiles, program: str) -> bool:
    """Whether a command or a list of packages may name a program; headings of settings do not."""
    pattern = re.compile(rf"(?<![\w.\[-]){program}(?![\w.:\]-])")
    return any(pattern.search(files.text(path)) for path in files.paths if _NAMING.fullmatch(path))


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


def _make_command(files: ProjectFiles, hook: _Hook) -> CheckCommand:
    tool, chosen = hook.tool, hook.files if hook.names_files else None
    targets = tuple(_choose_targets(files, tool)) if hook.names_files else ()
    # Some tools take none of their options twice.
    ours = (*tool.options.split(), *(tool.with_files if chosen else ()))
    added = [word for word in ours if word not in hook.words]
    words = (*hook.words, *added, *(() if chosen else targets))
    typed = shlex.join((*tool.check.split(), *words, *((FILES,) if chosen else ())))
    return CheckCommand(
        name=tool.check,
        line=escape_text(typed),
        tool=tool.check,
        words=words,
        options=hook.words,
        hook_files=chosen,
    )


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
