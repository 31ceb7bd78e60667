"""Keep what mypy knows of libraries, per repository, environment and configuration.

A type check may begin with it, and is as good as one without:

- Only the room of a base commit hands a cache out, and only where its configuration names no
  plugin: then no code of the tree runs in that room, of base or of a change. What code of the
  environment runs there runs in every type check of that environment, cached or not.
- Modules of the tree are in no cache, neither when it is kept nor when it is read: each is
  checked anew from its source, in the room whose verdict counts.
- A room gets a copy, and what it makes of that is thrown away with it.

The other half, which runs in the room, is `inside/mergewright_mypy.py`. The host reads nothing of
a cache.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import structlog

from agent.domain import CheckResult, Prepared, Status
from agent.ports import Mount, RoomOrder, RoomResult
from agent.settings import Settings
from repo_config import checking_tools

#: Where a room finds it, read-only.
ROOM_TYPES = "/mergewright-types"
#: A room hands out no more; the limit of what it may return is well above.
MOST_BYTES = 192 * 1024**2
RETURNED_BYTES = 256 * 1024**2
_MOST_KEPT = 20
_MOST_KEPT_BYTES = 2 * 1024**3
#: The files of mypy's SQLite cache, below a folder for the version of Python.
_NAME = re.compile(r"3\.\d{1,2}/cache(?:\.\d{1,3})?\.db")
_CONFIGURED_BY = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")

_log = structlog.get_logger()


@dataclass(frozen=True)
class TypeCache:
    """The place of one cache, and whether the type check that is told of it may fill it."""

    folder: Path
    fills: bool

    def shown(self, order: RoomOrder) -> RoomOrder:
        """Show it in the room, where there is one."""
        if not self.is_there:
            return order
        # What is read was of use; what was not for longest goes first.
        with suppress(OSError):
            os.utime(self.folder)
        mount = Mount(source=str(self.folder), target=ROOM_TYPES)
        return order.model_copy(update={"mounts": (*order.mounts, mount)})

    @property
    def is_there(self) -> bool:
        """Whether there is something to read."""
        return self.folder.is_dir()


def of(prepared: Prepared, tree: Path, settings: Settings, *, base: bool) -> TypeCache:
    """Say where the cache for a tree is kept.

    Args:
        tree: On the side of base or of head; what it configures mypy with decides.
        base: Whether it is the tree of a base commit, whose room may fill the cache.
    """
    total = hashlib.sha256()
    project = prepared.contract.project
    args = checking_tools.type_args(
        prepared.contract.config, project.type_tools, project.told, "mypy"
    )
    root = project.root
    for part in (prepared.checkout.repository, prepared.environment.key, root, *args):
        total.update(f"{len(part)}:{part}".encode())
    named = [arg.partition("=")[2] for arg in args if arg.startswith("--config-file=")]
    named += [after for arg, after in pairwise(args) if arg == "--config-file"]
    for name in (*_CONFIGURED_BY, *named):
        content = _content(tree, posixpath.join(root, name))
        total.update(f"{len(name)}:{name}:{len(content)}:".encode() + content)
    folder = settings.home / "type-caches" / total.hexdigest()[:32]
    return TypeCache(folder, fills=base and not folder.is_dir())


def _content(tree: Path, name: str) -> bytes:
    """Read a file of the tree; a link, or what is not there, counts as empty."""
    path = tree / name
    if not path.resolve().is_relative_to(tree.resolve()) or not path.is_file():
        return b""
    return path.read_bytes()[: 4 * 1024**2]


def keep(cache: TypeCache | None, place: str, result: RoomResult, judged: CheckResult) -> None:
    """Keep what the room of a base commit hands out, whole or not at all.

    Args:
        place: Folder in the room from which it came.
    """
    if cache is None or not cache.fills or judged.reason:
        return
    files = {
        path.removeprefix(f"{place}/"): content
        for path, content in result.files.items()
        if path.startswith(f"{place}/")
    }
    fits = files and all(_NAME.fullmatch(name) for name in files)
    if not fits or judged.status not in (Status.PASSED, Status.FAILED):
        return
    try:
        _write(cache.folder, files)
        _evict(cache.folder.parent)
    except OSError as problem:  # it would only have been quicker
        _log.warning("what mypy knows is not kept", error=repr(problem))


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        fresh.chmod(0o755)  # rooms read it as another user
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(exist_ok=True, mode=0o755)
            path.write_bytes(content)
        with suppress(FileExistsError):  # another run was quicker; both are right
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _evict(parent: Path) -> None:
    """Remove the caches that nobody has used for longest."""
    size = 0
    found = [path for path in parent.iterdir() if not path.name.startswith(".")]
    newest_first = sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)
    for kept, path in enumerate(newest_first, 1):
        size += sum(file.stat().st_size for file in path.rglob("*.db"))
        if kept > _MOST_KEPT or size > _MOST_KEPT_BYTES:
            shutil.rmtree(path, ignore_errors=True)
