"""Read how a repository configures pyright or basedpyright, as these read it themselves. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Literal, NamedTuple

from repo_config import documents
from repo_config.documents import table

Tool = Literal["pyright", "basedpyright"]

FILE = "pyrightconfig.json"
#: Further files that one file may be built on, each on the next.
_MOST = 8
#: Each is a list of paths, relative to the file that it stands in.
_PATHS = frozenset({"include", "exclude", "ignore", "strict"})

#: Returns the text of a file of the repository; None where there is no such file.
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
    """The settings of the first file alone."""

    @property
    def stubs(self) -> str | None:
        """The folder where stubs of libraries are looked for; None outside of the repository."""
        value = self.values.get("stubPath")
        named = value if isinstance(value, str) else "typings"
        path = posixpath.normpath(posixpath.join(self.folder, named))
        return None if _is_outside(path) or path == "." else path


def read_settings(text: Read, folder: str, tool: Tool, named: str | None = None) -> Settings:
    """Read the settings that hold in a folder, or in the file or folder named from there."""
    place = posixpath.normpath(posixpath.join("/", folder, named or ""))[1:]
    is_file = named is not None and place.endswith((".json", ".toml"))
    places = (place,) if is_file else (f"{place}/{FILE}", f"{place}/pyproject.toml")
    path = next((one for one in places if _read_file(text, one.lstrip("/"), tool) is not None), "")
    path = path.lstrip("/")
    if not path and is_file:
        return Settings(folder=folder, problem=f"{named}: there is no such file of settings")
    if not path:
        return Settings(folder=place)
    home, problem = posixpath.dirname(path), ""
    files: list[str] = []
    values: dict[str, object] = {}
    own: dict[str, object] = {}
    while path:
        found = _read_file(text, path, tool)
        if path in files or len(files) > _MOST:
            problem = f"{files[-1]}: extends {path}, which leads in a circle or too far"
            break
        files.append(path)
        if not isinstance(found, dict):
            problem = f"{path}: {found or 'there is no such file'}"
            break
        own = own or found
        moved = {key: _make_relative(key, one, path, home) for key, one in found.items()}
        values = moved | values
        base = found.get("extends")
        is_built = isinstance(base, str)
        path = posixpath.normpath(f"{posixpath.dirname(path) or '.'}/{base}") if is_built else ""
    values.pop("extends", None)
    return Settings(files[0], home, tuple(files), {} if problem else values, problem, own)


def find_settings_argument(args: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Split arguments into the file or folder of settings that they name, and the others."""
    for at, word in enumerate(args):
        option, joined, value = word.partition("=")
        if option in ("-p", "--project") and (joined or args[at + 1 :]):
            end = at + (1 if joined else 2)
            return value if joined else args[at + 1], (*args[:at], *args[end:])
    return None, args


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
    names = ("basedpyright", "pyright") if tool == "basedpyright" else ("pyright",)
    found = next((tools[name] for name in names if name in tools), None)
    return found if isinstance(found, dict) else None


def _make_relative(key: str, value: object, path: str, folder: str) -> object:
    """Return a list of paths of one file relative to the folder."""
    if key not in _PATHS or not isinstance(value, list):
        return value
    start, home = (posixpath.join("/", one) for one in (posixpath.dirname(path), folder))
    paths = (posixpath.join(start, one) for one in value if isinstance(one, str))
    return [posixpath.relpath(one, home) for one in paths]


def _is_outside(path: str) -> bool:
    return path.startswith(("/", "../")) or path == ".."
