"""Find the Pythons of this machine and choose the one that a repository asks for.

Owns discovery, choice and the way an interpreter gets into a room. What the repository asks for
is read by `declare`. Interpreters are the operator's and are trusted; whether one is whole is
nevertheless tried out in a room, because that is where it has to work.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from agent.domain import Record
from agent.environments import storage, uv_program
from agent.environments.python_hints import PythonHints
from agent.errors import EnvironmentFailed
from agent.ports import ROOM_OURS, Mount, RoomLimits, RoomOrder, Sandbox
from agent.settings import Settings

#: Our own scripts and pinned tools run on nothing older.
OLDEST = Version("3.9")
_NAME = re.compile(r"python3(?:\.\d+)?$")
_PROBE = (
    "import json,platform,sys;"
    "print(json.dumps([platform.python_version(),sys.base_prefix,sys.implementation.name]))"
)
_SECONDS = 15


class Found(Record):
    """An interpreter on this machine."""

    version: str
    prefix: str
    """Where it is installed; also its place in the room."""
    path: str
    """Of the program, in the room."""
    system: bool
    """Whether it belongs to the root file system of rooms."""


class Interpreter(Record):
    """An interpreter that works in a room."""

    version: str
    path: str
    mounts: tuple[tuple[str, str], ...] = ()
    """(host folder, path in the room) beyond the root."""
    why: str
    """Why it was chosen, in words."""

    def room_mounts(self) -> tuple[Mount, ...]:
        """What a room has to show for it."""
        return tuple(Mount(source=host, target=room) for host, room in self.mounts)


def choose(
    asked: str | None, hints: PythonHints, sandbox: Sandbox, settings: Settings
) -> Interpreter:
    """Choose the interpreter that fits best and works in a room.

    Raises:
        EnvironmentFailed: None fits; the message says what was asked, what is there and what
            would provide it.
    """
    remembered = _Memory(settings)
    found = remembered.found()
    broken: list[str] = []
    for candidate, why in ranked(asked, hints, found):
        if (missing := remembered.missing(candidate, sandbox)) is None:
            continue
        if missing:
            broken.append(f"{candidate.path} lacks {', '.join(missing)}")
            continue
        mounts = _mounts(candidate, settings)
        return Interpreter(version=candidate.version, path=candidate.path, mounts=mounts, why=why)
    raise EnvironmentFailed(_not_to_be_had(asked, hints, found, broken))


def ranked(
    asked: str | None, hints: PythonHints, found: Sequence[Found]
) -> list[tuple[Found, str]]:
    """Order the interpreters that fit, best first, each with the reason in words. Pure."""
    usable = [one for one in found if Version(one.version) >= OLDEST]
    if asked is not None:
        fitting = [one for one in usable if _minor(one) == asked]
        return [(one, f"python.version asks for {asked}") for one in _best_first(fitting)]
    allowed = _specifiers(hints)
    fitting = [one for one in usable if allowed.contains(one.version, prereleases=True)]
    because = f"{hints.requires_origin}: {hints.requires}" if hints.requires else "nothing is asked"
    order: dict[str, tuple[Found, str]] = {}
    named = re.match(r"(?:cpython[-@]?)?(\d+\.\d+)(?:\.|$)", hints.version_file or "")
    if named:
        for one in _best_first([one for one in usable if _minor(one) == named[1]]):
            order.setdefault(one.path, (one, f".python-version asks for {hints.version_file}"))
    supported = [one for one in fitting if _minor(one) in hints.classifiers]
    for one in _best_first(supported):
        order.setdefault(one.path, (one, f"{because}; and a classifier names {_minor(one)}"))
    for one in _best_first(fitting):
        order.setdefault(one.path, (one, because))
    return list(order.values())


def _best_first(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda one: (one.system, Version(one.version)), reverse=True)


def _minor(one: Found) -> str:
    version = Version(one.version)
    return f"{version.major}.{version.minor}"


def _specifiers(hints: PythonHints) -> SpecifierSet:
    try:
        return SpecifierSet(hints.requires or "")
    except InvalidSpecifier as problem:
        raise EnvironmentFailed(
            f"{hints.requires_origin}: `{hints.requires}` is not a version constraint."
        ) from problem


def _not_to_be_had(
    asked: str | None, hints: PythonHints, found: Sequence[Found], broken: Sequence[str]
) -> str:
    if asked is not None:
        wanted, example = f"Python {asked} (python.version)", asked
    else:
        wanted = f"a Python for {hints.requires or 'it'} ({hints.requires_origin or 'any version'})"
        example = (hints.classifiers or ("3.12",))[-1]
    there = ", ".join(f"{one.version} ({one.path})" for one in _best_first(found)) or "none"
    parts = [f"The repository asks for {wanted}, which is not to be had here. There is: {there}."]
    if broken:
        parts.append(f"Not whole in a room: {'; '.join(broken)}.")
    if asked is not None and re.fullmatch(r"\d+\.\d+", asked) and Version(asked) < OLDEST:
        parts.append(f"Older than {OLDEST} is not supported.")
    parts.append(
        f"To provide one: `uv python install {example}`, the system's package "
        f"python{example}, or pyenv; or set python.version to one that is there."
    )
    return " ".join(parts)


# --- discovery -------------------------------------------------------------------------------


class _Known(Record):
    mark: str
    found: tuple[Found, ...]
    missing: dict[str, tuple[str, ...] | None]


class _Memory:
    """What is known of this machine's interpreters, kept until one of the places changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
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
            self._found = tuple(_discover(self._settings))
            self._save()
        return self._found

    def missing(self, one: Found, sandbox: Sandbox) -> tuple[str, ...] | None:
        """Modules of the standard library it lacks in a room; None when it does not run there."""
        if one.path not in self._missing:
            self._missing[one.path] = _try_in_room(one, sandbox, self._settings)
            self._save()
        return self._missing[one.path]

    def _save(self) -> None:
        known = _Known(mark=self._mark, found=self._found or (), missing=self._missing)
        storage.write_whole(self._place, known.model_dump_json(indent=1).encode())

    def _fingerprint(self) -> str:
        """Changes when an interpreter may have come or gone."""
        total = hashlib.sha256(storage.image_id(self._settings).encode())
        for place in (*_program_folders(self._settings), *_version_folders()):
            try:
                total.update(f"{place}\0{place.stat().st_mtime_ns}\0".encode())
            except OSError:
                continue
        return total.hexdigest()


