"""Where environments and their parts are kept: folders, locks, whole-or-nothing writes.

Everything below `environments/` in the data folder is a cache that can be built again. What is
being built has a name that nothing looks for; it gets its real name when it is complete, and what
a killed process left behind is swept a day later.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from importlib.util import MAGIC_NUMBER
from itertools import starmap
from pathlib import Path

from agent import settings as operator
from agent.errors import StorageFull
from agent.models.clock import read_clock
from agent.settings import Settings
from agent.text.bytecode import compile_module

#: Changes when what is stored means something else than before.
FORMAT = 4
#: How keys begin of what lies over or under environments.
LAYERS = ("setup-", "system-")
_BUILDING = "building"
#: No set-up takes as long.
_LONGEST_BUILD = 86_400
_SCRIPT_PACKAGES = ("checks", "recipes", "setup")

MARK = f"{sys.implementation.cache_tag} {MAGIC_NUMBER.hex()}".encode()
"""Differs where the bytecode of an equal source may differ."""


def folder(settings: Settings) -> Path:
    """The folder of all environments; a sandbox's user may pass through."""
    place = settings.home / "environments"
    if not place.is_dir():
        with no_space("environments"):
            operator.require_home(settings)
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
    with no_space(goal.name):
        parts.mkdir(exist_ok=True)
        part = parts / f"{os.getpid()}-{secrets.token_hex(6)}"
        part.mkdir()
    try:
        with no_space(goal.name):
            yield part
            part.chmod(0o755)
            goal.parent.mkdir(parents=True, exist_ok=True)
            part.replace(goal)
    finally:
        if part.exists():
            remove_folder(part)


@contextmanager
def lock_name(settings: Settings, name: str) -> Iterator[None]:
    """Let one at a time do the work of that name; the others wait."""
    locks = folder(settings) / "locks"
    with no_space("a lock"):
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


def discard(settings: Settings, place: Path) -> None:
    """Remove a folder of the store; from the start, nobody finds a part of it."""
    parts = folder(settings) / _BUILDING
    parts.mkdir(exist_ok=True)
    remove_folder(place.rename(parts / f"{os.getpid()}-{secrets.token_hex(6)}"))


def remove_leftovers(settings: Settings) -> int:
    """Remove what was begun so long ago that nobody builds it any more; return how much."""
    gone, oldest = 0, read_clock() - _LONGEST_BUILD
    for place in (folder(settings) / _BUILDING).glob("*-*"):
        if place.stat().st_mtime < oldest:
            remove_folder(place)
            gone += 1
    return gone


def remove_folder(place: Path) -> None:
    """Remove a folder with all in it, however its permissions are set; links are not followed."""
    if not place.is_dir():
        return
    place.chmod(0o700)
    for current, folders, _ in os.walk(place):
        for name in folders:
            below = Path(current, name)
            if not below.is_symlink():
                below.chmod(0o700)
    shutil.rmtree(place)


def write_whole(place: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole, or not at all; of several writers the last wins.

    Raises:
        StorageFull: There is no space for it.
    """
    with no_space(place.name):
        part = make_temporary_path(place)
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)


def make_temporary_path(place: Path) -> Path:
    """Name a file for one writer alone, from which what it writes is renamed into place."""
    return place.with_name(f".{place.name}.{os.getpid()}-{secrets.token_hex(6)}")


@contextmanager
def no_space(what: str) -> Iterator[None]:
    """Say it in words when the disk is full.

    Raises:
        StorageFull: Writing failed for lack of space.
    """
    try:
        yield
    except OSError as problem:
        # copytree collects its failures; a full disk is among them as text.
        is_full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        if is_full or os.strerror(errno.ENOSPC) in str(problem):
            raise StorageFull(
                f"The disk that holds Mergewright's data is full: no space for {what}. "
                "Free some: environments/, mirrors/ and baselines/ in it are caches."
            ) from problem
        raise


def compute_root_fingerprint(folder: str | None) -> str:
    """What a root file system of sandboxes is: the release of the system and its C library."""
    root = Path(folder or "/")
    total = hashlib.sha256(str(root).encode())
    for name in ("etc/os-release", "usr/lib/os-release", "etc/debian_version"):
        if (root / name).is_file():
            total.update((root / name).read_bytes())
    own = folder in (None, "/")
    mark = os.confstr("CS_GNU_LIBC_VERSION") if own else str(root.stat().st_mtime_ns)
    total.update((mark or "").encode())
    return total.hexdigest()[:16]


def provide_scripts(settings: Settings) -> Path:
    """A copy of the scripts for sandboxes, where their users can read them; compiled."""
    content = _script_contents()
    total = hashlib.sha256(MARK)
    for path, text in content.items():
        total.update(f"{path}\0{len(text)}\0".encode() + text)
    place = folder(settings) / "scripts" / total.hexdigest()[:16]
    if place.is_dir():
        return place
    with lock_name(settings, "scripts"):
        if not place.is_dir():
            compiled = dict(starmap(compile_module, content.items()))
            with reserve_build_folder(settings, place) as part:
                for name, written in (content | compiled).items():
                    file = part / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(written)
                    file.chmod(0o644)
    return place


@cache
def _script_contents() -> dict[str, bytes]:
    found = {}
    for package in _SCRIPT_PACKAGES:
        inside = resources.files("agent") / package / "sandbox_scripts"
        for entry in sorted(inside.iterdir(), key=lambda entry: entry.name):
            if entry.is_file() and entry.name != "__init__.py":
                found[f"{package}/{entry.name}"] = entry.read_bytes()
    return found
