"""Read how a repository configures pyright or basedpyright, as these read it themselves. Pure.

Owns where the settings stand, what they are built on (`extends`), and what holds in the end. What
a setting does is left to the tool, what is looser than before to the rules.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Literal, NamedTuple

from repo_config import documents
from repo_config.documents import table

Tool = Literal["pyright", "basedpyright"]

FILE = "pyrightconfig.json"
_TOML = "pyproject.toml"
#: Further files that one file may be built on, each on the next.
_MOST = 8
#: Each is a list of paths, relative to the file that it stands in.
_PATHS = frozenset({"include", "exclude", "ignore", "strict"})

#: What a file of the repository says by its path; None where there is no such file.
Read = Callable[[str], str | None]


class Settings(NamedTuple):
    """The settings that hold in one folder."""

    path: str = ""
    """The file that it reads first; "" where there is none, and its own defaults hold."""
    folder: str = ""
    """Where that file lies, or would lie: what the tool looks at by default."""
    files: tuple[str, ...] = ()
    """That file and those that it is built on."""
    values: dict[str, object] = {}
    """What holds in the end, by the tool's own names; lists of paths are relative to `folder`."""
    problem: str = ""
    """Why they cannot be read."""
    own: dict[str, object] = {}
    """What the first file says alone."""

    @property
    def stubs(self) -> str | None:
        """The folder where stubs of libraries are looked for; None outside of the repository."""
        value = self.values.get("stubPath")
        named = value if isinstance(value, str) else "typings"
        path = posixpath.normpath(posixpath.join(self.folder, named))
        return None if _is_outside(path) or path == "." else path


def read_settings(text: Read, folder: str, tool: Tool, named: str | None = None) -> Settings:
    """Read the settings that hold in a folder.

    Args:
        text: Of the repository's files.
        folder: Of the project; "" is the root.
        tool: Who reads them.
        named: The file or folder that the tool is pointed at, relative to the folder.
    """
    place = posixpath.normpath(posixpath.join("/", folder, named or ""))[1:]
    is_file = named is not None and place.endswith((".json", ".toml"))
    places = [place] if is_file else [posixpath.join(place, name) for name in (FILE, _TOML)]
    first = next((path for path in places if _read_file(text, path, tool) is not None), None)
    if first is None and is_file:
        return Settings(folder=folder, problem=f"{named}: there is no such file of settings")
    if first is None:
        return Settings(folder=place)
    home = posixpath.dirname(first)
    files: list[str] = []
    values: dict[str, object] = {}
    own: dict[str, object] = {}
    path, problem = first, ""
    while not problem:
        found = _read_file(text, path, tool)
        files.append(path)
        if not isinstance(found, dict):
            problem = f"{path}: {found or 'there is no such file'}"
            break
        own = own or found
        values = {key: _make_relative(key, one, path, home) for key, one in found.items()} | values
        base = found.get("extends")
        if not isinstance(base, str):
            break
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), base))
        if path in files or len(files) > _MOST:
            problem = f"{files[-1]}: extends {base}, which leads in a circle or too far"
    values.pop("extends", None)
    return Settings(first, home, tuple(files), {} if problem else values, problem, own)


def find_settings_argument(args: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
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


def _read_file(text: Read, path: str, tool: Tool) -> dict[str, object] | str | None:
    """Return the settings of a file, words where it cannot be read, None where it has none."""
    content = None if _is_outside(path) else text(path)
    if content is None:
        return None
    try:
        if not path.endswith(".toml"):
            values = documents.parse_json(content)
            return values if isinstance(values, dict) else "it is no object"
        tools = table(documents.parse_toml(content), "tool")
    except documents.DocumentError as problem:
        return str(problem)
    tables = [tools.get("basedpyright")] if tool == "basedpyright" else []
    found = next((one for one in (*tables, tools.get("pyright")) if one is not None), None)
    return found if isinstance(found, dict) else None


def _make_relative(key: str, value: object, path: str, folder: str) -> object:
    """Return a list of paths of one file relative to the folder."""
    if key not in _PATHS or not isinstance(value, list):
        return value
    start = posixpath.join("/", posixpath.dirname(path))
    return [
        posixpath.relpath(posixpath.join(start, one), posixpath.join("/", folder))
        if isinstance(one, str)
        else one
        for one in value
    ]


def _is_outside(path: str) -> bool:
    return path.startswith(("/", "../")) or path == ".."