def _program_folders(settings: Settings) -> list[Path]:
    root = settings.room_root or Path("/")
    return [root / "usr" / "bin", root / "usr" / "local" / "bin"]


def _version_folders() -> list[Path]:
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    ours = os.environ.get("UV_PYTHON_INSTALL_DIR")
    return [pyenv / "versions", Path(ours) if ours else data / "uv" / "python"]


def _discover(settings: Settings) -> list[Found]:
    root = settings.room_root
    found: dict[tuple[str, str], Found] = {}
    if root is not None:
        # Their libraries are those of the root, so only a room could run them to ask.
        for one in _in_root(root):
            found[one.version, one.prefix] = one
    for program in _programs(settings):
        asked = _ask(program, foreign_root=root is not None)
        if asked is not None:
            found.setdefault((asked.version, asked.prefix), asked)
    return list(found.values())


def _programs(settings: Settings) -> list[Path]:
    places: list[Path] = []
    if settings.room_root is None:
        for folder in _program_folders(settings):
            places += [
                place for place in _matching(folder, "python3*") if _NAME.fullmatch(place.name)
            ]
    for folder in _version_folders():
        places += _matching(folder, "*/bin/python3")
    places += uv_program.installed_pythons()
    return list({Path(os.path.realpath(place)): None for place in places})


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Matches in a folder, none where it is closed to us."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _in_root(root: Path) -> list[Found]:
    found = []
    for folder in ("usr", "usr/local"):
        for program in sorted((root / folder / "bin").glob("python3.*")):
            if re.fullmatch(r"python3\.\d+", program.name):
                version = _root_version(root / folder, program.name)
                prefix = f"/{folder}"
                path = f"{prefix}/bin/{program.name}"
                found.append(Found(version=version, prefix=prefix, path=path, system=True))
    return found


