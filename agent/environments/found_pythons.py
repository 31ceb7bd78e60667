"""Find the interpreters for sandboxes: those of their roots, and this machine's by uv.

Which one is taken is left to `interpreters`, how one gets into a sandbox to `interpreter_store`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.environments import uv_program
from agent.models.record import Record
from agent.models.sandbox import Root
from agent.settings import Settings

#: Folder in the data folder for interpreters that somebody puts there for us.
FOLDER = "pythons"


class FoundPython(Record):
    version: str
    prefix: str
    """Where it is installed; also its place in the sandbox."""
    path: str
    """Of the program, in the sandbox."""
    system: bool
    """Whether it belongs to a root file system of sandboxes."""
    root: str = ""
    """Name of that one; empty: the usual one."""


def find_pythons(settings: Settings, roots: Sequence[Root]) -> tuple[FoundPython, ...]:
    shows_machine = any(root.folder == "/" for root in roots)
    found = [
        *_find_in_roots(roots),
        *(one for one in _find_on_machine(settings) if shows_machine or not one.system),
    ]
    return tuple({(one.root, one.version, one.prefix): one for one in found}.values())


def _find_in_roots(roots: Sequence[Root]) -> Iterator[FoundPython]:
    for root in roots:
        for own in root.pythons:
            yield FoundPython(**own.model_dump(), system=True, root=root.name)
        if root.folder not in (None, "/"):
            # Their libraries are those of the root, so only a sandbox could run them to ask.
            yield from _find_in_tree(Path(str(root.folder)), root.name)


def _find_in_tree(root: Path, name: str) -> Iterator[FoundPython]:
    for prefix in ("/usr", "/usr/local"):
        for program in sorted((root / prefix[1:] / "bin").glob("python3.*")):
            if minor := re.fullmatch(r"python(3\.\d+)", program.name):
                header = root / prefix[1:] / "include" / program.name / "patchlevel.h"
                yield FoundPython(
                    version=_read_version(header) or f"{minor[1]}.0",
                    prefix=prefix,
                    path=f"{prefix}/bin/{program.name}",
                    system=True,
                    root=name,
                )


def _read_version(header: Path) -> str:
    """The full version of an interpreter that cannot be run here."""
    try:
        match = re.search(r'#define PY_VERSION\s+"([^"+]+)', header.read_text())
    except OSError:
        return ""
    return match[1] if match else ""


def _find_on_machine(settings: Settings) -> Iterator[FoundPython]:
    for row in uv_program.list_pythons(settings, os.pathsep.join(_list_folders(settings))):
        # Builds without the lock and debug builds take other wheels than the version says.
        if (row["implementation"], row["variant"]) != ("cpython", "default"):
            continue
        program = Path(os.path.realpath(row["path"]))
        prefix, minor = program.parent.parent, row["version_parts"]["minor"]
        path = prefix / "bin" / f"python3.{minor}"
        if path.exists():
            yield FoundPython(
                version=row["version"],
                prefix=str(prefix),
                path=str(path),
                system=prefix.is_relative_to("/usr"),
            )


def _list_folders(settings: Settings) -> Iterator[str]:
    """Folders of programs: those of our own, of tools that install Pythons, and of PATH."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    mise = Path(os.environ.get("MISE_DATA_DIR") or data / "mise")
    for parent, pattern in (
        (settings.home / FOLDER, "*/bin"),
        (Path(os.environ.get("PYENV_ROOT") or home / ".pyenv"), "versions/*/bin"),
        (Path(os.environ.get("ASDF_DATA_DIR") or home / ".asdf"), "installs/python/*/bin"),
        (mise, "installs/python/*/bin"),
        (Path("/opt"), "python*/bin"),
        (Path("/opt/python"), "*/bin"),
        (Path("/opt/hostedtoolcache/Python"), "*/*/bin"),
    ):
        try:
            yield from map(str, sorted(parent.glob(pattern)))
        except OSError:
            continue  # closed to us
    yield from ("/usr/bin", "/usr/local/bin")
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # A shim starts whatever the folder asks for; the versions themselves are found anyway.
        if Path(folder).is_absolute() and "shims" not in Path(folder).parts:
            yield folder
