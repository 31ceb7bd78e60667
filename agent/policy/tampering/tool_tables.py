"""What each checking tool is told, before and after a change, from whichever file it reads first.

Settings that move from setup.cfg to pyproject.toml stay the same, and a new mypy.ini that takes
the place of a table is seen for what it does. Files are read as data and within bounds; one that
cannot be read says nothing (see `gate-files`). What is looser is left to `tool_settings`.
"""

from __future__ import annotations

import configparser
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agent.policy.proposal import Proposal
from repo_config import pyright_settings, toml_text
from repo_config.detect import Project

#: A flat table: the keys of its levels joined by dots, in lower case with underscores.
Table = Mapping[str, object]
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Tool:
    """A tool, and where it looks for its settings, in its own order."""

    name: str
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    """File name, and the beginnings of the tables in it that are the tool's; none: all of it."""


PYRIGHT = "pyright"
_PYPROJECT = "pyproject.toml"


TOOLS = (
    Tool(
        "mypy",
        (
            ("mypy.ini", ("mypy",)),
            (".mypy.ini", ("mypy",)),
            (_PYPROJECT, ("tool.mypy",)),
            ("setup.cfg", ("mypy",)),
        ),
    ),
    Tool(
        "pytest",
        (
            ("pytest.ini", ("pytest",)),
            (".pytest.ini", ("pytest",)),
            (_PYPROJECT, ("tool.pytest.ini_options", "tool.pytest")),
            ("tox.ini", ("pytest",)),
            ("setup.cfg", ("tool:pytest",)),
        ),
    ),
    Tool("ruff", ((".ruff.toml", ()), ("ruff.toml", ()), (_PYPROJECT, ("tool.ruff",)))),
    Tool(
        "flake8",
        (
            ("setup.cfg", ("flake8",)),
            ("tox.ini", ("flake8",)),
            (".flake8", ("flake8",)),
            (_PYPROJECT, ("tool.flake8",)),
        ),
    ),
    Tool(
        "coverage",
        (
            (".coveragerc", ()),
            ("setup.cfg", ("coverage:",)),
            ("tox.ini", ("coverage:",)),
            (_PYPROJECT, ("tool.coverage",)),
        ),
    ),
    Tool(
        "pylint",
        (
            (".pylintrc", ()),
            ("pylintrc", ()),
            (_PYPROJECT, ("tool.pylint",)),
            ("setup.cfg", ("pylint",)),
        ),
    ),
    # Read by `pyright_settings`.
    Tool(PYRIGHT, ((pyright_settings.FILE, ()), (_PYPROJECT, ()))),
    Tool(
        "isort",
        (
            (".isort.cfg", ("settings", "isort")),
            (_PYPROJECT, ("tool.isort",)),
            ("setup.cfg", ("isort",)),
            ("tox.ini", ("isort",)),
        ),
    ),
    Tool("black", ((_PYPROJECT, ("tool.black",)),)),
    Tool("bandit", ((".bandit", ("bandit",)), (_PYPROJECT, ("tool.bandit",)))),
    Tool("ty", (("ty.toml", ()), (_PYPROJECT, ("tool.ty",)))),
)
FILES = frozenset(name for tool in TOOLS for name, _ in tool.sources)


@dataclass(frozen=True)
class Settings:
    """What one tool is told in one folder."""

    tool: str
    path: str
    """Of the file that says so after the change; before it, where none does."""
    before: Table
    """Empty where nothing was said."""
    after: Table
    text: str
    """Of that file after the change, for the lines of findings."""


def changed(proposal: Proposal) -> Iterator[Settings]:
    """Yield the settings of every tool of which the change touches a file."""
    files = {file.path: file for file in proposal.change.files}
    project = proposal.project
    folders = {posixpath.dirname(path) for path in files if posixpath.basename(path) in FILES}
    if files.keys() & set(project.type_settings):
        # One of those may be built on a file of any name.
        folders.add(posixpath.dirname(project.type_settings[0]))
    present = frozenset(proposal.tree.paths()) if folders else frozenset()

    def before(path: str) -> bytes | None:
        if path in files:
            return files[path].before
        return proposal.tree.read(path) if path in present else None

    def after(path: str) -> bytes | None:
        return files[path].after if path in files else before(path)

    for folder in sorted(folders):
        for tool in TOOLS:
            places = {posixpath.join(folder, name) for name, _ in tool.sources}
            if tool.name == PYRIGHT:
                places |= set(project.type_settings)
            if not files.keys() & places:
                continue
            old, old_path = _effective(tool, folder, before, project)
            new, new_path = _effective(tool, folder, after, project)
            # These run without a word; a tool that nobody set up looked at nothing before.
            runs = tool.name == "pytest" or (tool.name == PYRIGHT and project.uses_pyright)
            if old != new and (old_path or runs):
                path = new_path or old_path
                content = after(path) or b""
                yield Settings(tool.name, path, old, new, content.decode("utf-8", "replace"))