def _root_version(prefix: Path, name: str) -> str:
    """The full version of an interpreter that cannot be run here, from its own header file."""
    header = prefix / "include" / name / "patchlevel.h"
    minor = name.removeprefix("python")
    try:
        match = re.search(r'#define PY_VERSION\s+"([^"]+)"', header.read_text())
        return match[1] if match else f"{minor}.0"
    except OSError:
        return f"{minor}.0"


def _ask(program: Path, *, foreign_root: bool) -> Found | None:
    try:
        answer = subprocess.run(
            [str(program), "-I", "-S", "-c", _PROBE],
            capture_output=True, timeout=_SECONDS, check=True, cwd="/",
            env={"PATH": os.defpath},
        )  # fmt: skip
        version, prefix, implementation = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if implementation != "cpython":
        return None
    minor = ".".join(version.split(".")[:2])
    path = Path(prefix) / "bin" / f"python{minor}"
    if not path.exists():
        return None
    system = Path(prefix).is_relative_to("/usr")
    if foreign_root and system:
        # The room's /usr is another one.
        return None
    return Found(version=version, prefix=prefix, path=str(path), system=system)


def _try_in_room(one: Found, sandbox: Sandbox, settings: Settings) -> tuple[str, ...] | None:
    mounts = [Mount(source=host, target=room) for host, room in _mounts(one, settings)]
    mounts.append(Mount(source=str(storage.scripts(settings)), target=ROOM_OURS))
    result = sandbox.run(
        RoomOrder(
            argv=(one.path, "-I", "-S", f"{ROOM_OURS}/environments/check_interpreter.py"),
            mounts=tuple(mounts),
            collect=("/out/report.json",),
            limits=RoomLimits(seconds=60),
        )
    )
    report = result.files.get("/out/report.json")
    if result.exit_code != 0 or report is None:
        return None
    said = json.loads(report)
    return tuple(str(name) for name in said["missing"])


# --- into the room ---------------------------------------------------------------------------


def _mounts(one: Found, settings: Settings) -> tuple[tuple[str, str], ...]:
    """What has to be shown besides the root: the installation, at its original path."""
    if one.system:
        return ()
    prefix = Path(one.prefix)
    place = prefix if _reachable(prefix) else _copied(prefix, one.version, settings)
    return ((str(place), one.prefix),)


def _reachable(prefix: Path) -> bool:
    """Whether the room's user gets there: as root, rooms run as somebody else."""
    if os.geteuid() != 0:
        return os.access(prefix, os.R_OK | os.X_OK)
    real = Path(os.path.realpath(prefix))
    mode = stat.S_IMODE(real.stat().st_mode)
    return mode & 0o5 == 0o5 and all(above.stat().st_mode & 0o1 for above in real.parents)


def _copied(prefix: Path, version: str, settings: Settings) -> Path:
    """A copy of an installation in our own store, without what was installed into it."""
    mark = f"{prefix}\0{prefix.stat().st_mtime_ns}\0{version}"
    name = f"{version}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    place = storage.folder(settings) / "interpreters" / name
    if place.is_dir():
        return place
    with storage.locked(settings, f"interpreter-{name}"):
        if place.is_dir():
            return place
        with storage.building(settings, place) as part:
            shutil.copytree(
                prefix, part, symlinks=True, copy_function=_link_or_copy,
                ignore=lambda folder, names: names if folder.endswith("-packages") else (),
                dirs_exist_ok=True,
            )  # fmt: skip
    return place


def _link_or_copy(source: str, target: str) -> None:
    mode = stat.S_IMODE(Path(source).stat().st_mode)
    if mode & 0o4:
        with contextlib.suppress(OSError):
            os.link(source, target, follow_symlinks=False)
            return
    shutil.copy2(source, target)
    Path(target).chmod(mode | 0o444)
