"""Keep interpreters that a room's user could not read, as copies that everybody can.

An interpreter finds its library by the place it was built for, so a copy is shown in the room at
the place of the original. What was installed into it stays behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from pathlib import Path

from agent.environments import storage
from agent.environments.found_pythons import Found
from agent.settings import Settings


def mounts(one: Found, settings: Settings) -> tuple[tuple[str, str], ...]:
    """What has to be shown besides the root: the installation, at its original path."""
    if one.system:
        return ()
    prefix = Path(one.prefix)
    # An installation is made with one set of permissions, so a few parts tell of the whole.
    modules = prefix / "lib" / Path(one.path).name
    parts = (Path(os.path.realpath(one.path)), modules.parent, modules, modules / "os.py")
    open_to_all = _is_reachable(prefix) and all(map(_is_readable, parts))
    place = prefix if open_to_all else _copied(prefix, one.version, settings)
    return ((str(place), one.prefix),)


def _is_reachable(prefix: Path) -> bool:
    """Whether the room's user gets there: as root, rooms run as somebody else."""
    if os.geteuid() != 0:
        return os.access(prefix, os.R_OK | os.X_OK)
    real = Path(os.path.realpath(prefix))
    return all(above.stat().st_mode & 0o1 for above in (real, *real.parents))


def _is_readable(place: Path) -> bool:
    if os.geteuid() != 0:
        return os.access(place, os.R_OK)
    mode = place.stat().st_mode
    return _for_all(mode) == stat.S_IMODE(mode)


def _for_all(mode: int) -> int:
    """Permissions with those of the owner, but for writing, for everybody."""
    own = stat.S_IMODE(mode)
    may = (own >> 6) & (0o5 if own & 0o100 else 0o4) | 0o4
    return own | may | may << 3


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
            for folder, _, _ in os.walk(part):
                Path(folder).chmod(_for_all(Path(folder).stat().st_mode))
    return place


def _link_or_copy(source: str, target: str) -> None:
    mode = Path(source).stat().st_mode
    wanted = _for_all(mode)
    if wanted == stat.S_IMODE(mode):
        with contextlib.suppress(OSError):
            os.link(source, target, follow_symlinks=False)
            return
    shutil.copy2(source, target)
    Path(target).chmod(wanted)
