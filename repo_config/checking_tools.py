"""Find the commands that check a project besides its tests: configured ones, else detected ones.

A known tool is used if a hook of pre-commit or a job of CI runs it, with the same options, or if
the project has settings for it. The tool reads its settings itself.
"""

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from repo_config import alembic_checks, ci_jobs, command_lines, tasks, versions
from repo_config.command_lines import CheckCommand
from repo_config.documents import table, texts
from repo_config.known_tools import HOOKS, HOOKS_FILE, TOOLS, KnownTool
from repo_config.located import escape_text
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig

#: A commit with its tag, as `pre-commit autoupdate --freeze` writes them.
_FROZEN = re.compile(r"\brev: *['\"]?(\w+)['\"]? +# frozen: *(\S+)")
#: Settings with the targets of mypy; without them, its command has to name the targets.
_TARGETS_OF_MYPY = frozenset({"files", "packages", "modules"})
_NO_TARGETS = frozenset({"test", "tests", "testing", "docs", "doc", "examples", "build", "dist"})


class Commands(NamedTuple):
    """The commands of a project, as in `detect.Project`."""

    types: tuple[CheckCommand, ...]
    lint: tuple[CheckCommand, ...]
    extra: tuple[CheckCommand, ...]
    tool_pins: dict[str, tuple[str, ...]]

    @property
    def commands(self) -> tuple[CheckCommand, ...]:
        return (*self.lint, *self.types, *self.extra)


class _Call(NamedTuple):
    """A call of a known tool, by a hook of pre-commit or a job of CI."""

    tool: KnownTool
    words: tuple[str, ...] = ()
    """Options for the tool, besides files."""
    names_targets: bool = False
    """Whether these contain the targets; else pre-commit adds file names."""
    is_assumed: bool = False
    """Whether the project has only settings for the tool, and no hook and no job calls it."""
    pins: tuple[str, ...] = ()
    """Requirements of the tool's version and of its plugins."""


def find_commands(files: ProjectFiles, config: RepoConfig, *, is_like_ci: bool = True) -> Commands:
    """Find the commands, and the versions of tools that are pinned.

    Args:
        is_like_ci: Whether tools run with the options that jobs of CI give them.
    """
    hooks, taken = list(_read_hooks(files)), {*command_lines.TAKEN}
    usual = list(_find_usual(files, hooks, is_like_ci=is_like_ci))

    def choose(lines: str | tuple[str, ...], *, of_types: bool) -> tuple[CheckCommand, ...]:
        commands = [command for command in usual if command.checks_types == of_types]
        if lines != "auto":
            commands = [*map(command_lines.read_command, command_lines.list_lines(lines))]
        return tuple(command_lines.name_apart(commands, taken)) if lines != "off" else ()

    types = choose(config.checks.types, of_types=True)
    lint = choose(config.checks.lint, of_types=False)
    further = [command_lines.read_command(check.run, check.name) for check in config.checks.extra]
    further = [*alembic_checks.list_checks(files, config), *further]
    extra = tuple(command_lines.name_apart(further, taken))
    run = {TOOLS[command.tool].program for command in (*types, *lint, *extra) if command.tool}
    pins = dict(_list_required(files))
    pins |= {hook.tool.program: hook.pins for hook in hooks if hook.pins}
    return Commands(types, lint, extra, {name: pins[name] for name in pins if name in run})


