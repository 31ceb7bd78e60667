"""Read how a repository configures pyright or basedpyright, as these read it themselves. Pure.

Owns where the settings stand, what they are built on (`extends`), and what holds in the end. What
a setting does is left to the tool, what is looser than before to the rules.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Literal, NamedTuple

from repo_config import json_text, toml_text
from repo_config.project_files import table

Tool = Literal["pyright", "basedpyright"]

FILE = "pyrightconfig.json"
_TOML = "pyproject.toml"
#: Further files that one file may be built on, each on the next.
_MOST = 8
#: Each is a list of paths, relative to the file that it stands in.
_PATHS = frozenset({"include", "exclude", "ignore", "strict"})
#: Where stubs of libraries are looked for unless something else is set.
_STUBS = "typings"
#: What basedpyright is told to overlook, unless something else is set.
_BASELINE = ".basedpyright/baseline.json"
_NO_FILE = "there is no such file"
_NO_TABLE = "it has no table of pyright"

#: What a file of the repository says by its path; None where there is no such file.
Read = Callable[[str], str | None]


class Settings(NamedTuple):
    """What the tool is told in one folder."""

    path: str = ""
    """The file that it reads first; "" where there is none, and its own defaults hold."""
    folder: str = ""
    """Where that file lies, or would lie: what the tool looks at unless it is told otherwise."""
    files: tuple[str, ...] = ()
    """That file and those that it is built on."""
    values: dict[str, object] = {}
    """What holds in the end, by the tool's own names; lists of paths are relative to `folder`."""
    problem: str = ""
    """Why they cannot be read."""
    own: dict[str, object] = {}
    """What the first file says alone."""

    def place(self, key: Literal["stubPath", "baselineFile"]) -> str | None:
        """The path of the repository that a setting names; None where it leaves the repository."""
        default = {"stubPath": _STUBS, "baselineFile": _BASELINE}[key]
        value = self.values.get(key, default)
        named = value if isinstance(value, str) else default
        path = posixpath.normpath(posixpath.join(self.folder, named))
        return None if _is_outside(path) or path == "." else path


def tables(tool: Tool) -> tuple[str, ...]:
    """The tables of pyproject.toml that a tool reads, in its order."""
    return ("basedpyright", "pyright") if tool == "basedpyright" else ("pyright",)


def read(text: Read, folder: str, tool: Tool, named: str | None = None) -> Settings:
    """Read the settings that hold in a folder.

    Args:
        text: Of the repository's files.
        folder: Of the project; "" is the root.
        tool: Who reads them.
        named: The file or folder that the tool is pointed at, relative to the folder.
    """
    path = _first(text, folder, tool, named)
    if path is None:
        there = folder if named is None else posixpath.normpath(posixpath.join(folder, named))
        if there.endswith((".json", ".toml")):
            return Settings(folder=folder, problem=f"{named}: there is no such file of settings")
        return Settings(folder="" if there == "." else there)
    home = posixpath.dirname(path)
    files: list[str] = []
    found: list[tuple[str, dict[str, object]]] = []
    while True:
        files.append(path)
        values = _values(text, path, tool)
        if isinstance(values, str):
            return Settings(files[0], home, tuple(files), problem=f"{path}: {values}")
        found.append((path, values))
        base = values.get("extends")
        if not isinstance(base, str):
            break
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), base))
        if path in files or len(files) > _MOST:
            problem = f"{files[-1]}: extends {base}, which leads in a circle or too far"
            return Settings(files[0], home, tuple(files), problem=problem)
    whole: dict[str, object] = {}
    for place, values in reversed(found):
        whole |= {key: _moved(key, value, place, home) for key, value in values.items()}
    whole.pop("extends", None)
    return Settings(files[0], home, tuple(files), whole, own=found[0][1])


def pointed(args: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The file or folder of settings that arguments point the tool at, and the other arguments."""
    named: str | None = None
    rest: list[str] = []
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        option, joined, value = word.partition("=")
        if option in ("-p", "--project") and (joined or waiting):
            named = value if joined else waiting.pop(0)
        else:
            rest.append(word)
    return named, tuple(rest)


def _first(text: Read, folder: str, tool: Tool, named: str | None) -> str | None:
    """The file that the tool reads first."""
    place = posixpath.normpath(posixpath.join(folder, named)) if named is not None else folder
    if named is not None and place.endswith((".json", ".toml")):
        return place if text(place) is not None else None
    inner = "" if place == "." else place
    json, toml = posixpath.join(inner, FILE), posixpath.join(inner, _TOML)
    if text(json) is not None:
        return json
    # One that cannot be read may have the table.
    return None if _values(text, toml, tool) in (_NO_FILE, _NO_TABLE) else toml


def _values(text: Read, path: str, tool: Tool) -> dict[str, object] | str:
    """What one file says; words where it cannot be read."""
    content = None if _is_outside(path) else text(path)
    if content is None:
        return _NO_FILE
    if path.endswith(".toml"):
        try:
            tools = table(toml_text.parse(content), "tool")
        except toml_text.TomlError as problem:
            return f"line {problem.at.line}: {problem.message}"
        values = next((tools[name] for name in tables(tool) if name in tools), None)
        return values if isinstance(values, dict) else _NO_TABLE
    try:
        whole = json_text.parse(content)
    except json_text.JsonError as problem:
        return str(problem)
    return whole if isinstance(whole, dict) else "it is no JSON object"


def _moved(key: str, value: object, path: str, folder: str) -> object:
    """A list of paths of one file, relative to the folder."""
    if key not in _PATHS or not isinstance(value, list):
        return value
    start = posixpath.dirname(path)
    return [
        posixpath.relpath(posixpath.join("/", start, one), posixpath.join("/", folder))
        if isinstance(one, str)
        else one
        for one in value
    ]


def _is_outside(path: str) -> bool:
    return path.startswith(("/", "../")) or path == ".."