def _effective(
    tool: Tool, folder: str, read: Callable[[str], bytes | None], project: Project
) -> tuple[Table, str]:
    """Return the first table that the tool finds, and its file; "" where there is none."""
    if tool.name == PYRIGHT:
        return _of_pyright(folder, read, project)
    for name, starts in tool.sources:
        path = posixpath.join(folder, name)
        content = read(path)
        if content is None or len(content) > _MOST_BYTES:
            continue
        table = _table(name, content, starts)
        if table is not None:
            return table, path
    return {}, ""


def _of_pyright(
    folder: str, read: Callable[[str], bytes | None], project: Project
) -> tuple[Table, str]:
    """What pyright or basedpyright is told, with what its settings are built on."""

    def text(path: str) -> str | None:
        content = read(path)
        if content is None or len(content) > _MOST_BYTES:
            return None
        return content.decode("utf-8", "replace")

    name: pyright_settings.Tool = "pyright" if PYRIGHT in project.type_tools else "basedpyright"
    first = project.type_settings[0] if project.type_settings else ""
    named = posixpath.basename(first) if first and posixpath.dirname(first) == folder else None
    usual = (pyright_settings.FILE, _PYPROJECT)
    found = pyright_settings.read(text, folder, name, None if named in usual else named)
    environments = found.values.get("executionEnvironments")
    values = {key: one for key, one in found.values.items() if key != "executionEnvironments"}
    for one in environments if isinstance(environments, list) else ():
        if isinstance(one, dict):
            values |= {f"in {one.get('root', '.')}.{key}": value for key, value in one.items()}
    return dict(_flat(values, "")), found.path


def _table(name: str, content: bytes, starts: tuple[str, ...]) -> dict[str, object] | None:
    text = content.decode("utf-8-sig", "replace")
    if name.endswith(".toml"):
        try:
            data: object = toml_text.parse(text)
        except toml_text.TomlError:
            return None
        return _within(data, starts)
    parser = configparser.RawConfigParser(
        strict=False, allow_no_value=True, default_section="\0none"
    )
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    found: dict[str, object] = {}
    if starts and not any(section.startswith(starts) for section in parser.sections()):
        return None
    for section in parser.sections():
        start = next((one for one in starts if section.startswith(one)), None)
        if starts and start is None:
            continue
        inner = section.removeprefix(start or "").strip(":-. ") if start else section
        if start and start.endswith(":"):
            inner = section.partition(":")[2]
        inner = f"overrides.{inner}" if start == "mypy" and inner else inner
        for key, value in parser.items(section):
            found[_key(inner, key)] = value or ""
    return found


def _within(data: object, starts: tuple[str, ...]) -> dict[str, object] | None:
    if not starts:
        return dict(_flat(data, ""))
    for start in starts:
        inner = data
        for part in start.split("."):
            inner = inner.get(part) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            return dict(_flat(inner, ""))
    return None


def _flat(data: object, prefix: str) -> Iterator[tuple[str, object]]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "overrides" and isinstance(value, list):
                for one in value:
                    if isinstance(one, dict):
                        modules = one.get("module", "")
                        several = modules if isinstance(modules, list) else [modules]
                        for module in several:
                            rest = {name: item for name, item in one.items() if name != "module"}
                            yield from _flat(rest, f"overrides.{module}")
            else:
                yield from _flat(value, _key(prefix, str(key)))
    else:
        yield prefix, data


def _key(prefix: str, key: str) -> str:
    own = key.strip().lower().replace("-", "_") if "*" not in key and "/" not in key else key
    return f"{prefix}.{own}" if prefix else own


def line_of(text: str, key: str) -> int | None:
    """Return the line where a key stands, by its name."""
    name = key.rpartition(".")[2].replace("_", "[-_]")

    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*[\"']?{name}[\"']?\s*[:=]", line, re.IGNORECASE):
            return number
    return None
