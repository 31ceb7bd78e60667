"""Store environments and their parts: folders, locks, complete writes.

All files below `environments/` in the data folder are a cache that can be rebuilt. A folder that is
being built has a temporary name, and gets its real name when it is complete. After a day, clean-up
removes what a killed process left.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path

from agent import settings as operator
from agent.git import folders
from agent.models.clock import read_clock
from agent.settings import Settings
from agent.text.bytecode import compile_module

#: Part of the cache keys: raised when stored files get another meaning.
FORMAT = 6
_BUILDING = "building"
_DAY = 86_400
#: Days without use after which an environment is removed; no run takes as long.
UNUSED_DAYS = 14.0


def folder(settings: Settings) -> Path:
    """Return the folder of all environments, which a sandbox's user may enter."""
    place = settings.home / "environments"
    if not place.is_dir():
        operator.require_home(settings.home)
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
    return place


def locate_environment(settings: Settings, key: str) -> Path:
    """Return the place of a complete environment with this key."""
    return folder(settings) / "ready" / key


@contextmanager
def reserve_build_folder(settings: Settings, goal: Path) -> Iterator[Path]:
    """Yield a new folder that becomes `goal` if the block succeeds, else it is deleted."""
    parts = folder(settings) / _BUILDING
    parts.mkdir(exist_ok=True)
    part = parts / f"{os.getpid()}-{secrets.token_hex(6)}"
    part.mkdir()
    try:
        yield part
        part.chmod(0o755)
        goal.parent.mkdir(parents=True, exist_ok=True)
        part.replace(goal)
    finally:
        folders.delete_folder(part)


def provide_folder(settings: Settings, place: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder that never changes; `make` fills it once, also with several callers."""
    if not place.is_dir():
        with lock_name(settings, place.name):
            if not place.is_dir():
                with reserve_build_folder(settings, place) as part:
                    make(part)
    return place


@contextmanager
def lock_name(settings: Settings, name: str) -> Iterator[None]:
    """Hold the lock of a name for the block; other threads and processes wait."""
    locks = folder(settings) / "locks"
    locks.mkdir(exist_ok=True)
    descriptor = os.open(locks / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def note_use(settings: Settings, key: str) -> bool:
    """Record the use of an environment, so that it is not removed for days; False: it is gone."""
    try:
        os.utime(locate_environment(settings, key))
    except FileNotFoundError:
        return False
    return True


def compute_root_fingerprint() -> str:
    """Return a digest of this machine's system release and C library."""
    root = Path("/")
    total = hashlib.sha256(str(root).encode())
    for name in ("etc/os-release", "usr/lib/os-release", "etc/debian_version"):
        if (root / name).is_file():
            total.update((root / name).read_bytes())
    total.update((os.confstr("CS_GNU_LIBC_VERSION") or "").encode())
    return total.hexdigest()[:16]


def provide_scripts(settings: Settings) -> Path:
    """Return a folder with the scripts for sandboxes, compiled, and readable by their users."""
    return folders.provide_folder(folder(settings) / "scripts" / "all", _read_scripts())


@cache
def _read_scripts() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    # One of the checks imports a recipe's script.
    for package, goal in (("checks", "checks"), ("recipes", "checks"), ("setup", "setup")):
        inside = resources.files("agent") / package / "sandbox_scripts"
        for entry in inside.iterdir():
            if entry.is_file() and entry.name != "__init__.py":
                path, source = f"{goal}/{entry.name}", entry.read_bytes()
                compiled, code = compile_module(path, source)
                files |= {path: source, compiled: code}
    return files


# --- clean-up -------------------------------------------------------------------------------------


def remove_unused(settings: Settings, days: float = UNUSED_DAYS) -> int:
    """Remove environments and results of base commits unused for `days`; return how many.

    Files of runs for people (text, log and events) are never removed.
    """
    oldest, building = read_clock() - days * _DAY, folder(settings) / _BUILDING
    building.mkdir(exist_ok=True)
    # No build takes a day.
    removed = [place for place in building.glob("*-*") if _is_older(place, read_clock() - _DAY)]
    for place in filter(Path.is_dir, locate_environment(settings, "").glob("*")):
        if _is_older(place, oldest):
            # Renamed first, so that no run finds a part of it.
            removed.append(place.rename(building / f"{os.getpid()}-{secrets.token_hex(6)}"))
    removed += [
        place for place in (settings.home / "baselines").glob("*") if _is_older(place, oldest)
    ]
    for place in removed:
        folders.delete_folder(place)
    return len(removed)


def _is_older(place: Path, moment: float) -> bool:
    with suppress(FileNotFoundError):
        return place.lstat().st_mtime <= moment
    return False