def _list_required(files: ProjectFiles) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the tools whose settings require a version, each with its requirement."""
    for program, settings in (
        ("ruff", files.toml("ruff.toml") or files.toml(".ruff.toml")),
        ("ruff", table(files.pyproject, "tool", "ruff")),
        ("black", table(files.pyproject, "tool", "black")),
    ):
        if asked := versions.read_required(settings.get("required-version")):
            yield program, (f"{program}{asked}",)


def _read_hooks(files: ProjectFiles) -> Iterator[_Call]:
    """Yield the hooks of known tools; none if the file cannot be read."""
    place = files.hooks_place
    frozen = dict(_FROZEN.findall(place.text(HOOKS_FILE)))
    for repository, hook in files.hooks:
        tool, words = _read_hook(hook)
        if tool:
            revision = str(repository.get("rev"))
            others = texts(hook.get("additional_dependencies"))
            yield _Call(
                tool=tool,
                # Paths in its options are relative to the repository, so they do not fit a folder.
                words=words if place is files else (),
                names_targets=place is files and str(hook.get("pass_filenames")).lower() == "false",
                pins=tuple(_pin(tool.program, frozen.get(revision, revision), others)),
            )


def _read_hook(hook: Mapping[str, Any]) -> tuple[KnownTool | None, tuple[str, ...]]:
    """Return the known tool of a hook, or None, and the options in its entry and arguments."""
    args = tuple(texts(hook.get("args")))
    if "entry" in hook:
        call = command_lines.split_call(str(hook["entry"]))
        check, words = command_lines.find_tool(command_lines.find_inner_call(call))
        return TOOLS.get(check), (*words, *args)
    tool = HOOKS.get(str(hook.get("id")))
    return tool, tool.hook_args if tool and "args" not in hook else args


def _pin(program: str, tag: str, others: list[str]) -> Iterator[str]:
    """Yield the requirements that a package index can meet; none if the tag is no version."""
    with suppress(InvalidVersion):
        yield f"{program}=={Version(tag)}"
        for line in others:
            with suppress(InvalidRequirement):
                if (asked := Requirement(line)).url is None:
                    yield str(asked)


def _find_usual(
    files: ProjectFiles, hooks: list[_Call], *, is_like_ci: bool
) -> Iterator[CheckCommand]:
    """Yield a command for each call of a tool; a plain one if the tool only has settings."""
    # Paths in CI are relative to the repository, so CI's calls do not fit one of its folders.
    jobs = ci_jobs.list_jobs(files) if files.is_repository else []
    calls = [(call, True) for job in jobs for call in job.calls]
    lines = [line for call, _ in calls for line in tasks.expand_call(call, files)]
    calls += ((ci_jobs.read_call(line), is_whole) for line, is_whole in lines)
    of_ci: dict[str, dict[tuple[str, ...], bool]] = {}
    for call, is_whole in calls:
        check, words = command_lines.find_tool(call)
        of_ci.setdefault(check, {}).setdefault(words, is_whole)
    listed: set[str] = set()
    for check, tool in TOOLS.items():
        used = [hook for hook in hooks if hook.tool is tool]
        if is_like_ci and not used:
            words_of_ci = of_ci.get(check, {}).items()
            used = [_Call(tool, words, names_targets=is_whole) for words, is_whole in words_of_ci]
        if not used and any(_has_settings(files, place) for place in tool.settings):
            used = [_Call(tool, is_assumed=files.is_repository and check not in of_ci)]
        if used and not (check == "pyright" and "basedpyright" in listed):
            listed.add(check)
            yield from (_make_command(files, hook) for hook in used)


def _has_settings(files: ProjectFiles, place: str) -> bool:
    path, _, section = place.partition(": ")
    if not section:
        return files.has_file(path)
    *outer, name = section.split(".")
    if path.endswith(".toml"):
        return name in table(files.toml(path), *outer)
    return section in files.ini(path)


def _make_command(files: ProjectFiles, hook: _Call) -> CheckCommand:
    tool = hook.tool
    # Some tools accept no option twice, nor the opposite of one of ours.
    added = tool.options.split()
    options = [word for word in hook.words if {word, f"--no-{word[2:]}"}.isdisjoint(added)]
    targets = () if hook.names_targets else _choose_targets(files, tool)
    words = (*options, *added, *targets)
    return CheckCommand(
        name=tool.check,
        line=escape_text(shlex.join((*tool.check.split(), *words))),
        tool=tool.check,
        words=words,
        options=hook.words,
        is_assumed=hook.is_assumed,
    )


def _choose_targets(files: ProjectFiles, tool: KnownTool) -> Iterable[str]:
    if tool.check != "mypy":
        return (tool.target,) if tool.target else ()
    sections = [table(files.pyproject, "tool", "mypy")]
    sections += [files.ini(path).get("mypy", {}) for path in ("mypy.ini", ".mypy.ini", "setup.cfg")]
    if any(_TARGETS_OF_MYPY & section.keys() for section in sections):
        return ()
    # A target of the whole folder fails if modules have equal names (conftest, setup).
    packages = {posixpath.dirname(path) for path in files.find_named("__init__.py")}
    excluded = {name.strip("^/$") for part in sections for name in texts(part.get("exclude"))}
    tops = sorted(path for path in packages - _NO_TARGETS - excluded if path and "/" not in path)
    has_src = any(path.startswith("src/") for path in files.paths)
    return ("src",) if has_src else tops or (".",)
