"""Keep interpreters that a sandbox's user could not read, as copies that everybody can.

An interpreter finds its library by the place it was built for, so a copy is shown in the sandbox at
the place of the original. What was installed into it stays behind.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from agent.environments import storage
from agent.environments.found_pythons import FoundPython
from agent.settings import Settings


def list_mounts(one: FoundPython, settings: Settings) -> tuple[tuple[str, str], ...]:
    """What has to be shown besides the root: the installation, at its original path."""
    if one.system:
        return ()
    prefix = Path(one.prefix)
    # An installation is made with one set of permissions, so a few parts tell of the whole.
    library = prefix / "lib" / Path(one.path).name
    parts = [Path(os.path.realpath(one.path)), library, library / "os.py"]
    real = Path(os.path.realpath(prefix))
    open_to_all = all(map(_is_readable, (real, *real.parents, *parts)))
    place = prefix if open_to_all else _copy_installation(prefix, one.version, settings)
    return ((str(place), one.prefix),)


def _is_readable(place: Path) -> bool:
    """Whether the sandbox's user gets there: as root, sandboxes run as somebody else."""
    if os.geteuid() != 0:
        return os.access(place, os.X_OK if place.is_dir() else os.R_OK)
    return bool(place.stat().st_mode & (0o1 if place.is_dir() else 0o4))


def _copy_installation(prefix: Path, version: str, settings: Settings) -> Path:
    """A copy of an installation in our own store, without what was installed into it."""
    mark = f"{prefix}\0{prefix.stat().st_mtime_ns}\0{version}"
    name = f"{version}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    place = storage.folder(settings) / "interpreters" / name
    with storage.lock_name(settings, f"interpreter-{name}"):
        if not place.is_dir():
            with storage.reserve_build_folder(settings, place) as part:
                shutil.copytree(
                    prefix, part, symlinks=True, dirs_exist_ok=True,
                    ignore=lambda folder, names: names if folder.endswith("-packages") else (),
                )  # fmt: skip
                for copied in (part, *part.rglob("*")):
                    if not copied.is_symlink():
                        mode = copied.stat().st_mode & 0o700
                        copied.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
    return place
