"""Keep what mypy knows of base commits, so that a type check of a change begins with it.

mypy holds each module against the digest of its source, and so is as thorough as from nothing. Only
the sandbox of a base commit hands a cache out, and only where its configuration names no plugin:
then no code of the tree runs in that sandbox, of base or of a change. What code of the environment
runs there runs in every type check of that environment. A sandbox gets a copy, and what it makes of
that is thrown away with it; the host reads nothing of a cache. The other half, which runs in the
sandbox, is `sandbox_scripts/mergewright_mypy.py`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from agent.models.checks import CheckResult, Status
from agent.models.environment import Prepared
from agent.models.sandbox import Mount, SandboxRequest, SandboxResult
from agent.settings import Settings

#: Where a sandbox finds it, read-only.
SANDBOX_TYPES = "/mergewright-types"
#: A sandbox hands out no more; the limit of what it may return is well above.
MOST_BYTES = 192 * 1024**2
RETURNED_BYTES = 256 * 1024**2
_MOST_KEPT = 20
_MOST_KEPT_BYTES = 2 * 1024**3
#: The files of mypy's SQLite cache, below a folder for the version of Python.
_NAME = re.compile(r"3\.\d{1,2}/cache(?:\.\d{1,3})?\.db")

_log = structlog.get_logger()


@dataclass(frozen=True)
class TypeCache:
    """The place of one cache, and whether the type check that is told of it may fill it."""

    folder: Path
    fills: bool

    def show_in_request(self, order: SandboxRequest) -> SandboxRequest:
        """Show the sandbox what there is: of this commit, else of the one that was last of use."""
        if self.source is None:
            return order
        with suppress(OSError):
            os.utime(self.source)
        mount = Mount(source=str(self.source), target=SANDBOX_TYPES)
        return order.model_copy(update={"mounts": (*order.mounts, mount)})

    @property
    def source(self) -> Path | None:
        """The folder to read; None: there is nothing yet."""
        if self.folder.is_dir():
            return self.folder
        start, _, _ = self.folder.name.partition("-")
        others = self.folder.parent.glob(f"{start}-*")
        return max(others, key=lambda path: path.stat().st_mtime, default=None)


def locate_cache(prepared: Prepared, settings: Settings, *, base: bool) -> TypeCache:
    """Say where the cache of a commit is kept.

    Args:
        base: Whether it is the base commit that is checked, whose sandbox may fill the cache.
    """
    parts = (
        prepared.checkout.repository,
        prepared.environment.key,
        prepared.contract.project.root,
    )
    start = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    folder = settings.home / "type-caches" / f"{start}-{prepared.checkout.commit[:16]}"
    return TypeCache(folder, fills=base and not folder.is_dir())


def store_cache(
    cache: TypeCache | None, place: str, result: SandboxResult, judged: CheckResult
) -> None:
    """Keep what the sandbox of a base commit hands out, whole or not at all.

    Args:
        place: Folder in the sandbox from which it came.
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
        _write_files(cache.folder, files)
        _evict_unused(cache.folder.parent)
    except OSError as problem:  # it would only have been quicker
        _log.warning("what mypy knows is not kept", error=repr(problem))


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        fresh.chmod(0o755)  # sandboxes read it as another user
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(exist_ok=True, mode=0o755)
            path.write_bytes(content)
        with suppress(FileExistsError):  # another run was quicker; both are right
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _evict_unused(parent: Path) -> None:
    """Remove the caches that nobody has used for longest."""
    size = 0
    found = [path for path in parent.iterdir() if not path.name.startswith(".")]
    newest_first = sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)
    for kept, path in enumerate(newest_first, 1):
        size += sum(file.stat().st_size for file in path.rglob("*.db"))
        if kept > _MOST_KEPT or size > _MOST_KEPT_BYTES:
            shutil.rmtree(path, ignore_errors=True)
