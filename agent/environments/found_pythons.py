"""Find the interpreters that rooms can be given.

Those of their root file systems, and those of this machine that a room can be shown. Owns where
is looked and what is remembered of it. Which one is taken is left to `interpreters`, how one gets
into a room to `interpreter_store`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.domain import Record
from agent.environments import storage, uv_program
from agent.ports import Root
from agent.settings import Settings

#: Folder in the data folder for interpreters that somebody puts there for us.
FOLDER = "pythons"
_NAME = re.compile(r"python3(?:\.\d+)?$")
# Builds without the lock and debug builds take other wheels than the version says.
_PROBE = (
    "import json,sys;v=sys.version_info;"
    "print(json.dumps(['%d.%d.%d' % v[:3] + ('' if v[3] == 'final' else v[3][0] + str(v[4])),"
    "sys.base_prefix,sys.implementation.name,sys.abiflags]))"
)
_STAGES = {"a": "a", "b": "b", "c": "rc"}
_SECONDS = 15


class Found(Record):
    """An interpreter."""

    version: str
    prefix: str
    """Where it is installed; also its place in the room."""
    path: str
    """Of the program, in the room."""
    system: bool
    """Whether it belongs to a root file system of rooms."""
    root: str = ""
    """Name of that one; empty: the usual one."""


class _Known(Record):
    mark: str
    found: tuple[Found, ...]
    missing: dict[str, tuple[str, ...] | None]


class Memory:
    """What is known of interpreters, kept until one of the places changes."""

    def __init__(self, settings: Settings, roots: Sequence[Root]) -> None:
        self._settings, self._roots = settings, roots
        self._place = storage.folder(settings) / "interpreters.json"
        self._mark = self._fingerprint()
        self._found: tuple[Found, ...] | None = None
        self._missing: dict[str, tuple[str, ...] | None] = {}
        try:
            known = _Known.model_validate_json(self._place.read_bytes())
        except (OSError, ValueError):
            return
        if known.mark == self._mark:
            self._found, self._missing = known.found, dict(known.missing)

    def found(self) -> tuple[Found, ...]:
        """All interpreters, in no order."""
        if self._found is None:
            self._found = tuple(_discover(self._settings, self._roots))
            self._save()
        return self._found

    def tried(self, one: Found) -> bool:
        """Whether it is known how it works in a room."""
        return _key(one) in self._missing

    def missing(self, one: Found) -> tuple[str, ...] | None:
        """Modules of the standard library it lacks in a room; None when it does not run there."""
        return self._missing[_key(one)]

    def learn(self, one: Found, missing: tuple[str, ...] | None) -> None:
        """Note how it works in a room."""
        self._missing[_key(one)] = missing
        self._save()

    def _save(self) -> None:
        known = _Known(mark=self._mark, found=self._found or (), missing=self._missing)
        storage.write_whole(self._place, known.model_dump_json(indent=1).encode())

    def _fingerprint(self) -> str:
        """Changes when an interpreter may have come or gone."""
        total = hashlib.sha256()
        places = [folder for folder, _ in _places(self._settings)]
        for root in self._roots:
            total.update(f"{root.name}\0{root.mark or storage.root_mark(root.folder)}\0".encode())
            if root.folder is not None:
                places += [Path(root.folder, "usr", name, "bin") for name in ("", "local")]
        for place in places:
            try:
                total.update(f"{place}\0{place.stat().st_mtime_ns}\0".encode())
            except OSError:
                continue
        return total.hexdigest()


def _key(one: Found) -> str:
    return f"{one.root}:{one.path}"


def _places(settings: Settings) -> list[tuple[Path, str]]:
    """Folders whose folders are interpreters, each with where the program is below it."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    asdf = Path(os.environ.get("ASDF_DATA_DIR") or home / ".asdf")
    mise = Path(os.environ.get("MISE_DATA_DIR") or data / "mise")
    uvs = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    each = "*/bin/python3"
    return [
        (settings.home / FOLDER, each),
        (pyenv / "versions", each),
        (uvs, each),
        (asdf / "installs" / "python", each),
        (mise / "installs" / "python", each),
        (Path("/opt"), "python*/bin/python3*"),
        (Path("/opt/python"), each),
        (Path("/opt/hostedtoolcache/Python"), "*/*/bin/python3"),
    ]


def _discover(settings: Settings, roots: Sequence[Root]) -> Iterator[Found]:
    seen: set[tuple[str, str, str]] = set()
    for one in (*_of_roots(roots), *_of_machine(settings)):
        if (mark := (one.root, one.version, one.prefix)) not in seen:
            seen.add(mark)
            yield one


def _of_roots(roots: Sequence[Root]) -> Iterator[Found]:
    for root in roots:
        for own in root.pythons:
            yield Found(**own.model_dump(), system=True, root=root.name)
        if root.folder == "/":
            for folder in ("/usr/bin", "/usr/local/bin"):
                yield from _asked(_named(Path(folder)), system=True)
        elif root.folder is not None:
            # Their libraries are those of the root, so only a room could run them to ask.
            yield from _in_tree(Path(root.folder), root.name)


def _of_machine(settings: Settings) -> Iterator[Found]:
    """Interpreters that are whole in one folder, which a room can be shown."""
    programs = [path for folder, pattern in _places(settings) for path in _match(folder, pattern)]
    yield from _asked([*programs, *uv_program.installed_pythons()], system=False)


def _asked(programs: Sequence[Path], *, system: bool) -> Iterator[Found]:
    for program in dict.fromkeys(Path(os.path.realpath(place)) for place in programs):
        one = _ask(program)
        if one is not None and one.system is system:
            yield one


def _named(folder: Path) -> list[Path]:
    return [place for place in _match(folder, "python3*") if _NAME.fullmatch(place.name)]


def _match(folder: Path, pattern: str) -> list[Path]:
    """Matches in a folder, none where it is closed to us."""
    try:
        found = sorted(folder.glob(pattern))
    except OSError:
        return []
    return [place for place in found if _NAME.fullmatch(place.name)]


def _in_tree(root: Path, name: str) -> Iterator[Found]:
    for folder in ("usr", "usr/local"):
        for program in _match(root / folder / "bin", "python3.*"):
            prefix = f"/{folder}"
            yield Found(
                version=_version_in_tree(root / folder, program.name),
                prefix=prefix,
                path=f"{prefix}/bin/{program.name}",
                system=True,
                root=name,
            )


def _version_in_tree(prefix: Path, name: str) -> str:
    """The full version of an interpreter that cannot be run here, from its own header file."""
    header = prefix / "include" / name / "patchlevel.h"
    minor = name.removeprefix("python")
    try:
        match = re.search(r'#define PY_VERSION\s+"([^"+]+)', header.read_text())
        return match[1] if match else f"{minor}.0"
    except OSError:
        return f"{minor}.0"


def _ask(program: Path) -> Found | None:
    try:
        answer = subprocess.run(
            [str(program), "-I", "-S", "-c", _PROBE],
            capture_output=True, timeout=_SECONDS, check=True, cwd="/",
            env={"PATH": os.defpath},
        )  # fmt: skip
        version, prefix, implementation, flags = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if implementation != "cpython" or flags:
        return None
    minor = ".".join(version.split(".")[:2])
    path = Path(prefix) / "bin" / f"python{minor}"
    if not path.exists():
        return None
    version = re.sub(r"[abc](?=\d)", lambda stage: _STAGES[stage[0]], version)
    system = Path(prefix).is_relative_to("/usr")
    return Found(version=version, prefix=prefix, path=str(path), system=system)
