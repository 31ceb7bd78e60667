"""Where environments and their parts are kept: folders, locks, whole-or-nothing writes.

Everything below `environments/` in the data folder is a cache that can be built again. What is
being built has a name that nothing looks for; it gets its real name when it is complete, and what
a killed process left behind is swept a day later.
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

#: Changes when what is stored means something else than before.
FORMAT = 6
#: How keys begin of what lies over or under environments.
LAYERS = ("setup-", "system-")
_BUILDING = "building"
_DAY = 86_400
#: Days without use after which an environment is removed; no run takes as long.
UNUSED_DAYS = 14.0


def folder(settings: Settings) -> Path:
    """The folder of all environments; a sandbox's user may pass through."""
    place = settings.home / "environments"
    if not place.is_dir():
        operator.require_home(settings.home)
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
    return place


def locate_environment(settings: Settings, key: str) -> Path:
    """Where the environment of that key is once it is complete."""
    return folder(settings) / "ready" / key


@contextmanager
def reserve_build_folder(settings: Settings, goal: Path) -> Iterator[Path]:
    """Give a new folder that becomes `goal` when the block ends well, and is gone otherwise."""
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
    """Return a folder that never changes; `make` fills it once, however many ask for it."""
    if not place.is_dir():
        with lock_name(settings, place.name):
            if not place.is_dir():
                with reserve_build_folder(settings, place) as part:
                    make(part)
    return place


@contextmanager
def lock_name(settings: Settings, name: str) -> Iterator[None]:
    """Let one at a time do the work of that name; the others wait."""
    locks = folder(settings) / "locks"
    locks.mkdir(exist_ok=True)
    descriptor = os.open(locks / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def note_use(settings: Settings, key: str) -> bool:
    """Note that an environment is used, so that nobody prunes it for days; False: it is gone."""
    try:
        os.utime(locate_environment(settings, key))
    except FileNotFoundError:
        return False
    return True


def compute_root_fingerprint() -> str:
    """Identify this machine's root file system: the release of the system and its C library."""
    root = Path("/")
    total = hashlib.sha256(str(root).encode())
    for name in ("etc/os-release", "usr/lib/os-release", "etc/debian_version"):
        if (root / name).is_file():
            total.update((root / name).read_bytes())
    total.update((os.confstr("CS_GNU_LIBC_VERSION") or "").encode())
    return total.hexdigest()[:16]


def provide_scripts(settings: Settings) -> Path:
    """A copy of the scripts for sandboxes, where their users can read them; compiled."""
    return folders.provide_folder(folder(settings) / "scripts" / "all", _read_scripts())


@cache
def _read_scripts() -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    # A recipe's script is imported by one of the checks.
    for package, goal in (("checks", "checks"), ("recipes", "checks"), ("setup", "setup")):
        inside = resources.files("agent") / package / "sandbox_scripts"
        for entry in inside.iterdir():
            if entry.is_file() and entry.name != "__init__.py":
                path, source = f"{goal}/{entry.name}", entry.read_bytes()
                compiled, code = compile_module(path, source)
                found |= {path: source, compiled: code}
    return found


# --- what is not needed any more ------------------------------------------------------------------


def remove_unused(settings: Settings, days: float = UNUSED_DAYS) -> int:
    """Remove environments and measured base commits that nobody has used; return how many.

    What a run leaves for people (its text, log and events) is never touched.
    """
    oldest, gone = read_clock() - days * _DAY, 0
    # Nobody builds for a day.
    for place in (folder(settings) / _BUILDING).glob("*-*"):
        if _is_older(place, read_clock() - _DAY):
            folders.delete_folder(place)
            gone += 1
    for place in filter(Path.is_dir, locate_environment(settings, "").glob("*")):
        # Folders that are no layers are from another version of ours and unused.
        if _is_older(place, oldest) or not place.name.startswith(LAYERS):
            # From the start, nobody finds a part of it.
            part = folder(settings) / _BUILDING / f"{os.getpid()}-{secrets.token_hex(6)}"
            part.parent.mkdir(exist_ok=True)
            folders.delete_folder(place.rename(part))
            gone += 1
    for place in (settings.home / "baselines").glob("*"):
        if _is_older(place, oldest):
            place.unlink(missing_ok=True)
            gone += 1
    return gone


def _is_older(place: Path, moment: float) -> bool:
    with suppress(FileNotFoundError):
        return place.lstat().st_mtime <= moment
    return False
